//! Fetching a file and listing a folder: nothing changes, one call a step.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tarishi_protocol::{Code, DownloadOutcome, FileEntry, FileRef, ListFiles, ListOutcome, limits};

use super::super::{AdapterError, Answer, Call, Disposition};
use super::{
    Desk, errors,
    folders::{Found, Walk},
    wire::{self, File, Named},
};

const CURSOR_BYTES_MAX: usize = 2_048;

/// What the steps so far found.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Seen {
    walk: Walk,
    /// The file.
    id: Option<String>,
    /// A shortcut led to it.
    followed: bool,
    /// Its bytes may be fetched; they must be these.
    size: Option<u64>,
    sha256: Option<String>,
    /// It changed while it was fetched.
    changed: bool,
}

impl Seen {
    fn read(call: &Call<'_>) -> Self {
        call.memo.and_then(|memo| serde_json::from_value(memo.clone()).ok()).unwrap_or_default()
    }

    fn next(self) -> Result<Answer, AdapterError> {
        Ok(Answer::Next { memo: json!(self) })
    }
}

pub(super) async fn download(call: &Call<'_>, desk: &Desk<'_>, file: &FileRef) -> Result<Answer, AdapterError> {
    let mut seen = Seen::read(call);
    if let (Some(id), Some(size)) = (seen.id.clone(), seen.size) {
        return fetch(desk, seen, &id, size).await;
    }
    let id = match (seen.id.clone(), wire::named(file)?) {
        (Some(id), _) => id,
        (None, Named::Id(id)) => id.to_owned(),
        (None, Named::Path(folders, name)) => {
            if !seen.walk.is_done(&folders) {
                return match seen.walk.clone().step(call, desk, &folders, None).await? {
                    Found::Further(walk) => Seen { walk, ..seen }.next(),
                    Found::Nothing => Ok(not_found("no such folder")),
                };
            }
            let query = wire::find_files(&desk.config, seen.walk.parent(desk), name);
            let page = wire::read_page(&desk.send(desk.request(Method::GET, "/drive/v3/files").query(&query)).await?)?;
            // Of several the newest.
            seen.id = wire::newest_first(page, name).into_iter().next();
            return if seen.id.is_some() { seen.next() } else { Ok(not_found("no such file")) };
        }
    };
    let answer = desk.metadata(&id).await?;
    if answer.status == 404 {
        return Ok(not_found("no such file"));
    }
    look(seen, wire::read_file(&answer)?)
}

/// May its bytes be fetched?
fn look(seen: Seen, file: File) -> Result<Answer, AdapterError> {
    if file.trashed {
        return Ok(not_found("the file is in the trash"));
    }
    if file.mime_type == wire::SHORTCUT && !seen.followed {
        let target = file.shortcut_details.map(|details| details.target_id).filter(|id| wire::is_id(id));
        return Seen { id: Some(target.ok_or_else(errors::unreadable)?), followed: true, ..seen }.next();
    }
    if file.is_folder() {
        return Err(wire::invalid_path("this is no file"));
    }
    if file.is_native() {
        let message = "a Google document has no bytes of its own".to_owned();
        return Ok(Answer::Failed { code: "fileNotDownloadable".to_owned(), message });
    }
    let size = file.bytes().ok_or_else(errors::unreadable)?;
    if usize::try_from(size).map_or(true, |size| size > limits::INLINE_FILE_BYTES_MAX) {
        return Err(AdapterError::new(Disposition::Unsupported, "the file is larger than the 16 KiB that are given inline"));
    }
    Seen { id: Some(file.id), size: Some(size), sha256: file.sha256_checksum, ..seen }.next()
}

async fn fetch(desk: &Desk<'_>, seen: Seen, id: &str, size: u64) -> Result<Answer, AdapterError> {
    let query = [("alt", "media"), ("supportsAllDrives", "true")];
    let answer = desk.send(desk.request(Method::GET, &format!("/drive/v3/files/{id}")).query(&query)).await?;
    match answer.status {
        200 => {}
        404 => return Ok(not_found("no such file")),
        _ => return Err(errors::read(&answer)),
    }
    let sha256 = hex::encode(Sha256::digest(&answer.body));
    let same = seen.sha256.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&sha256));
    if !same || u64::try_from(answer.body.len()).ok() != Some(size) {
        if seen.changed {
            let message = "the bytes are not those that Drive promised".to_owned();
            return Ok(Answer::Failed { code: "checksum_mismatch".to_owned(), message });
        }
        // It was replaced meanwhile, or the answer is damaged: look again, once.
        return Seen { size: None, sha256: None, changed: true, ..seen }.next();
    }
    let content_base64 = Some(STANDARD.encode(&answer.body));
    Ok(succeeded(json!(DownloadOutcome { content_base64, blob: None, size, sha256 })))
}

pub(super) async fn list(call: &Call<'_>, desk: &Desk<'_>, list: &ListFiles) -> Result<Answer, AdapterError> {
    let (seen, folders) = (Seen::read(call), wire::parts(&list.path)?);
    if !seen.walk.is_done(&folders) {
        return match seen.walk.clone().step(call, desk, &folders, None).await? {
            Found::Further(walk) => Seen { walk, ..seen }.next(),
            Found::Nothing => Ok(not_found("no such folder")),
        };
    }
    let limit = list.limit.unwrap_or(limits::LIST_MAX).clamp(1, limits::LIST_MAX);
    let invalid =
        || AdapterError::new(Disposition::Rejected, "the cursor is not one of this list").with_problem(Code::InvalidValue);
    let cursor = list.cursor.as_deref();
    if cursor.is_some_and(|cursor| cursor.len() > CURSOR_BYTES_MAX) {
        return Err(invalid());
    }
    let query = wire::children(&desk.config, seen.walk.parent(desk), limit, cursor);
    let answer = desk.send(desk.request(Method::GET, "/drive/v3/files").query(&query)).await?;
    if answer.status == 400 && cursor.is_some() {
        return Err(invalid());
    }
    let page = wire::read_page(&answer)?;
    let within = |name: &str| if list.path.is_empty() { name.to_owned() } else { format!("{}/{name}", list.path) };
    let entry = |file: File| FileEntry {
        path: within(&file.name),
        size: file.bytes().unwrap_or(0),
        folder: file.is_folder(),
        file_id: file.id,
    };
    let outcome = ListOutcome { files: page.files.into_iter().map(entry).collect(), cursor: page.next_page_token };
    Ok(succeeded(json!(outcome)))
}

fn succeeded(outcome: Value) -> Answer {
    Answer::Succeeded { outcome, reference: None, receipt: None }
}

pub(super) fn not_found(message: &str) -> Answer {
    Answer::Failed { code: "not_found".to_owned(), message: message.to_owned() }
}
