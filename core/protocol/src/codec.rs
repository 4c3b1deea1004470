//! Gzip in both directions, bounded in both directions.
//!
//! A few kilobytes of gzip can unfold to gigabytes, so the decoded size is counted while it grows and reading stops at the
//! limit. A truncated body is an error, never a shorter body.

use std::{
    io::Read,
    sync::{Mutex, PoisonError},
};

use flate2::{Compress, Compression, Crc, FlushCompress, Status, bufread::GzDecoder};

use crate::limits::GZIP_BYTES_MIN;

/// Bytes that gzip puts around what it compressed, and some to spare.
const GZIP_FRAME: usize = 32;

/// A body as it travels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Encoded {
    /// The bytes to send.
    pub bytes: Vec<u8>,
    /// They are gzip: say `Content-Encoding: gzip`.
    pub gzip: bool,
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than allowed.
    #[error("body is larger than {0} bytes")]
    TooLarge(usize),
    /// Cut short, or no gzip.
    #[error("body is no complete gzip")]
    Damaged,
}

/// Compresses a body above [`GZIP_BYTES_MIN`] bytes, if that makes it smaller.
#[must_use]
pub fn encode(body: Vec<u8>) -> Encoded {
    if body.len() <= GZIP_BYTES_MIN {
        return Encoded { bytes: body, gzip: false };
    }
    let zipped = gzip(&body);
    if zipped.len() < body.len() { Encoded { bytes: zipped, gzip: true } } else { Encoded { bytes: body, gzip: false } }
}

/// The last one used: making one, a third of a megabyte of zeros, takes ten times as long as to compress a small body.
static COMPRESSOR: Mutex<Option<Compress>> = Mutex::new(None);

/// The gzip form of some bytes (RFC 1952: no name, no time).
#[must_use]
pub fn gzip(body: &[u8]) -> Vec<u8> {
    let kept = || COMPRESSOR.lock().unwrap_or_else(PoisonError::into_inner);
    let known = kept().take();
    let mut compressor = known.unwrap_or_else(|| Compress::new(Compression::new(6), false));
    compressor.reset();
    let mut zipped = Vec::with_capacity(body.len() / 2 + GZIP_FRAME);
    zipped.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    let mut read = 0;
    while let Ok(Status::Ok | Status::BufError) = compressor.compress_vec(&body[read..], &mut zipped, FlushCompress::Finish) {
        read = usize::try_from(compressor.total_in()).unwrap_or(body.len());
        zipped.reserve(body.len() / 2 + GZIP_FRAME);
    }
    *kept() = Some(compressor);
    let mut checksum = Crc::new();
    checksum.update(body);
    zipped.extend_from_slice(&checksum.sum().to_le_bytes());
    zipped.extend_from_slice(&checksum.amount().to_le_bytes());
    zipped
}

/// Reads one whole gzip body of at most `decoded_max` bytes.
///
/// # Errors
/// [`CodecError::TooLarge`] as soon as the limit is passed, [`CodecError::Damaged`] if the body is cut short, is no gzip, or
/// is followed by other bytes.
pub fn gunzip(body: &[u8], decoded_max: usize) -> Result<Vec<u8>, CodecError> {
    let mut decoder = GzDecoder::new(body);
    let mut decoded = Vec::new();
    let limit = u64::try_from(decoded_max).unwrap_or(u64::MAX).saturating_add(1);
    decoder.by_ref().take(limit).read_to_end(&mut decoded).map_err(|_| CodecError::Damaged)?;
    if decoded.len() > decoded_max {
        return Err(CodecError::TooLarge(decoded_max));
    }
    if decoder.into_inner().is_empty() { Ok(decoded) } else { Err(CodecError::Damaged) }
}

/// Reads a body as it came: both its travelling and its decoded size are bounded.
///
/// # Errors
/// As [`gunzip`], and [`CodecError::TooLarge`] for a travelling size above `encoded_max`.
pub fn decode(body: Vec<u8>, is_gzip: bool, encoded_max: usize, decoded_max: usize) -> Result<Vec<u8>, CodecError> {
    if body.len() > encoded_max {
        return Err(CodecError::TooLarge(encoded_max));
    }
    if is_gzip {
        return gunzip(&body, decoded_max);
    }
    if body.len() > decoded_max { Err(CodecError::TooLarge(decoded_max)) } else { Ok(body) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 4 * 1024 * 1024]);
        assert!(bomb.len() < 8 * 1024);
        assert_eq!(gunzip(&bomb, 64 * 1024), Err(CodecError::TooLarge(64 * 1024)));
    }

    #[test]
    fn the_limit_itself_still_passes() {
        let body = vec![7; 1_000];
        assert_eq!(gunzip(&gzip(&body), 1_000).unwrap(), body);
        assert_eq!(gunzip(&gzip(&body), 999), Err(CodecError::TooLarge(999)));
        assert_eq!(decode(body.clone(), false, 1_000, 1_000).unwrap(), body);
        assert_eq!(decode(body.clone(), false, 999, 1_000), Err(CodecError::TooLarge(999)));
    }

    #[test]
    fn a_small_body_is_sent_as_it_is() {
        assert!(!encode(vec![b'a'; GZIP_BYTES_MIN]).gzip);
        assert!(encode(vec![b'a'; GZIP_BYTES_MIN + 1]).gzip);
    }

    proptest! {
        #[test]
        fn no_truncated_body_is_read_as_a_shorter_one(body in proptest::collection::vec(any::<u8>(), 1..2_000), cut in 1_usize..40) {
            let zipped = gzip(&body);
            let cut = cut.min(zipped.len());
            prop_assert_eq!(gunzip(&zipped[..zipped.len() - cut], 10_000), Err(CodecError::Damaged));
        }

        #[test]
        fn what_is_encoded_is_decoded(body in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let encoded = encode(body.clone());
            prop_assert_eq!(decode(encoded.bytes, encoded.gzip, 10_000, 10_000).unwrap(), body);
        }
    }
}
