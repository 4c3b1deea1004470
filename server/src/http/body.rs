//! Request bodies: bounded as they travel, unpacked, bounded again, and read as JSON.

use std::{error::Error as _, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, header},
};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use tarishi_protocol::{
    Code,
    codec::{self, CodecError},
    known_path,
    limits::{DECODED_BYTES_MAX, ENCODED_BYTES_MAX},
};

use super::refusal::Refusal;

/// How long a body may take to arrive: the largest one on the slowest network we know, and no longer.
const ARRIVAL_MAX: Duration = Duration::from_secs(300);

/// The whole body as it came.
pub(super) async fn raw(body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    let arrived = tokio::time::timeout(ARRIVAL_MAX, to_bytes(body, bytes_max)).await;
    let arrived = arrived.map_err(|_| Refusal::new(Code::BadEncoding, "the body did not arrive in time"))?;
    arrived.map_err(|error| {
        if error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
            too_large(bytes_max)
        } else {
            Refusal::new(Code::BadEncoding, "the body ended early")
        }
    })
}

/// The whole body, unpacked.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refusal> {
    let is_gzip = match headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or_default().trim()) {
        None | Some("" | "identity") => false,
        Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => true,
        Some(_) => return Err(Refusal::new(Code::BadEncoding, "only gzip is known as Content-Encoding")),
    };
    let bytes = raw(body, ENCODED_BYTES_MAX).await?;
    codec::decode(bytes.into(), is_gzip, ENCODED_BYTES_MAX, DECODED_BYTES_MAX).map_err(|error| match error {
        CodecError::TooLarge(bytes_max) => too_large(bytes_max),
        CodecError::Damaged => Refusal::new(Code::BadEncoding, "the body is no complete gzip"),
    })
}

/// The body as a request of ours; an unknown or wrong field is named.
pub(super) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Refusal> {
    let bytes = read(headers, body).await?;
    let deserializer = &mut serde_json::Deserializer::from_slice(&bytes);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = known_path(&error.path().to_string());
        let inner = error.into_inner();
        let text = inner.to_string();
        if !inner.is_data() {
            return Refusal::new(Code::Malformed, "the body is not JSON");
        }
        if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            let field = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            return Refusal::field(Code::MissingField, field, "is missing");
        }
        if text.starts_with("unknown field `") {
            return Refusal::field(Code::UnknownField, path, "is not known");
        }
        // The rest of serde's words may quote the value.
        Refusal::field(Code::WrongType, path, "has the wrong type or an unknown word")
    })
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(Code::BodyTooLarge, format!("the body has more than {bytes_max} bytes"))
}
