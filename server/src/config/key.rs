//! The master key: given, or a file of mode 0600 beside the database.

use std::{
    fmt, fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use base64::Engine as _;

use super::ConfigError;

const KEY_BYTES: usize = 32;

/// Where the master key comes from.
#[derive(Clone, Eq, PartialEq)]
pub enum MasterKey {
    /// `TARISHI_MASTER_KEY`.
    Given([u8; KEY_BYTES]),
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
    /// The key of these 32 bytes in base64.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        decode(text).map(Self::Given).ok_or(ConfigError::MasterKey)
    }

    /// The key's bytes; makes the file if there is none.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub fn bytes(&self, database: &Path) -> Result<[u8; KEY_BYTES], ConfigError> {
        match self {
            Self::Given(key) => Ok(*key),
            Self::Beside => beside(&path(database)),
        }
    }
}

fn path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

fn beside(path: &Path) -> Result<[u8; KEY_BYTES], ConfigError> {
    let failed = |error| ConfigError::KeyFile(path.to_path_buf(), error);
    let key: [u8; KEY_BYTES] = rand::random();
    match make(path, &key) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut text = String::new();
            fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map_err(failed)?;
            decode(&text).ok_or(ConfigError::MasterKey)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Writes a whole file or none: two processes that start at once must not take two keys, nor half of one.
fn make(path: &Path, key: &[u8; KEY_BYTES]) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", hex::encode(rand::random::<[u8; 8]>())));
    let draft = PathBuf::from(draft);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(base64::engine::general_purpose::STANDARD.encode(key).as_bytes())?;
    file.sync_all()?;
    let made = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    made
}

fn decode(text: &str) -> Option<[u8; KEY_BYTES]> {
    base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_beside_the_database_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("deep/tarishi.db");
        let first = MasterKey::Beside.bytes(&database).unwrap();
        assert_eq!(MasterKey::Beside.bytes(&database).unwrap(), first);
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
    fn a_given_key_has_32_bytes_in_base64() {
        let text = base64::engine::general_purpose::STANDARD.encode([5; 32]);
        assert_eq!(MasterKey::parse(&text).unwrap(), MasterKey::Given([5; 32]));
        assert!(MasterKey::parse("c2hvcnQ=").is_err());
        assert!(MasterKey::parse("no base64!").is_err());
        assert!(!format!("{:?}", MasterKey::Given([5; 32])).contains('5'));
    }
}
