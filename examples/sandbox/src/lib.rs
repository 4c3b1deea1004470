//! Providers that can be watched: Safaricom Daraja (M-Pesa), Africa's Talking (SMS), WhatsApp and others, simulated over HTTP.
//!
//! The sandbox answers as the real providers do, keeps a [ledger](LedgerEntry) of *effects* (money moved, messages
//! accepted) and takes [faults](Fault): time-outs before or after the effect, refusals, lost, late and doubled webhooks.
//! Whether something happened once is read from the ledger, from what the provider saw and never from our own ids.
//!
//! An adapter is reached at `URL/<adapter>`; the control API lives under `URL/_sandbox`.

mod call;
mod callbacks;
mod clock;
mod connection;
mod control;
pub mod credentials;
mod fault;
mod fault_book;
mod flutterwave;
mod gate;
mod google_drive;
mod incoming;
mod ledger;
mod money;
mod moodle;
mod mpesa;
mod pesapal;
mod push;
mod sandbox;
mod sms;
mod whatsapp;
mod world;

pub use fault::{Adapter, Call, CallbackFault, Fault, FaultKind, Match};
pub use ledger::{Effect, LedgerEntry};
pub use sandbox::{Sandbox, SandboxOptions};
