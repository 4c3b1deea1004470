//! Good inputs: the protocol's golden files and the adapters' fixtures.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::harness::Result;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A golden file.
pub(super) fn golden(name: &str) -> Result<Vec<u8>> {
    Ok(fs::read(repository().join("core/protocol/tests/golden/v1").join(name))?)
}

/// `{adapter, action, payload}` of every golden payload.
pub(super) fn payloads() -> Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut names: Vec<_> =
        fs::read_dir(repository().join("core/protocol/tests/golden/v1"))?.filter_map(|entry| entry.ok()).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with("payload_")) {
        let rows: Vec<Value> = serde_json::from_slice(&fs::read(entry.path())?)?;
        all.extend(rows);
    }
    Ok(all)
}

/// The fixtures of one adapter whose names begin so; an empty object beside them.
pub(super) fn fixtures(adapter: &str, begins: &[&str]) -> Result<Vec<Vec<u8>>> {
    let mut all = vec![b"{}".to_vec()];
    let folder = repository().join("server/src/adapters").join(adapter).join("fixtures");
    let mut names: Vec<_> = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok()).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") && begins.iter().any(|begin| name.starts_with(begin)) {
            all.push(fs::read(entry.path())?);
        }
    }
    Ok(all)
}
