//! Storing a file: ids, folders, session, bytes; one step each, and what each step left is durable before the next.
//!
//! The file's id is made beforehand and bound to the operation before anything is sent, so that Drive itself refuses a second
//! file. Refusals after a session was begun are believed only once the file is seen not to be there.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::{
    Method,
    header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, LOCATION},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tarishi_protocol::{Code, Upload, UploadOutcome, limits};

use super::super::{AdapterError, Answer, Call, Disposition, Reference, http::HttpAnswer};
use super::{
    Desk, errors,
    folders::{Found, Walk},
    session::{self, Stands},
    wire::{self, File},
};

const PATH: &str = "/upload/drive/v3/files";
/// Sessions that may get lost before a human is asked.
const LOST_MAX: u8 = 5;

/// What the steps so far left.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Progress {
    /// The file's id, for ever.
    file_id: String,
    /// Ids for folders.
    #[serde(default)]
    spare: Vec<String>,
    #[serde(default)]
    walk: Walk,
    /// The session's address, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// Drive may have the file: a session was begun, or the id is in use.
    #[serde(default)]
    touched: bool,
    /// See whether the file is there.
    #[serde(default)]
    check: bool,
    /// What is told if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
    #[serde(default)]
    lost: u8,
}

/// A refusal that is not believed yet.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Refused {
    misconfigured: bool,
    code: Option<String>,
    message: String,
}

/// The bytes and where they go.
struct What<'a> {
    upload: &'a Upload,
    folders: Vec<&'a str>,
    name: &'a str,
    bytes: Vec<u8>,
}

impl What<'_> {
    fn total(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }
}

pub(super) async fn execute(call: &Call<'_>, desk: &Desk<'_>, upload: &Upload) -> Result<Answer, AdapterError> {
    let what = read(upload)?;
    let progress = call.memo.and_then(|memo| serde_json::from_value::<Progress>(memo.clone()).ok());
    let Some(progress) = progress else { return begin(desk, &what).await.map_err(AdapterError::harmless) };
    let touched = progress.touched;
    let answer = progress.go_on(call, desk, &what).await;
    // Ids, look-ups, folders and a session nobody knows of are no effect.
    answer.map_err(|error| if touched { error } else { error.harmless() })
}

impl Progress {
    async fn go_on(self, call: &Call<'_>, desk: &Desk<'_>, what: &What<'_>) -> Result<Answer, AdapterError> {
        if self.check {
            return self.see(call, desk, what).await;
        }
        if !self.walk.is_done(&what.folders) {
            return self.walk(call, desk, what).await;
        }
        match self.session.as_deref().map(|sealed| session::open(call, sealed)) {
            None => self.open(call, desk, what).await,
            Some(None) => self.see(call, desk, what).await,
            Some(Some(address)) => self.send(call, desk, what, &address).await,
        }
    }
}
fn read(upload: &Upload) -> Result<What<'_>, AdapterError> {
    let (folders, name) = wire::split(&upload.destination)?;
    let Some(content) = &upload.content_base64 else {
        return Err(AdapterError::new(Disposition::Unsupported, "files are taken inline, in content_base64, up to 16 KiB"));
    };
    let wrong = |code, message| AdapterError::new(Disposition::Rejected, message).with_problem(code);
    let bytes = STANDARD.decode(content).map_err(|_| wrong(Code::InvalidValue, "content_base64 is no base64"))?;
    if bytes.len() > limits::INLINE_FILE_BYTES_MAX {
        return Err(wrong(Code::PayloadTooLarge, "the file is larger than 16 KiB"));
    }
    Ok(What { upload, folders, name, bytes })
}

/// Ids first: one for the file, one for each folder that may be missing, and one in hand.
async fn begin(desk: &Desk<'_>, what: &What<'_>) -> Result<Answer, AdapterError> {
    let mut spare = ids(desk, what.folders.len() + 2).await?;
    let file_id = spare.remove(0);
    Progress { file_id, spare, walk: Walk::default(), session: None, touched: false, check: false, refused: None, lost: 0 }
        .next()
}

async fn ids(desk: &Desk<'_>, count: usize) -> Result<Vec<String>, AdapterError> {
    let query = [("count", count.to_string()), ("space", "drive".to_owned()), ("type", "files".to_owned())];
    let answer = desk.send(desk.request(Method::GET, "/drive/v3/files/generateIds").query(&query)).await?;
    wire::read_ids(&answer, count)
}

impl Progress {
    fn next(self) -> Result<Answer, AdapterError> {
        Ok(Answer::Next { memo: json!(self) })
    }

    async fn walk(mut self, call: &Call<'_>, desk: &Desk<'_>, what: &What<'_>) -> Result<Answer, AdapterError> {
        if self.spare.is_empty() {
            self.spare = ids(desk, what.folders.len() + 2).await?;
            return self.next();
        }
        match self.walk.clone().step(call, desk, &what.folders, Some(&mut self.spare)).await? {
            Found::Further(walk) => Self { walk, ..self }.next(),
            Found::Nothing => Err(errors::unreadable()),
        }
    }

    /// Begins a session; no byte of the file is sent.
    async fn open(self, call: &Call<'_>, desk: &Desk<'_>, what: &What<'_>) -> Result<Answer, AdapterError> {
        let content_type = wire::content_type(what.upload.content_type.as_deref());
        let op = call.operation_id.to_string();
        let body = wire::file_body(&self.file_id, what.name, self.walk.parent(desk), content_type, &op);
        let query = [("uploadType", "resumable"), ("supportsAllDrives", "true"), ("fields", wire::FILE_FIELDS)];
        let request = desk
            .json(Method::POST, PATH, &body)
            .query(&query)
            .header("x-upload-content-type", content_type)
            .header("x-upload-content-length", what.total());
        let (answer, headers) = desk.send_for_headers(request).await?;
        match answer.status {
            200 => {
                let address = location(&headers).filter(|address| session::is_trusted(address, &desk.config.base_url));
                let session = Some(session::seal(call, address.ok_or_else(errors::unreadable)?)?);
                Self { session, touched: true, ..self }.next()
            }
            409 => Self { touched: true, check: true, ..self }.next(),
            404 if let Some(walk) = self.walk.restart() => Self { walk, ..self }.next(),
            _ => self.refused(errors::read(&answer)),
        }
    }

    /// Asks the session where it stands and sends what is missing.
    async fn send(self, call: &Call<'_>, desk: &Desk<'_>, what: &What<'_>, address: &str) -> Result<Answer, AdapterError> {
        let total = what.total();
        let mut address = address.to_owned();
        let mut from = 0;
        if total > 0 {
            let question = desk.put(&address).header(CONTENT_LENGTH, 0).header(CONTENT_RANGE, session::question(total));
            match self.stands(desk.send_for_headers(question).await?) {
                Ok(Stands::Wants { from: wanted, moved }) if wanted < total => {
                    from = wanted;
                    address = moved.unwrap_or(address);
                }
                Ok(Stands::Wants { .. }) => return Err(errors::unreadable()),
                Ok(Stands::Whole(file)) => return self.whole(what, &file),
                Ok(Stands::Gone) => return self.gone(),
                Err(error) => return self.refused(error),
            }
            if !session::is_trusted(&address, &desk.config.base_url) {
                return Err(errors::unreadable());
            }
        }
        let (end, range) = session::next_chunk(from, total, desk.config.chunk);
        let (first, last) = (usize::try_from(from).unwrap_or(0), usize::try_from(end).unwrap_or(0));
        let chunk = what.bytes.get(first..last).unwrap_or_default().to_vec();
        let request = desk.put(&address).header(CONTENT_LENGTH, chunk.len()).body(chunk);
        let request = range.into_iter().fold(request, |request, range| request.header(CONTENT_RANGE, range));
        match self.stands(desk.send_for_headers(request).await?) {
            Ok(Stands::Whole(file)) => self.whole(what, &file),
            Ok(Stands::Gone) => self.gone(),
            Ok(Stands::Wants { from: safe, moved }) if safe > from && safe < total => {
                let address = moved.unwrap_or(address);
                if !session::is_trusted(&address, &desk.config.base_url) {
                    return Err(errors::unreadable());
                }
                Self { session: Some(session::seal(call, &address)?), ..self }.next()
            }
            Ok(Stands::Wants { .. }) => Err(AdapterError::new(Disposition::Ambiguous, "Drive took no more of the file")),
            Err(error) => self.refused(error),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as a sentence")]
    fn stands(&self, (answer, headers): (HttpAnswer, HeaderMap)) -> Result<Stands, AdapterError> {
        session::read(&answer, &headers)
    }

    /// Drive says the file is whole.
    fn whole(&self, what: &What<'_>, file: &File) -> Result<Answer, AdapterError> {
        if file.id != self.file_id {
            return Err(errors::unreadable());
        }
        if is_same(file, what) { Ok(self.done(what)) } else { Err(differs()) }
    }

    /// The session is no more: the file may be whole for all that.
    fn gone(self) -> Result<Answer, AdapterError> {
        Self { session: None, check: true, ..self }.next()
    }

    fn refused(self, error: AdapterError) -> Result<Answer, AdapterError> {
        let certain = matches!(error.disposition, Disposition::Rejected | Disposition::Misconfigured);
        if !certain || !self.touched {
            return Err(error);
        }
        let misconfigured = error.disposition == Disposition::Misconfigured;
        let refused = Refused { misconfigured, code: error.code, message: error.message };
        Self { check: true, refused: Some(refused), ..self }.next()
    }

    /// Is the file there?
    async fn see(mut self, call: &Call<'_>, desk: &Desk<'_>, what: &What<'_>) -> Result<Answer, AdapterError> {
        let answer = desk.metadata(&self.file_id).await?;
        if answer.status == 404 {
            if let Some(refused) = self.refused {
                let disposition = if refused.misconfigured { Disposition::Misconfigured } else { Disposition::Rejected };
                let error = AdapterError::new(disposition, refused.message);
                return Err(refused.code.into_iter().fold(error, AdapterError::with_code));
            }
            if self.lost >= LOST_MAX {
                return Err(AdapterError::new(Disposition::Ambiguous, "Drive neither has the file nor takes it"));
            }
            self.lost += 1;
            return Self { session: None, check: false, ..self }.next();
        }
        let file = wire::read_file(&answer).map_err(errors::in_doubt)?;
        if file.id != self.file_id {
            return Err(errors::unreadable());
        }
        let ours = file.app_properties.get("op").is_some_and(|op| *op == call.operation_id.to_string());
        match (is_same(&file, what), ours) {
            (true, _) => Ok(self.done(what)),
            (false, true) => Err(differs()),
            (false, false) => {
                let message = "another file has the id that was made for this one".to_owned();
                Ok(Answer::Failed { code: "id_conflict".to_owned(), message })
            }
        }
    }

    fn done(&self, what: &What<'_>) -> Answer {
        let outcome = UploadOutcome {
            file_id: self.file_id.clone(),
            path: what.upload.destination.clone(),
            size: what.total(),
            sha256: what.sha256(),
        };
        Answer::Succeeded { outcome: json!(outcome), reference: Some(Reference::new(self.file_id.clone())), receipt: None }
    }
}

fn location(headers: &HeaderMap) -> Option<&str> {
    headers.get(LOCATION)?.to_str().ok()
}

/// The size must be ours, and the checksum where Drive gives one.
fn is_same(file: &File, what: &What<'_>) -> bool {
    let sum = file.sha256_checksum.as_deref();
    file.bytes() == Some(what.total()) && sum.is_none_or(|sum| sum.eq_ignore_ascii_case(&what.sha256()))
}

fn differs() -> AdapterError {
    AdapterError::new(Disposition::Ambiguous, "Drive has the file, with other content")
        .with_problem(Code::OutcomeUnknown)
        .with_code("checksum_mismatch")
}
