//! Runs the scenario files of `tests/scenarios`, which Rust, Kotlin and Swift run alike.
//!
//! `tests/scenarios/README.md` says what the files mean. [`mod@file`] reads them strictly, [`run`](run()) carries them out on a
//! [`Road`], and what a step gives is compared with what it expects by [`matching`].

mod control;
mod device;
pub mod file;
pub mod matching;
mod results;
mod run;
mod verbs;

use std::path::PathBuf;

use crate::harness::Result;
pub use control::Road;
use file::Scenario;
pub use run::run;

/// One file of the folder.
#[derive(Debug)]
pub struct Found {
    /// Its name without `.json`.
    pub stem: String,
    /// The words in it that every runner must know.
    pub verbs: Vec<String>,
    /// What it says.
    pub scenario: Scenario,
}

/// The folder with the scenarios.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Every scenario, by file name.
///
/// # Errors
/// A file that cannot be read, or that says what no runner understands; its name is in the text.
pub fn all() -> Result<Vec<Found>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path)?;
        let scenario = file::parse(&text).map_err(|error| format!("{stem}: {error}"))?;
        let verbs = file::verbs(&text)?;
        found.push(Found { stem, verbs, scenario });
    }
    Ok(found)
}
