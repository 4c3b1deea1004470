//! The names of [`crate::adapters::Names`], kept in the store.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    adapters::{AdapterError, Disposition, Names},
    store::Store,
};

/// One tenant's names at one provider.
pub(super) struct KeptNames {
    pub(super) store: Arc<dyn Store>,
    pub(super) tenant: String,
    pub(super) adapter: String,
}

#[async_trait]
impl Names for KeptNames {
    async fn reserve(&self, name: &str, value: &str, instead_of: Option<&str>) -> Result<String, AdapterError> {
        self.store.provider_name(&self.tenant, &self.adapter, name, value, instead_of).await.map_err(|error| {
            tracing::error!(%error, "the store failed");
            AdapterError::new(Disposition::Transient, "the server could not reserve a name")
        })
    }
}
