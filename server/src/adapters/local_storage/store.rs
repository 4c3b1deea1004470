//! Files below the tenant's folder. Blocking.
//!
//! Folders are opened one by one from the root, each relative to the one before and never through a link, so that no path
//! and no link made meanwhile leads outside. A file appears whole or not at all, and is on disk when we say so.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::Path,
};

use rustix::{
    fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
};

use super::super::{AdapterError, Disposition};
use super::wire::{self, FilePath, UNFINISHED, disk_error};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o750);

/// What reading a file gave.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It is larger than asked for.
    TooLarge,
    /// It does not exist.
    Missing,
}

/// An entry of a folder.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) folder: bool,
}

/// One tenant's files.
pub(super) struct Store {
    tenant: OwnedFd,
}

impl Store {
    /// Opens the tenant's folder; makes it, and the root if only that is missing.
    pub(super) fn open(root: &Path, tenant: &str) -> Result<Self, AdapterError> {
        let root = open_root(root)?;
        let tenant = enter(&root, wire::tenant_folder(tenant)?, Missing::Make).map_err(disk_error)?;
        Ok(Self { tenant })
    }

    /// Writes a file, whole or not at all; what was there before is replaced.
    pub(super) fn write(&self, path: &FilePath, key: &str, bytes: &[u8]) -> Result<(), AdapterError> {
        let (folders, name) = path.split();
        let folder = self.folder(&folders, Missing::Make).map_err(disk_error)?;
        refuse_other_than_file(&folder, name)?;
        let hidden = format!("{UNFINISHED}{key}");
        let written = write_new(&folder, &hidden, bytes).and_then(|()| fs::renameat(&folder, &hidden, &folder, name));
        if let Err(error) = written {
            // The cause is told; that the rest of it may stay behind is not worse.
            let _ = fs::unlinkat(&folder, &hidden, AtFlags::empty());
            return Err(disk_error(error));
        }
        settled(&folder)
    }

    /// Reads a file of at most `bytes_max` bytes.
    pub(super) fn read(&self, path: &FilePath, bytes_max: usize) -> Result<Found, AdapterError> {
        let (folders, name) = path.split();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = self.folder(&folders, Missing::Tell).and_then(|folder| fs::openat(&folder, name, flags, Mode::empty()));
        let file = match opened {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Found::Missing),
            Err(error) => return Err(disk_error(error)),
        };
        if FileType::from_raw_mode(fs::fstat(&file).map_err(disk_error)?.st_mode) != FileType::RegularFile {
            return Err(wire::invalid_path("this is no file"));
        }
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        File::from(file).take(limit).read_to_end(&mut bytes).map_err(|error| disk_error(errno(&error)))?;
        Ok(if bytes.len() > bytes_max { Found::TooLarge } else { Found::Bytes(bytes) })
    }

    /// Deletes a file; one that is not there is deleted already.
    pub(super) fn delete(&self, path: &FilePath) -> Result<(), AdapterError> {
        let (folders, name) = path.split();
        let folder = match self.folder(&folders, Missing::Tell) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(disk_error(error)),
        };
        refuse_other_than_file(&folder, name)?;
        match fs::unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) => settled(&folder),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(disk_error(error)),
        }
    }

    /// Up to `limit` entries of a folder by name, those after `after`; `None` if there is no such folder.
    pub(super) fn list(&self, path: Option<&FilePath>, after: &str, limit: usize) -> Result<Option<Vec<Entry>>, AdapterError> {
        let folders: Vec<&str> = path.map(|path| path.as_str().split('/').collect()).unwrap_or_default();
        let folder = match self.folder(&folders, Missing::Tell) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(disk_error(error)),
        };
        let mut kept = BTreeMap::new();
        for entry in Dir::read_from(&folder).map_err(disk_error)? {
            let entry = entry.map_err(disk_error)?;
            // A name that is no text was put there by others and cannot be told on the wire.
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") || name.starts_with(UNFINISHED) || name <= after {
                continue;
            }
            let stat = match fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(disk_error(error)),
            };
            let is_folder = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => false,
                FileType::Directory => true,
                _ => continue,
            };
            let size = if is_folder { 0 } else { u64::try_from(stat.st_size).unwrap_or_default() };
            kept.insert(name.to_owned(), (size, is_folder));
            if kept.len() > limit {
                kept.pop_last();
            }
        }
        Ok(Some(kept.into_iter().map(|(name, (size, folder))| Entry { name, size, folder }).collect()))
    }

    fn folder(&self, parts: &[&str], missing: Missing) -> Result<OwnedFd, Errno> {
        let mut folder = self.tenant.try_clone().map_err(|error| errno(&error))?;
        // A clone shares its place with the original; reading starts from a folder opened anew.
        folder = fs::openat(&folder, ".", FOLDER, Mode::empty())?;
        for part in parts {
            folder = enter(&folder, part, missing)?;
        }
        Ok(folder)
    }
}

/// What to do about a folder that is missing.
#[derive(Clone, Copy)]
enum Missing {
    Make,
    Tell,
}

/// Opens the root, which may be a link: the operator chose it.
pub(super) fn open_root(root: &Path) -> Result<OwnedFd, AdapterError> {
    let flags = FOLDER.difference(OFlags::NOFOLLOW);
    let opened = match fs::openat(CWD, root, flags, Mode::empty()) {
        Err(Errno::NOENT) => match fs::mkdirat(CWD, root, FOLDER_MODE) {
            Ok(()) | Err(Errno::EXIST) => fs::openat(CWD, root, flags, Mode::empty()),
            Err(error) => Err(error),
        },
        opened => opened,
    };
    opened.map_err(|_| AdapterError::misconfigured("root cannot be opened as a folder"))
}

fn enter(folder: &OwnedFd, part: &str, missing: Missing) -> Result<OwnedFd, Errno> {
    match (fs::openat(folder, part, FOLDER, Mode::empty()), missing) {
        (Err(Errno::NOENT), Missing::Make) => {
            match fs::mkdirat(folder, part, FOLDER_MODE) {
                Ok(()) => fs::fsync(folder)?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            fs::openat(folder, part, FOLDER, Mode::empty())
        }
        (opened, Missing::Make | Missing::Tell) => opened,
    }
}

/// A link, folder or device of this name is neither replaced nor deleted.
fn refuse_other_than_file(folder: &OwnedFd, name: &str) -> Result<(), AdapterError> {
    match fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(disk_error(error)),
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(()),
        Ok(_) => Err(wire::invalid_path("this is no file")),
    }
}

fn write_new(folder: &OwnedFd, name: &str, bytes: &[u8]) -> Result<(), Errno> {
    // What an interrupted try left behind.
    match fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(fs::openat(folder, name, flags, FILE_MODE)?);
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| errno(&error))
}

/// The folder's own change reaches the disk; until then nobody knows.
fn settled(folder: &OwnedFd) -> Result<(), AdapterError> {
    fs::fsync(folder).map_err(|_| AdapterError::new(Disposition::Ambiguous, "the disk did not confirm the change"))
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}
