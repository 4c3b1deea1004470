//! Places where a test may have the process die, to see that nothing is lost or doubled.
//!
//! Compiled in with the feature `failpoints` alone: `TARISHI_FAILPOINT=name:N` aborts the process the Nth time it comes by.

/// A place where the process may be told to die.
#[cfg(feature = "failpoints")]
pub fn reach(name: &str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    static ARMED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static SEEN: AtomicU32 = AtomicU32::new(0);

    let armed = ARMED.get_or_init(|| {
        let text = std::env::var("TARISHI_FAILPOINT").ok()?;
        let (name, count) = text.split_once(':').map_or((text.as_str(), 1), |(name, n)| (name, n.parse().unwrap_or(1)));
        Some((name.to_owned(), count))
    });
    if let Some((wanted, count)) = armed
        && wanted == name
        && SEEN.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        std::process::abort();
    }
}

/// A place where the process may be told to die; nothing, in this build.
#[cfg(not(feature = "failpoints"))]
pub fn reach(_name: &str) {}
