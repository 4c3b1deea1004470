//! The HTTP API and the command line over real HTTP and real SQLite, in this process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/commands.rs"]
mod commands;
#[path = "http/credentials.rs"]
mod credentials;
#[path = "http/decisions.rs"]
mod decisions;
#[path = "http/execute.rs"]
mod execute;
#[path = "http/health.rs"]
mod health;
#[path = "http/host.rs"]
mod host;
#[path = "http/integrations.rs"]
mod integrations;
#[path = "http/log.rs"]
mod log;
#[path = "http/openapi.rs"]
mod openapi;
#[path = "http/operations.rs"]
mod operations;
#[path = "http/operators.rs"]
mod operators;
#[path = "http/refused.rs"]
mod refused;
#[path = "http/reprocessed.rs"]
mod reprocessed;
#[path = "http/resealed.rs"]
mod resealed;
#[path = "http/rotation.rs"]
mod rotation;
#[path = "http/schema_lists.rs"]
mod schema_lists;
#[path = "http/schema_rows.rs"]
mod schema_rows;
#[path = "http/schemas.rs"]
mod schemas;
#[path = "http/secrets.rs"]
mod secrets;
#[path = "http/subscriptions.rs"]
mod subscriptions;
