//! Do the logs, answers and databases of a whole test run hold anything that they must not?
//!
//! The tests run with credentials, tokens, numbers and texts that can be told from everything else. With
//! [`GATHER`](crate::harness::GATHER) in the environment each server leaves its log (at the most verbose level), every answer
//! that it gave and its database in one folder. Here all of these bytes are searched: for every secret raw, in base64, in hex and
//! percent-encoded, for phone numbers and for the texts of payloads. What may lie where is said in `may`, each with a reason; the
//! list is short. Before each search it is proven that one can fail ([`proof`]).

mod canary;
mod forms;
mod matcher;
mod may;
mod phones;
mod places;
pub mod proof;
mod shapes;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
};

pub use canary::Canaries;
use places::{Answer, Column};

use crate::harness::{
    Result,
    gather::{ANSWERS, GATHERED, KNOWN, NOT_GATHERED},
};

/// What kind of thing must not be seen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// It opens something.
    Secret,
    /// A phone number.
    Phone,
    /// What an app sends.
    Text,
}

/// Something that must not lie where it was found. It is never shown itself.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Where it lies.
    pub place: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, place } = self;
        write!(f, "{kind:?} {name} in {place}")
    }
}

/// What was searched, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Files that were searched.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Answers among them.
    pub answers: usize,
    /// Secrets that were known, whatever form they may take.
    pub secrets: usize,
    /// What must not be there, each once.
    pub findings: BTreeSet<Finding>,
    /// Why this search proves nothing.
    pub gaps: Vec<String>,
    folders: BTreeSet<String>,
    routes: BTreeMap<String, usize>,
    logged: bool,
}

impl Report {
    /// Nothing was found, and enough was searched.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.gaps.is_empty()
    }
}

/// Searches what a run left in this folder. `tests` are the names of the tests that ran.
///
/// # Errors
/// Something cannot be read.
pub async fn search(root: &Path, tests: &[String]) -> Result<Report> {
    let mut report = Report::default();
    let common = Canaries::common();
    let entries = sorted(&root.join(GATHERED))?;
    let mut all = common.clone();
    for folder in entries.iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let own = common.clone().with_own(&root.join(KNOWN).join(&name), folder).await?;
        for file in sorted(folder)? {
            look(&file, root, &own, &mut report)?;
        }
        report.secrets += own.secrets() - common.secrets();
        all.take_named(own);
        report.folders.insert(name);
    }
    report.secrets += common.secrets();
    // The log of many servers: nobody's secret may be in it.
    for file in entries.iter().filter(|path| path.is_file()) {
        look(file, root, &all, &mut report)?;
    }
    check_extent(&mut report, tests);
    Ok(report)
}

/// What may be seen where, a line each.
#[must_use]
pub fn exceptions() -> Vec<String> {
    let answers = may::ANSWERS.iter().map(|may| {
        let may::Shown { method, path, field, kind, because } = may;
        format!("{kind:?} in `{field}` of {method} {path}: {because}")
    });
    let columns =
        may::COLUMNS.iter().map(|(table, column, because)| format!("Phone, Text in column {table}.{column}: {because}"));
    answers.chain(columns).collect()
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = fs::read_dir(folder)
        .map_err(|error| format!("nothing was gathered in {}: {error}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

fn look(file: &Path, root: &Path, canaries: &Canaries, report: &mut Report) -> Result<()> {
    let bytes = fs::read(file)?;
    let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
    report.files += 1;
    report.bytes += bytes.len() as u64;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = |kind: Kind, name: String, place: String| {
        report.findings.insert(Finding { kind, name, place });
    };
    if name == NOT_GATHERED {
        report.gaps.push(format!("{shown}: {}", String::from_utf8_lossy(&bytes)));
    } else if name == ANSWERS {
        for answer in places::answers(&bytes) {
            for (kind, name) in answer.search(canaries) {
                found(kind, name, format!("{shown}: {answer}"));
            }
            report.answers += 1;
            *report.routes.entry(answer.route()).or_default() += 1;
        }
    } else if name.ends_with(".db") || name.ends_with(".db-wal") {
        for name in canaries.secrets_in(&bytes) {
            found(Kind::Secret, name, shown.clone());
        }
        if name.ends_with(".db") {
            for (kind, name, Column { table, column }) in places::columns(file, canaries)? {
                found(kind, name, format!("{shown}: column {table}.{column}"));
            }
        }
    } else {
        for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            for (kind, name) in canaries.all_in(line) {
                found(kind, name, format!("{shown}:{}", at + 1));
            }
        }
        report.logged |= places::is_verbose(&bytes);
    }
    Ok(())
}

/// Did the run leave enough for the search to mean something?
fn check_extent(report: &mut Report, tests: &[String]) {
    let mut gaps = Vec::new();
    if report.files < tests.len() || tests.is_empty() {
        gaps.push(format!("{} files of {} tests", report.files, tests.len()));
    }
    for test in tests.iter().filter(|test| !may::runs_no_server(test)) {
        let name = format!("{}-", test.replace("::", "."));
        if !report.folders.iter().any(|folder| folder.starts_with(&name)) {
            gaps.push(format!("{test} left nothing"));
        }
    }
    if !report.logged {
        gaps.push("no log at its most verbose level is there".to_owned());
    }
    for route in may::ROUTES_TO_SEE.iter().filter(|route| !report.routes.contains_key(**route)) {
        gaps.push(format!("no answer of {route} is there"));
    }
    report.gaps.extend(gaps);
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answer to {} {} ({})", self.method, self.path, self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_that_left_too_little_is_not_clean_however_little_was_found() {
        let root = proof::clean_run().unwrap();
        let tests = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();

        let whole = search(root.path(), &tests(&["scenarios::one::a_test"])).await.unwrap();
        assert!(whole.is_clean(), "{:?} {:?}", whole.findings, whole.gaps);
        let missing = search(root.path(), &tests(&["scenarios::one::a_test", "scenarios::one::another"])).await.unwrap();
        assert_eq!(missing.gaps, ["scenarios::one::another left nothing"]);
        let many: Vec<String> = (0..=whole.files).map(|number| format!("scenario_files::test_{number}")).collect();
        let fewer = search(root.path(), &many).await.unwrap();
        assert_eq!(fewer.gaps, [format!("{} files of {} tests", whole.files, many.len())]);
        assert!(!search(root.path(), &[]).await.unwrap().is_clean());
        assert!(search(&root.path().join("nowhere"), &[]).await.is_err());
    }

    #[tokio::test]
    async fn what_could_not_be_gathered_is_a_gap() {
        let root = proof::clean_run().unwrap();
        let folder = sorted(&root.path().join(GATHERED)).unwrap().into_iter().find(|path| path.is_dir()).unwrap();
        fs::write(folder.join(NOT_GATHERED), "the disk was full").unwrap();

        let report = search(root.path(), &["scenarios::one::a_test".to_owned()]).await.unwrap();

        assert!(report.gaps.len() == 1 && report.gaps[0].ends_with("the disk was full"), "{:?}", report.gaps);
    }
}
