//! Files on this machine's disk, below a root, a folder for each tenant.
//!
//! Storing, fetching and deleting the same again gives the same, so whatever happened is answered by doing it again.

mod config;
mod store;
#[cfg(test)]
pub(super) mod tests;
mod wire;

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest, Sha256};
use tarishi_protocol::{
    Code, DownloadOutcome, FileEntry, FileRef, ListFiles, ListOutcome, Payload, Upload, UploadOutcome, catalog::Category,
    limits,
};

use self::{
    store::{Found, Store},
    wire::FilePath,
};
use super::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Disposition, Health, HealthCall, Recovery, Reference, Settings,
};

const DEADLINE: Duration = Duration::from_secs(30);
/// Doing it again is harmless for this long.
const WINDOW: Duration = Duration::from_secs(30 * 24 * 3_600);

static DESCRIPTOR: Descriptor = Descriptor {
    name: "local_storage",
    category: Category::Storage,
    actions: &[
        ActionSpec { name: "upload", call_deadline: DEADLINE, needs_token: false, has_effect: true },
        ActionSpec { name: "download", call_deadline: DEADLINE, needs_token: false, has_effect: false },
        ActionSpec { name: "delete", call_deadline: DEADLINE, needs_token: false, has_effect: true },
        ActionSpec { name: "list", call_deadline: DEADLINE, needs_token: false, has_effect: false },
    ],
    settings: config::SETTINGS,
    env_prefix: "LOCAL_STORAGE_",
    slots: 4,
    webhooks: false,
    docs: include_str!("docs.md"),
};

/// The adapter.
#[derive(Debug, Default)]
pub struct LocalStorage {}

#[async_trait]
impl Adapter for LocalStorage {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, _action: &str, _settings: &Settings) -> Recovery {
        Recovery::ResendSameKey { window: WINDOW }
    }

    fn look_for(&self, action: &str) -> &'static str {
        match action {
            "delete" => "look in the folder of the tenant whether the file is still there",
            _ => "look in the folder of the tenant for the file at its path, and compare its size",
        }
    }

    fn check_settings(&self, settings: &Settings) -> Result<(), AdapterError> {
        config::root(settings).map(drop)
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let place = Place { root: config::root(call.settings)?.to_owned(), tenant: call.tenant.to_owned() };
        let payload = call.payload.clone();
        let key = call.effect_key.chars().filter(char::is_ascii_alphanumeric).take(64).collect::<String>();
        let work = move || match payload {
            Payload::Upload(upload) => store_file(&place, &upload, &key),
            Payload::Download(file) => fetch_file(&place, &file),
            Payload::Delete(file) => delete_file(&place, &file),
            Payload::List(list) => list_folder(&place, &list),
            _ => Err(AdapterError::new(Disposition::Unsupported, "local storage has upload, download, delete and list")),
        };
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|_| Err(AdapterError::new(Disposition::Ambiguous, "the work on the disk broke off")))
    }

    async fn recover(&self, _call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        Err(AdapterError::new(Disposition::Ambiguous, "there is nothing to ask; doing it again gives the same"))
    }

    async fn health(&self, call: &HealthCall<'_>) -> Health {
        let root = match config::root(call.settings) {
            Ok(root) => root.to_owned(),
            Err(error) => return Health::bad(error.message),
        };
        match tokio::task::spawn_blocking(move || store::open_root(&root)).await {
            Ok(Ok(_)) => Health::good("root can be opened"),
            Ok(Err(error)) => Health::bad(error.message),
            Err(_) => Health::bad("the work on the disk broke off"),
        }
    }
}

/// Whose files, and where.
struct Place {
    root: PathBuf,
    tenant: String,
}

impl Place {
    fn open(&self) -> Result<Store, AdapterError> {
        Store::open(&self.root, &self.tenant)
    }
}

fn store_file(place: &Place, upload: &Upload, key: &str) -> Result<Answer, AdapterError> {
    let path = FilePath::parse(&upload.destination)?;
    let Some(content) = &upload.content_base64 else {
        return Err(AdapterError::new(Disposition::Unsupported, "files are taken inline, in content_base64, up to 16 KiB"));
    };
    let wrong = |code, message| AdapterError::new(Disposition::Rejected, message).with_problem(code);
    let bytes = STANDARD.decode(content).map_err(|_| wrong(Code::InvalidValue, "content_base64 is no base64"))?;
    if bytes.len() > limits::INLINE_FILE_BYTES_MAX {
        return Err(wrong(Code::PayloadTooLarge, "the file is larger than 16 KiB"));
    }
    place.open()?.write(&path, key, &bytes)?;
    let outcome =
        UploadOutcome { file_id: path.file_id(), path: path.as_str().to_owned(), size: size(&bytes), sha256: sha256(&bytes) };
    Ok(succeeded(json!(outcome), Some(Reference::new(path.file_id()))))
}

fn fetch_file(place: &Place, file: &FileRef) -> Result<Answer, AdapterError> {
    let path = FilePath::of(file)?;
    Ok(match place.open()?.read(&path, limits::INLINE_FILE_BYTES_MAX)? {
        Found::Missing => not_found("no such file"),
        Found::TooLarge => {
            return Err(AdapterError::new(
                Disposition::Unsupported,
                "the file is larger than the 16 KiB that are given inline",
            ));
        }
        Found::Bytes(bytes) => {
            let content_base64 = Some(STANDARD.encode(&bytes));
            succeeded(json!(DownloadOutcome { content_base64, blob: None, size: size(&bytes), sha256: sha256(&bytes) }), None)
        }
    })
}

fn delete_file(place: &Place, file: &FileRef) -> Result<Answer, AdapterError> {
    place.open()?.delete(&FilePath::of(file)?)?;
    Ok(succeeded(json!({}), None))
}

fn list_folder(place: &Place, list: &ListFiles) -> Result<Answer, AdapterError> {
    let folder = (!list.path.is_empty()).then(|| FilePath::parse(&list.path)).transpose()?;
    let limit = list.limit.unwrap_or(limits::LIST_MAX).clamp(1, limits::LIST_MAX) as usize;
    let within = |name: &str| folder.as_ref().map_or_else(|| name.to_owned(), |folder| format!("{}/{name}", folder.as_str()));
    let cursor = list.cursor.as_deref().unwrap_or_default();
    let after = cursor.rsplit_once('/').map_or(cursor, |(_, name)| name);
    let Some(mut entries) = place.open()?.list(folder.as_ref(), after, limit + 1)? else {
        return Ok(not_found("no such folder"));
    };
    let more = entries.len() > limit;
    entries.truncate(limit);
    let cursor = entries.last().filter(|_| more).map(|last| within(&last.name));
    let entry = |entry: store::Entry| {
        let path = within(&entry.name);
        FileEntry { file_id: wire::file_id(&path), path, size: entry.size, folder: entry.folder }
    };
    Ok(succeeded(json!(ListOutcome { files: entries.into_iter().map(entry).collect(), cursor }), None))
}

fn succeeded(outcome: serde_json::Value, reference: Option<Reference>) -> Answer {
    Answer::Succeeded { outcome, reference, receipt: None }
}

fn not_found(message: &str) -> Answer {
    Answer::Failed { code: "not_found".to_owned(), message: message.to_owned() }
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
