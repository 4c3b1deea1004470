//! Tarishi's companion server: takes operations from devices and performs each of them once at a provider.
//!
//! The road of an operation: [`http`] → [`intake`] → [`store`] → [`dispatch`] → [`adapters`] → [`store`] → [`feed`].
//! [`server::Server`] puts the parts together, [`commands`] is the program's command line.

pub mod adapters;
pub mod app;
pub mod chain;
pub mod clock;
pub mod commands;
pub mod config;
pub mod credentials;
pub mod dispatch;
pub mod feed;
pub mod http;
pub mod intake;
pub mod integrations;
pub mod oauth;
pub mod observe;
pub mod reconcile;
pub mod rotation;
pub mod server;
pub mod store;
pub mod subscriptions;
pub mod vault;

pub use app::App;
pub use config::Config;
pub use server::{Server, StartError};
