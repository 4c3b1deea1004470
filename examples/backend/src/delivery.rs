//! What any receiver of Standard Webhooks does: check who signed, how old it is, and whether it was here before.
//!
//! Libraries for many languages do the same (standardwebhooks.com); here it is in full.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How far a delivery's time may be from ours: older ones may be played back by a stranger.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// Ids that are remembered. A backend with a database has a unique column instead.
const SEEN_MAX: usize = 10_000;

/// The headers of a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers<'a> {
    /// The same for every try.
    pub(crate) id: &'a str,
    /// Seconds since 1970, of this try.
    pub(crate) timestamp: &'a str,
    /// One or several, with a space between: `v1,` and base64.
    pub(crate) signature: &'a str,
}

/// The deliveries of one subscription.
pub(crate) struct Deliveries {
    key: Vec<u8>,
    seen: Mutex<VecDeque<String>>,
}

impl Deliveries {
    /// Those signed with this secret, `whsec_` and base64; `None` if it is none.
    pub(crate) fn signed_with(secret: &str) -> Option<Self> {
        let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok().filter(|key| !key.is_empty())?;
        Some(Self { key, seen: Mutex::default() })
    }

    /// Is it signed by the one who has the secret, and not from another time? Compared in constant time.
    pub(crate) fn is_good(&self, headers: &Headers<'_>, body: &[u8], now: SystemTime) -> bool {
        let Ok(seconds) = headers.timestamp.parse() else { return false };
        let sent = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
        let off = now.duration_since(sent).unwrap_or_else(|ahead| ahead.duration());
        let signed = |signature: Vec<u8>| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return false };
            mac.update(format!("{}.{}.", headers.id, headers.timestamp).as_bytes());
            mac.update(body);
            mac.verify_slice(&signature).is_ok()
        };
        let signatures = headers.signature.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
        off <= TOLERANCE && signatures.into_iter().any(signed)
    }

    /// Deliveries come at least once: is this the first of its id?
    pub(crate) fn is_new(&self, id: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.iter().any(|known| known == id) {
            return false;
        }
        if seen.len() >= SEEN_MAX {
            seen.pop_front();
        }
        seen.push_back(id.to_owned());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: Headers<'_> = Headers {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_published_example_is_good_and_anything_else_is_not() {
        let deliveries = Deliveries::signed_with(SECRET).unwrap();
        let now = at(1_614_265_330);
        let also = format!("v1,AAAA v2,{0} {0}", SIGNED.signature);

        assert!(deliveries.is_good(&SIGNED, BODY, now));
        assert!(deliveries.is_good(&Headers { signature: &also, ..SIGNED }, BODY, now), "one of several is enough");
        for other in [
            Headers { id: "msg_p5jXN8AQM9LWM0D4loKWxJel", ..SIGNED },
            Headers { timestamp: "1614265331", ..SIGNED },
            Headers { timestamp: "yesterday", ..SIGNED },
            Headers { signature: "", ..SIGNED },
            Headers { signature: "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", ..SIGNED },
            Headers { signature: "v1,", ..SIGNED },
        ] {
            assert!(!deliveries.is_good(&other, BODY, now), "{other:?}");
        }
        assert!(!deliveries.is_good(&SIGNED, br#"{"test": 2432232315}"#, now));
        let other = Deliveries::signed_with("whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert!(!other.is_good(&SIGNED, BODY, now));
    }

    #[test]
    fn five_minutes_either_way_are_allowed_and_no_second_more() {
        let deliveries = Deliveries::signed_with(SECRET).unwrap();
        for (now, good) in
            [(1_614_265_030, true), (1_614_265_029, false), (1_614_265_630, true), (1_614_265_631, false), (0, false)]
        {
            assert_eq!(deliveries.is_good(&SIGNED, BODY, at(now)), good, "{now}");
        }
    }

    #[test]
    fn an_id_is_new_once_and_the_oldest_is_forgotten_first() {
        let deliveries = Deliveries::signed_with(SECRET).unwrap();
        assert!((0..SEEN_MAX).all(|number| deliveries.is_new(&number.to_string())));
        assert!(!deliveries.is_new("0"), "all of them are known");
        assert!(deliveries.is_new("one more"));
        assert!(deliveries.is_new("0"));
        assert!(!deliveries.is_new("2"));
    }

    #[test]
    fn a_secret_is_whsec_and_base64() {
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64"] {
            assert!(Deliveries::signed_with(bad).is_none(), "{bad}");
        }
    }
}
