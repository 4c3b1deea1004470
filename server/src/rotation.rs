//! A new master key in place of the old one, while the server goes on.
//!
//! First the new key is made known beside the old one, then nothing may be stored any more under the old one, then every
//! sealed value is sealed anew, a page a transaction, and only when none is left the old key goes. A process that dies in
//! between leaves two good keys and values under either; the next run goes on from there. Names do not change
//! ([`crate::vault`]).

use std::{io, path::PathBuf, time::Duration};

use crate::{
    app::App,
    config::{ConfigError, replace_key_file},
    store::{self, SealedKind, SealedRow, sqlite::SqliteStore},
    vault::Vault,
};

/// Values sealed anew in one transaction.
pub const PAGE: u32 = 64;

/// Why a rotation stopped. Everything that was sealed can still be opened with the keys that are there.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The keys cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The key file cannot be written.
    #[error("the key file cannot be written: {0}")]
    File(io::Error),
    /// The keys come from the environment, and there is no new one among them.
    #[error(
        "TARISHI_MASTER_KEY holds one key. Put a new one before it, as {0}:NEW,{1}:OLD (openssl rand -base64 32 makes one), \
         restart the server, then rotate"
    )]
    NoNewKey(u8, u8),
    /// A server runs that does not know the new key.
    #[error("a server is running that does not know key {0}: restart it with the same TARISHI_MASTER_KEY first")]
    ServerBehind(u8),
    /// Some values do not open.
    #[error(
        "{0} do not open with the keys that are here; the old key is kept. Set these again, connect these accounts again, let these devices register again: {1}"
    )]
    Unreadable(usize, String),
    /// Nobody listens to what is reported.
    #[error("stopped: {0}")]
    Stopped(io::Error),
}

/// What was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rotated {
    /// The key that seals now.
    pub current: u8,
    /// Values sealed anew.
    pub resealed: usize,
    /// The old keys were taken out of the key file; else they may be taken out of the environment.
    pub file_cleared: bool,
}

/// Rotates, or goes on with a rotation that stopped half way. `served` = another process serves this database. `progress`
/// hears after each page how many values were sealed anew; an error from it stops the rotation there.
///
/// # Errors
/// See [`RotationError`].
pub async fn rotate(
    app: &App,
    served: bool,
    progress: &mut dyn FnMut(usize) -> io::Result<()>,
) -> Result<Rotated, RotationError> {
    // Two rotations at once would make two new keys and keep one.
    let mut name = app.config.database.as_os_str().to_owned();
    name.push(".rotation");
    let _alone = SqliteStore::lock(&PathBuf::from(name), Duration::ZERO).await?;
    let file = app.config.master_key.file(&app.config.database);
    let mut ring = app.config.master_key.ring(&app.config.database)?;
    if !ring.has_older() {
        let Some(file) = &file else {
            return Err(RotationError::NoNewKey(ring.with_new([0; 32]).current(), ring.current()));
        };
        ring = ring.with_new(rand::random());
        replace_key_file(file, &ring).map_err(RotationError::File)?;
    }
    let current = ring.current();
    if file.is_none() && served && !app.store.serving_keys().await?.contains(&current) {
        return Err(RotationError::ServerBehind(current));
    }
    let vault = Vault::new(ring.clone(), file.clone());
    app.store.require_key(current).await?;
    reseal_root(app, &vault, current).await?;
    let resealed = reseal_all(app, &vault, current, progress).await?;
    if let Some(file) = &file {
        replace_key_file(file, &ring.without_older()).map_err(RotationError::File)?;
    }
    Ok(Rotated { current, resealed, file_cleared: file.is_some() })
}

async fn reseal_root(app: &App, vault: &Vault, current: u8) -> Result<(), RotationError> {
    while let Some(old) = app.store.sealed_root().await?.filter(|old| old.first() != Some(&current)) {
        let new = vault.reseal_root(&old).map_err(|error| store::Error::Key(error.to_string()))?;
        app.store.reseal_root(old, new).await?;
    }
    Ok(())
}

async fn reseal_all(
    app: &App,
    vault: &Vault,
    current: u8,
    progress: &mut dyn FnMut(usize) -> io::Result<()>,
) -> Result<usize, RotationError> {
    let mut resealed = 0;
    let mut after = None;
    let mut unreadable = Vec::new();
    loop {
        let rows = app.store.sealed_otherwise(current, after, PAGE).await?;
        let Some(last) = rows.last().cloned() else { break };
        let mut page = Vec::with_capacity(rows.len());
        for row in rows {
            let purpose = row.kind.purpose(&row.name);
            match vault.open(&row.tenant, &purpose, &row.sealed) {
                Ok(plain) => {
                    let sealed = vault.seal(&row.tenant, &purpose, &plain);
                    page.push((row, sealed));
                }
                Err(_) if row.kind.is_short_lived() => {}
                Err(_) => unreadable.push(name(&row)),
            }
        }
        resealed += app.store.reseal(page).await?;
        crate::dispatch::failpoint::reach("rotation_page");
        progress(resealed).map_err(RotationError::Stopped)?;
        after = Some(last);
    }
    if unreadable.is_empty() { Ok(resealed) } else { Err(RotationError::Unreadable(unreadable.len(), unreadable.join(", "))) }
}

fn name(row: &SealedRow) -> String {
    let SealedRow { kind, tenant, name, .. } = row;
    match kind {
        SealedKind::PushToken => format!("tenant {tenant}, push_token of {name}"),
        SealedKind::Credentials
        | SealedKind::AuthToken
        | SealedKind::OAuthGrant
        | SealedKind::OAuthState
        | SealedKind::Subscription => {
            format!("tenant {tenant}, {}", kind.purpose(name))
        }
    }
}
