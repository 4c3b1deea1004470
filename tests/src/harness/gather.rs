//! What a test leaves behind, for `tests/run secrets`: with [`GATHER`] in the environment, each server's database, log and
//! answers are kept in a folder of their own, and beside it, not among it, what was secret.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
};

use rusqlite::Connection;
use tarishi_server::observe::{LogFormat, init_logging_into};

use super::Result;

/// The environment variable that names the folder.
pub const GATHER: &str = "TARISHI_GATHER";
/// Where what is searched lies.
pub(crate) const GATHERED: &str = "gathered";
/// Where the names of secrets lie that only one server knew.
pub(crate) const KNOWN: &str = "known";
/// The record of a server's answers.
pub(crate) const ANSWERS: &str = "answers.txt";
/// The most that an operator can ask of the log: everything, and everything of each library by its own name.
pub(crate) const LOG_FILTER: &str = "trace,hyper=trace,hyper_util=trace,hyper_util::client=trace,h2=trace,h2::codec=trace,\
    reqwest=trace,reqwest::connect=trace,rustls=trace,rustls::client=trace";

/// One server's folder. Dropped, it takes what the server has left.
#[derive(Debug)]
pub struct Gathering {
    folder: PathBuf,
    known: PathBuf,
    database: PathBuf,
    logs: Vec<PathBuf>,
}

impl Gathering {
    /// For a server with this database and these logs, if somebody gathers.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn begin(database: &Path, logs: &[PathBuf]) -> Result<Option<Self>> {
        env::var_os(GATHER).map(|root| Self::within(Path::new(&root), database, logs)).transpose()
    }

    fn within(root: &Path, database: &Path, logs: &[PathBuf]) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}-{}", test_name(), std::process::id(), MADE.fetch_add(1, Ordering::SeqCst));
        let folder = root.join(GATHERED).join(&name);
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(root.join(KNOWN))?;
        let known = root.join(KNOWN).join(name);
        listen(root)?;
        Ok(Self { folder, known, database: database.to_owned(), logs: logs.to_vec() })
    }

    /// Where the answers are to be written.
    #[must_use]
    pub fn answers(&self) -> PathBuf {
        self.folder.join(ANSWERS)
    }

    /// This must be found nowhere.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn know(&self, secret: &str) -> Result<()> {
        use io::Write as _;
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&self.known)?;
        Ok(writeln!(file, "{}", serde_json::to_string(secret)?)?)
    }

    /// The master key as it is now must be found nowhere.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn know_key(&self) -> Result<()> {
        let key = with_suffix(&self.database, ".key");
        if key.exists() {
            self.know(fs::read_to_string(&key)?.trim())?;
            fs::copy(key, with_suffix(&self.known, ".key"))?;
        }
        Ok(())
    }

    fn take(&self) -> Result<()> {
        self.know_key()?;
        for log in self.logs.iter().filter(|log| log.exists()) {
            fs::copy(log, self.folder.join(log.file_name().unwrap_or_default()))?;
        }
        if !self.database.exists() {
            return Ok(());
        }
        // Nobody writes or moves the log into the file meanwhile.
        let conn = Connection::open(&self.database)?;
        conn.busy_timeout(std::time::Duration::from_secs(10))?;
        conn.execute_batch("BEGIN IMMEDIATE")?;
        for suffix in ["", "-wal"] {
            let file = with_suffix(&self.database, suffix);
            if file.exists() {
                fs::copy(&file, self.folder.join(file.file_name().unwrap_or_default()))?;
            }
        }
        Ok(conn.execute_batch("ROLLBACK")?)
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        if let Err(error) = self.take() {
            // Whoever searches looks for this.
            let _ = fs::write(self.folder.join(NOT_GATHERED), error.to_string());
        }
    }
}

/// Lies where something could not be gathered.
pub(crate) const NOT_GATHERED: &str = "not-gathered.txt";

/// The log of the servers in this process: one, for a thread does not say whose it is.
fn listen(root: &Path) -> io::Result<()> {
    static ONCE: Once = Once::new();
    let mut made = Ok(());
    ONCE.call_once(|| {
        let log = root.join(GATHERED).join(format!("servers-{}.log", std::process::id()));
        made = fs::File::create(log).map(|file| init_logging_into(LOG_FILTER, LogFormat::Json, std::sync::Mutex::new(file)));
    });
    made
}

/// The name of the test that runs in this thread, as a folder's.
fn test_name() -> String {
    std::thread::current().name().unwrap_or("main").replace("::", ".")
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_leaves_its_database_its_log_and_its_key_apart() {
        let (root, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let database = home.path().join("tarishi.db");
        let log = home.path().join("server.log");
        let conn = Connection::open(&database).unwrap();
        conn.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
        fs::write(&log, "a line\n").unwrap();
        fs::write(home.path().join("tarishi.db.key"), "the-key\n").unwrap();

        let gathering = Gathering::within(root.path(), &database, &[log]).unwrap();
        gathering.know("a \"token\"").unwrap();
        let (folder, known) = (gathering.folder.clone(), gathering.known.clone());
        drop(gathering);

        for name in ["tarishi.db", "tarishi.db-wal", "server.log"] {
            assert!(folder.join(name).exists(), "{name}");
        }
        assert!(!folder.join("tarishi.db.key").exists() && !folder.join(NOT_GATHERED).exists());
        assert_eq!(fs::read_to_string(&known).unwrap(), "\"a \\\"token\\\"\"\n\"the-key\"\n");
        assert!(folder.file_name().unwrap().to_str().unwrap().contains("a_server_leaves_its_database"));
    }
}
