//! A resumable upload's session: what its answers mean, which bytes are next, and how its address is kept. Pure.
//!
//! The session is asked where it stands each time we come back to it, and no byte is sent before it has answered: bytes sent on
//! a guess are what doubles or truncates uploads. Its address opens the upload to anybody, so it is sealed where it is kept: with
//! its effect's key, which outlives a new master key. One that does not open counts as a session that is no more.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _};
use reqwest::{
    Url,
    header::{HeaderMap, LOCATION, RANGE},
};
use sha2::{Digest as _, Sha256};

use super::super::{AdapterError, Call, Disposition, http::HttpAnswer};
use super::{
    errors,
    wire::{self, File},
};

/// What a session says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stands {
    /// The file is whole.
    Whole(Box<File>),
    /// Bytes before this are safe; the session may have moved.
    Wants { from: u64, moved: Option<String> },
    /// It is no more.
    Gone,
}

/// Reads an answer of a session.
pub(super) fn read(answer: &HttpAnswer, headers: &HeaderMap) -> Result<Stands, AdapterError> {
    match answer.status {
        200 | 201 => Ok(Stands::Whole(Box::new(wire::read_file(answer)?))),
        308 => {
            let text = |name| headers.get(name).and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok());
            let from = match text(RANGE) {
                None => 0,
                Some(range) => safe_bytes(range).ok_or_else(errors::unreadable)?,
            };
            Ok(Stands::Wants { from, moved: text(LOCATION).map(str::to_owned) })
        }
        404 | 410 => Ok(Stands::Gone),
        _ => Err(errors::read(answer)),
    }
}

/// `bytes=0-N`, in older texts `0-N`: N + 1 bytes are safe.
fn safe_bytes(range: &str) -> Option<u64> {
    let (first, last) = range.trim().trim_start_matches("bytes=").split_once('-')?;
    (first == "0").then(|| last.parse::<u64>().ok()?.checked_add(1))?
}

/// `Content-Range` of the question where it stands.
pub(super) fn question(total: u64) -> String {
    format!("bytes */{total}")
}

/// The end of the next chunk and its `Content-Range`. A file without bytes has none.
pub(super) fn next_chunk(from: u64, total: u64, chunk: u64) -> (u64, Option<String>) {
    let end = from.saturating_add(chunk).min(total);
    (end, (total > 0).then(|| format!("bytes {from}-{}/{total}", end - 1)))
}

/// May our token go to this address? It must be the API's own host, or Google's.
pub(super) fn is_trusted(address: &str, base_url: &str) -> bool {
    let (Ok(address), Ok(base)) = (Url::parse(address), Url::parse(base_url)) else { return false };
    let same = (address.scheme(), address.host_str(), address.port_or_known_default())
        == (base.scheme(), base.host_str(), base.port_or_known_default());
    let googles = address.scheme() == "https" && address.host_str().is_some_and(|host| host.ends_with(".googleapis.com"));
    same || googles
}

/// Seals a session's address for this effect.
pub(super) fn seal(call: &Call<'_>, address: &str) -> Result<String, AdapterError> {
    // An attempt seals one address at most.
    let digest = Sha256::digest([call.attempt_id.as_bytes().as_slice(), address.as_bytes()].concat());
    let mut nonce = [0; 24];
    nonce.copy_from_slice(&digest[..24]);
    let sealed = cipher(call)
        .encrypt(&XNonce::from(nonce), address.as_bytes())
        .map_err(|_| AdapterError::new(Disposition::Transient, "the session could not be kept"))?;
    Ok(STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
}

/// The address again; none if the effect is another, or it is damaged.
pub(super) fn open(call: &Call<'_>, sealed: &str) -> Option<String> {
    let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_at_checked(24)?;
    let nonce: [u8; 24] = nonce.try_into().ok()?;
    String::from_utf8(cipher(call).decrypt(&XNonce::from(nonce), sealed).ok()?).ok()
}

fn cipher(call: &Call<'_>) -> XChaCha20Poly1305 {
    let key: [u8; 32] = Sha256::digest(format!("google_drive session {}", call.effect_key)).into();
    XChaCha20Poly1305::new(&key.into())
}
