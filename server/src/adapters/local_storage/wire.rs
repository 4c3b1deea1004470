//! Names of files and how errors of the disk are read. Pure.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustix::io::Errno;
use tarishi_protocol::{Code, FileRef, limits};

use super::super::{AdapterError, Disposition};

/// Names of files that are not finished begin so; no file of a user may.
pub(super) const UNFINISHED: &str = ".tarishi-";

/// A checked path below the tenant's folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct FilePath(String);

impl FilePath {
    /// Checks a path part by part: a relative one of plain names.
    pub(super) fn parse(path: &str) -> Result<Self, AdapterError> {
        let bad_part = |part: &str| matches!(part, "" | "." | "..") || part.len() > 255 || part.starts_with(UNFINISHED);
        let bad_char = |c: char| c.is_control() || c == '\\';
        if path.len() > limits::PATH_BYTES_MAX || path.split('/').any(bad_part) || path.chars().any(bad_char) {
            return Err(invalid_path("a path must be relative and of plain names"));
        }
        Ok(Self(path.to_owned()))
    }

    /// The file that a reference names, by path or by id.
    pub(super) fn of(file: &FileRef) -> Result<Self, AdapterError> {
        match (&file.path, &file.file_id) {
            (Some(path), None) => Self::parse(path),
            (None, Some(id)) => {
                let path = URL_SAFE_NO_PAD.decode(id).ok().and_then(|path| String::from_utf8(path).ok());
                Self::parse(&path.ok_or_else(|| invalid_path("no such file_id"))?)
            }
            (Some(_), Some(_)) | (None, None) => Err(invalid_path("give exactly one of path and file_id")),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The file's id: its path, so that it is the same for ever and needs no table.
    pub(super) fn file_id(&self) -> String {
        file_id(&self.0)
    }

    /// The folders and the name.
    pub(super) fn split(&self) -> (Vec<&str>, &str) {
        match self.0.rsplit_once('/') {
            Some((folders, name)) => (folders.split('/').collect(), name),
            None => (Vec::new(), &self.0),
        }
    }
}

/// The id of the file at this path.
pub(super) fn file_id(path: &str) -> String {
    URL_SAFE_NO_PAD.encode(path)
}

/// The tenant's folder: a plain name, since it comes from outside.
pub(super) fn tenant_folder(tenant: &str) -> Result<&str, AdapterError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if tenant.is_empty() || tenant.len() > limits::NAME_BYTES_MAX || tenant.starts_with('.') || !tenant.chars().all(plain) {
        return Err(AdapterError::misconfigured("the tenant's name cannot name a folder"));
    }
    Ok(tenant)
}

pub(super) fn invalid_path(message: &str) -> AdapterError {
    AdapterError::new(Disposition::Rejected, message).with_problem(Code::InvalidPath)
}

/// What an error of the disk allows next, as long as nothing was done.
pub(super) fn disk_error(error: Errno) -> AdapterError {
    match error {
        Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::NAMETOOLONG => {
            invalid_path("a part of the path is a link, or a file where a folder is needed, or the other way round")
        }
        Errno::ACCESS | Errno::PERM | Errno::ROFS => AdapterError::misconfigured("the server may not do this in root"),
        Errno::NOSPC | Errno::DQUOT => AdapterError::new(Disposition::Transient, "the disk is full"),
        _ => AdapterError::new(Disposition::Transient, "the disk could not do this now"),
    }
}
