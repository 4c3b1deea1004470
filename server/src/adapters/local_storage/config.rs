//! Local storage's one setting.

use std::path::Path;

use super::super::{AdapterError, SettingSpec, Settings};

pub(super) const SETTINGS: &[SettingSpec] = &[SettingSpec {
    name: "root",
    secret: false,
    required: true,
    help: "the folder that holds every tenant's files; its parent must exist",
}];

/// The folder below which everything is.
pub(super) fn root(settings: &Settings) -> Result<&Path, AdapterError> {
    settings.require("root").map(Path::new)
}
