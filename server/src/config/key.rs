//! The master keys: given, or a file of mode 0600 beside the database.

use std::{
    fmt, fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::ConfigError;
use crate::vault::KeyRing;

/// Where the master keys come from.
#[derive(Clone, Eq, PartialEq)]
pub enum MasterKey {
    /// `TARISHI_MASTER_KEY`.
    Given(KeyRing),
    /// `<database>.key`, made when it is not there.
    Beside,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "Given",
            Self::Beside => "Beside",
        })
    }
}

impl MasterKey {
    /// The key of these 32 bytes in base64, or several as [`KeyRing::parse`] reads them.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        KeyRing::parse(text).map(Self::Given).ok_or(ConfigError::MasterKey)
    }

    /// The keys; makes the file if there is none.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub fn ring(&self, database: &Path) -> Result<KeyRing, ConfigError> {
        match self {
            Self::Given(ring) => Ok(ring.clone()),
            Self::Beside => beside(&key_file(database)),
        }
    }

    /// The file that holds the keys, where there is one.
    #[must_use]
    pub fn file(&self, database: &Path) -> Option<PathBuf> {
        match self {
            Self::Given(_) => None,
            Self::Beside => Some(key_file(database)),
        }
    }
}

fn key_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

fn beside(path: &Path) -> Result<KeyRing, ConfigError> {
    let failed = |error| ConfigError::KeyFile(path.to_path_buf(), error);
    let ring = KeyRing::one(rand::random());
    match make(path, &ring) {
        Ok(()) => Ok(ring),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut text = String::new();
            fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map_err(failed)?;
            KeyRing::parse(&text).ok_or(ConfigError::MasterKey)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Replaces the key file: after a crash there is the whole old one or the whole new one.
///
/// # Errors
/// The file system said no; the old file is as it was.
pub fn replace_key_file(path: &Path, ring: &KeyRing) -> io::Result<()> {
    let draft = draft(path, ring)?;
    fs::rename(&draft, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

/// Writes a whole file or none: two processes that start at once must not take two keys, nor half of one.
fn make(path: &Path, ring: &KeyRing) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let draft = draft(path, ring)?;
    let made = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    made
}

/// The keys in a new private file beside the real one.
fn draft(path: &Path, ring: &KeyRing) -> io::Result<PathBuf> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", hex::encode(rand::random::<[u8; 8]>())));
    let draft = PathBuf::from(draft);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(ring.to_text().as_bytes())?;
    file.sync_all()?;
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn the_key_beside_the_database_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("deep/tarishi.db");
        let first = MasterKey::Beside.ring(&database).unwrap();
        assert_eq!(MasterKey::Beside.ring(&database).unwrap(), first);
        let file = folder.path().join("deep/tarishi.db.key");
        assert!(file.exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn a_replaced_key_file_is_private_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("t.db");
        let first = MasterKey::Beside.ring(&database).unwrap();
        let file = MasterKey::Beside.file(&database).unwrap();

        replace_key_file(&file, &first.with_new([6; 32])).unwrap();

        assert_eq!(MasterKey::Beside.ring(&database).unwrap(), first.with_new([6; 32]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_given_key_has_32_bytes_in_base64() {
        let text = base64::engine::general_purpose::STANDARD.encode([5; 32]);
        assert_eq!(MasterKey::parse(&text).unwrap(), MasterKey::Given(KeyRing::one([5; 32])));
        assert!(MasterKey::parse("c2hvcnQ=").is_err());
        assert!(MasterKey::parse("no base64!").is_err());
        assert!(!format!("{:?}", MasterKey::Given(KeyRing::one([5; 32]))).contains('5'));
    }
}
