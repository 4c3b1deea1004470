//! A child process that never outlives its owner.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::Result;

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal: killed by us, or aborted at a failpoint.
    Signal,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or(Self::Signal, Self::Code)
    }
}

/// A running child. Dropped, it is killed by its id.
#[derive(Debug)]
pub struct Process {
    child: Child,
    out: Option<Lines<BufReader<ChildStdout>>>,
}

/// What a child is started with.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    /// The whole environment: nothing of ours leaks in.
    pub(super) env: Vec<(&'static str, String)>,
    pub(super) folder: PathBuf,
    /// Where standard error goes, appended.
    pub(super) log: PathBuf,
}

impl Process {
    pub(super) fn start(launch: &Launch) -> Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&launch.log)?;
        let mut child = Command::new(&launch.program)
            .args(&launch.args)
            .env_clear()
            .envs(launch.env.iter().map(|(name, text)| (name, text)))
            .current_dir(&launch.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().map(|out| BufReader::new(out).lines());
        Ok(Self { child, out })
    }

    /// Its id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The next line it prints; `None` when it has closed its output.
    ///
    /// # Errors
    /// The output cannot be read.
    pub async fn next_line(&mut self) -> Result<Option<String>> {
        match &mut self.out {
            Some(out) => Ok(out.next_line().await?),
            None => Ok(None),
        }
    }

    /// SIGKILL, and the end of it. Says how it ended: it may have been faster.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(&mut self) -> Result<Exit> {
        if self.child.id().is_some() {
            // Fails when it has ended meanwhile, which is what was wanted.
            let _ = self.child.start_kill();
        }
        Ok(self.child.wait().await?.into())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn wait(&mut self) -> Result<Exit> {
        Ok(self.child.wait().await?.into())
    }

    /// Reads all it prints until it ends; killed after `kill_after`, if that comes first.
    pub(super) async fn finish(mut self, kill_after: Option<Duration>) -> Result<(Exit, String)> {
        let out = self.out.take().map(Lines::into_inner);
        let reading = async move {
            let mut text = Vec::new();
            if let Some(mut out) = out {
                out.read_to_end(&mut text).await?;
            }
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&text).into_owned())
        };
        let reading = tokio::spawn(reading);
        let exit = match kill_after {
            None => self.wait().await?,
            Some(after) => match timeout(after, self.child.wait()).await {
                Ok(status) => status?.into(),
                Err(_) => self.kill().await?,
            },
        };
        Ok((exit, reading.await??))
    }

    /// The most memory it ever held resident, in KiB; `None` once it has ended, or where there is no /proc.
    #[must_use]
    pub fn peak_memory_kib(&self) -> Option<u64> {
        peak_memory_kib(Path::new("/proc").join(self.id()?.to_string()).as_path())
    }
}

fn peak_memory_kib(proc: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(proc.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The last lines of a log, for the text of an error.
pub(super) fn tail(log: &Path) -> String {
    const LINES: usize = 12;
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
