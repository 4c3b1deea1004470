//! `tarishi`, the phone in a terminal, as a real process: one for each command, or one that watches.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use tarishi_core::DeviceState;

use super::{
    Result, States,
    process::{Exit, Launch, Process, tail},
};

/// A phone: a program and a database file.
#[derive(Clone, Debug)]
pub struct Phone {
    program: PathBuf,
    database: PathBuf,
}

/// How one command is to die.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// At the Nth time it gets to a named place, `name:N`.
    pub failpoint: Option<String>,
    /// By SIGKILL after this long.
    pub kill_after: Option<Duration>,
}

impl Run {
    /// Not at all.
    #[must_use]
    pub fn to_its_end() -> Self {
        Self::default()
    }
}

/// What a command left behind.
#[derive(Clone, Debug)]
pub struct Ran {
    /// How it ended.
    pub exit: Exit,
    /// The objects it printed.
    pub objects: Vec<Value>,
}

impl Phone {
    /// A phone with this database, not yet made.
    #[must_use]
    pub fn new(program: &Path, database: PathBuf) -> Self {
        Self { program: program.to_owned(), database }
    }

    /// Names its server and gives it its token.
    ///
    /// # Errors
    /// The command fails.
    pub async fn init(&self, server: &str, token: &str) -> Result<()> {
        self.done(&["init", "--server", server, "--token", token]).await.map(drop)
    }

    /// Enqueues the operations of a file; `{imported, refused, lines}`, and what it said of refused lines.
    ///
    /// # Errors
    /// It dies or cannot store.
    pub async fn import(&self, file: &Path) -> Result<(Value, String)> {
        let file = file.to_string_lossy();
        let _ = std::fs::remove_file(self.log());
        let Ran { exit, objects } = self.run(&["import", &file], Run::to_its_end()).await?;
        let said = std::fs::read_to_string(self.log()).unwrap_or_default();
        match (exit, objects.into_iter().next()) {
            (Exit::Code(0 | 1), Some(counts)) => Ok((counts, said)),
            (exit, _) => Err(format!("import: {exit:?}\n{said}").into()),
        }
    }

    /// Where its operations stand.
    ///
    /// # Errors
    /// The command fails.
    pub async fn states(&self) -> Result<States> {
        let state = |row: &Value| {
            let state = DeviceState::from_word(row["state"].as_str()?)?;
            Some((row["key"].as_str()?.to_owned(), state))
        };
        let rows = self.done(&["list"]).await?;
        rows.iter().map(|row| state(row).ok_or_else(|| format!("`list` printed {row}").into())).collect()
    }

    /// Runs a command that must succeed; the objects it prints.
    ///
    /// # Errors
    /// It fails; the text holds what it said.
    pub async fn done(&self, args: &[&str]) -> Result<Vec<Value>> {
        let Ran { exit, objects } = self.run(args, Run::to_its_end()).await?;
        if exit == Exit::Code(0) { Ok(objects) } else { Err(self.failure(args, exit)) }
    }

    /// Runs a command in a given way.
    ///
    /// # Errors
    /// It does not start, or prints what is no JSON.
    pub async fn run(&self, args: &[&str], run: Run) -> Result<Ran> {
        let process = self.start(args, run.failpoint)?;
        let (exit, out) = process.finish(run.kill_after).await?;
        // One that was killed may have stopped in the middle of a line.
        let whole = out.lines().filter_map(|line| match serde_json::from_str(line) {
            Err(_) if exit == Exit::Signal => None,
            read => Some(read),
        });
        Ok(Ran { exit, objects: whole.collect::<std::result::Result<_, _>>()? })
    }

    /// Starts a command that goes on by itself.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(&self, args: &[&str], failpoint: Option<String>) -> Result<Process> {
        let mut all = vec!["--db".to_owned(), self.database.to_string_lossy().into_owned(), "--json".to_owned()];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let env = failpoint.map(|name| ("TARISHI_FAILPOINT", name)).into_iter().collect();
        let folder = self.database.parent().ok_or("a database lies in a folder")?.to_path_buf();
        Process::start(&Launch { program: self.program.clone(), args: all, env, folder, log: self.log() })
    }

    /// Stays open and syncs by its own scheduler.
    ///
    /// # Errors
    /// It does not start.
    pub async fn watch(&self) -> Result<Watch> {
        let mut process = self.start(&["watch"], None)?;
        match process.next_line().await? {
            Some(_) => Ok(Watch { process }),
            None => {
                let exit = process.wait().await?;
                Err(self.failure(&["watch"], exit))
            }
        }
    }

    /// What it said last, for the text of an error.
    pub fn failure(&self, args: &[&str], exit: Exit) -> super::Error {
        format!("tarishi {}: {exit:?}\n{}", args.first().unwrap_or(&""), tail(&self.log())).into()
    }

    fn log(&self) -> PathBuf {
        self.database.with_extension("log")
    }
}

/// A phone that watches.
#[derive(Debug)]
pub struct Watch {
    process: Process,
}

impl Watch {
    /// The next event; `None` when it has ended.
    ///
    /// # Errors
    /// What it prints cannot be read.
    pub async fn next_event(&mut self) -> Result<Option<Value>> {
        match self.process.next_line().await? {
            // A line that was cut by a kill is no event.
            Some(line) => Ok(Some(serde_json::from_str(&line).unwrap_or_default())),
            None => Ok(None),
        }
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// It cannot be killed.
    pub async fn kill(mut self) -> Result<Exit> {
        self.process.kill().await
    }
}
