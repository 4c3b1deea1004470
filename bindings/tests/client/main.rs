//! The exported objects as an app uses them, but called from Rust: no network, a real database, a scripted server behind the
//! app's own transport.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work is a failed test")]

mod app;
mod calls;
mod parts;
