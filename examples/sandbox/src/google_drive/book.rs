//! What Google remembers: consents, tokens, files, sessions.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::FOLDER;
use crate::clock;
use crate::credentials::GOOGLE_DRIVE_REFRESH_TOKEN;
use crate::ledger::{Effect, LedgerEntry};
use crate::{fault::Adapter, world::hex_sha256};

/// Where paths begin.
pub(super) const ROOT: &str = "0AROOT";

pub(crate) struct Book {
    codes: HashMap<String, Consent>,
    refresh_tokens: HashSet<String>,
    access_tokens: HashMap<String, DateTime<Utc>>,
    files: BTreeMap<String, File>,
    sessions: HashMap<String, Session>,
    made: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            codes: HashMap::new(),
            refresh_tokens: HashSet::from([GOOGLE_DRIVE_REFRESH_TOKEN.to_owned()]),
            access_tokens: HashMap::new(),
            files: BTreeMap::new(),
            sessions: HashMap::new(),
            made: 0,
        }
    }
}

/// Consent that waits for its code to be exchanged.
#[derive(Clone)]
pub(super) struct Consent {
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) scope: String,
    pub(super) offline: bool,
}

/// A file or folder.
#[derive(Clone)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) parent: String,
    pub(super) mime_type: String,
    pub(super) bytes: Vec<u8>,
    pub(super) op: Option<String>,
    pub(super) trashed: bool,
    /// The how-manieth it is.
    pub(super) number: u64,
}

/// An upload under way.
#[derive(Clone)]
pub(super) struct Session {
    /// With the bytes that have come so far.
    pub(super) file: File,
    pub(super) total: usize,
    pub(super) is_whole: bool,
}

impl Book {
    /// Forgets files; consents and tokens stay.
    pub(crate) fn reset(&mut self) {
        self.files.clear();
        self.sessions.clear();
    }

    pub(super) fn add_code(&mut self, code: String, consent: Consent) {
        self.codes.insert(code, consent);
    }

    /// A code is good once.
    pub(super) fn take_code(&mut self, code: &str) -> Option<Consent> {
        self.codes.remove(code)
    }

    pub(super) fn add_refresh_token(&mut self, token: String) {
        self.refresh_tokens.insert(token);
    }

    pub(super) fn is_refresh_token(&self, token: &str) -> bool {
        self.refresh_tokens.contains(token)
    }

    pub(super) fn end_refresh_token(&mut self, token: &str) {
        self.refresh_tokens.remove(token);
    }

    pub(super) fn add_access_token(&mut self, token: String, until: DateTime<Utc>) {
        self.access_tokens.insert(token, until);
    }

    pub(super) fn is_access_token(&self, token: &str, now: DateTime<Utc>) -> bool {
        self.access_tokens.get(token).is_some_and(|until| now < *until)
    }

    /// Revoking one token ends all that was granted; false if it is none.
    pub(super) fn revoke(&mut self, token: &str) -> bool {
        let known = self.is_refresh_token(token) || self.is_access_token(token, clock::now());
        if known {
            self.refresh_tokens.clear();
            self.access_tokens.clear();
        }
        known
    }

    pub(super) fn file(&self, id: &str) -> Option<&File> {
        self.files.get(id)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.values()
    }

    /// Is this a folder that something can be put into?
    pub(super) fn is_parent(&self, id: &str) -> bool {
        id == ROOT || self.files.get(id).is_some_and(|file| file.mime_type == FOLDER)
    }

    /// Stores a file; the row for the ledger. Nobody asks with an id that is used.
    pub(super) fn add(&mut self, mut file: File) -> LedgerEntry {
        self.made += 1;
        file.number = self.made;
        let mut path = self.path(&file);
        if file.mime_type == FOLDER {
            path.push('/');
        }
        let entry = LedgerEntry {
            path: Some(path),
            text_sha256: Some(hex_sha256(&file.bytes)),
            provider_id: Some(file.id.clone()),
            request_id: file.op.clone(),
            ..LedgerEntry::new(Adapter::GoogleDrive, Effect::File)
        };
        self.files.insert(file.id.clone(), file);
        entry
    }

    /// Puts a file into the trash or takes it out; the row for the ledger if that was a deletion.
    pub(super) fn set_trashed(&mut self, id: &str, trashed: bool) -> Option<LedgerEntry> {
        let file = self.files.get_mut(id)?;
        let deleted = trashed && !file.trashed;
        file.trashed = trashed;
        let file = file.clone();
        deleted.then(|| LedgerEntry {
            path: Some(self.path(&file)),
            provider_id: Some(file.id.clone()),
            ..LedgerEntry::new(Adapter::GoogleDrive, Effect::Deleted)
        })
    }

    fn path(&self, file: &File) -> String {
        match self.files.get(&file.parent) {
            Some(parent) => format!("{}/{}", self.path(parent), file.name),
            None => file.name.clone(),
        }
    }

    pub(super) fn add_session(&mut self, id: String, session: Session) {
        self.sessions.insert(id, session);
    }

    pub(super) fn session(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    pub(super) fn end_session(&mut self, id: &str) {
        self.sessions.remove(id);
    }
}

/// The root has two names.
pub(super) fn parent_of(id: &str) -> &str {
    if id == "root" { ROOT } else { id }
}
