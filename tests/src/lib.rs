//! What the end-to-end tests, the crash test and the demo are made of.
//!
//! [`harness`] runs servers, phones and providers, [`link`] is the road between them, and the [`harness::Audit`] compares what
//! was asked for with what the providers saw. [`crash`], [`crowd`], [`import`] and [`demo`] put these together.
//! [`fuzz`] reads broken inputs, [`secrets`] searches what a run left behind for what must be seen nowhere.
//! [`scenario`] runs the files that every language runs, against [`scripted`].

pub mod crash;
pub mod crowd;
pub mod demo;
pub mod fuzz;
pub mod harness;
pub mod import;
pub mod link;
pub mod scenario;
pub mod scripted;
pub mod secrets;
pub mod simulation;
