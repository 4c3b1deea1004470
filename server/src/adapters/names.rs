//! Names that must mean one thing at a provider to every worker: the id of a folder that is about to be made, say.
//!
//! Drive makes two folders of one name if two workers ask for it. So whoever comes first reserves the folder's id under its
//! name, durably, before the call; whoever comes later sends the same id, and the provider refuses the second.

use async_trait::async_trait;

use super::AdapterError;

/// What names mean, for one adapter of one tenant.
#[async_trait]
pub trait Names: Send + Sync {
    /// What this name means: `value` from now on if it meant nothing or `instead_of` so far, else what it meant. Durable
    /// when this returns.
    ///
    /// # Errors
    /// [`super::Disposition::Transient`]: nothing was reserved.
    async fn reserve(&self, name: &str, value: &str, instead_of: Option<&str>) -> Result<String, AdapterError>;
}
