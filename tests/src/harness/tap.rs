//! Listens on the wire between the link and the server and counts: bytes as they travelled, and what they were before gzip.

use std::net::SocketAddr;

use super::{
    Result,
    http1::{body_of, head_of, inflated},
    relay::Relay,
};

/// Bytes in one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// As they travelled, HTTP heads included.
    pub wire: u64,
    /// As they would have travelled without compression.
    pub raw: u64,
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.wire += other.wire;
        self.raw += other.raw;
    }
}

/// A relay that counts. Dropped, it carries nothing more.
#[derive(Debug)]
pub struct Tap(Relay);

impl Tap {
    /// A relay to `target` on a free port.
    ///
    /// # Errors
    /// There is none.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let relay = Relay::start().await?;
        relay.lead_to(target);
        Ok(Self(relay))
    }

    /// Where the link leads to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Until now, to the server and from it.
    #[must_use]
    pub fn traffic(&self) -> (Traffic, Traffic) {
        let (mut to, mut from) = (Traffic::default(), Traffic::default());
        self.0.each(|up, down| {
            to += count(up);
            from += count(down);
        });
        (to, from)
    }
}

/// Reads a stream of HTTP/1.1 messages. What was cut counts as it is.
fn count(stream: &[u8]) -> Traffic {
    let wire = stream.len() as u64;
    let (mut rest, mut raw) = (stream, 0);
    while let Some(head) = head_of(rest) {
        let (body, length) = body_of(rest, &head);
        raw += head.length as u64;
        raw += if head.gzip { inflated(&body).map_or(body.len(), |all| all.len()) as u64 } else { body.len() as u64 };
        rest = &rest[(head.length + length).min(rest.len())..];
    }
    Traffic { wire, raw: raw + rest.len() as u64 }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_body_counts_twice_once_as_it_travelled_and_once_as_it_was() {
        let body = gzip(&[b'a'; 1_000]);
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\nContent-Encoding: gzip\r\n\r\n", body.len());
        let stream = [head.as_bytes(), &body, b"GET / HTTP/1.1\r\n\r\n"].concat();

        let traffic = count(&stream);

        assert_eq!(traffic.wire, stream.len() as u64);
        assert_eq!(traffic.raw, (head.len() + 1_000 + 18) as u64);
    }

    #[test]
    fn chunks_are_put_together_and_what_was_cut_counts_as_it_is() {
        let body = gzip(b"hello hello hello");
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n";
        let (first, second) = body.split_at(5);
        let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        let stream = [head.as_bytes(), &chunk(first), &chunk(second), b"0\r\n\r\n"].concat();

        assert_eq!(count(&stream).raw, head.len() as u64 + 17);
        assert!(count(&stream[..stream.len() - 20]).raw > head.len() as u64);
    }
}
