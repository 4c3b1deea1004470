//! What must never happen, one test each, end to end: real HTTP, real files, providers with a ledger.
//!
//! The interleavings inside the store are tested beside it; orders nobody thought of are the simulation's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod access;
mod chain;
mod effects;
mod events;
mod flutterwave;
mod google_drive;
mod lifecycle;
mod limits;
mod local_storage;
mod moodle;
mod panics;
mod paybill;
mod pesapal;
mod prompts;
mod providers;
mod push;
mod rotation;
mod seen;
mod sms;
mod verdicts;
mod webhooks;
mod whatsapp;
mod world;
