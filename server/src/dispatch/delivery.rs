//! What a delivery tells: the event as it is in the log now.

use tarishi_protocol::Payload;

use crate::{
    App,
    adapters::{AdapterError, Disposition},
    store::OperationRow,
};

/// The event that this operation is to tell of.
///
/// # Errors
/// [`Disposition::Transient`]: the store failed; [`Disposition::Rejected`]: the event is no longer kept.
pub(super) async fn payload(app: &App, row: &OperationRow) -> Result<Payload, AdapterError> {
    let payload: serde_json::Value = serde_json::from_str(&row.payload).unwrap_or_default();
    let seq = payload["event"].as_u64().unwrap_or_default();
    let event = app.store.event(&row.tenant, seq).await.map_err(|error| {
        tracing::error!(%error, "an event cannot be read");
        AdapterError::new(Disposition::Transient, "the event cannot be read")
    })?;
    let gone = || AdapterError::new(Disposition::Rejected, "the event is no longer kept");
    event.map(|event| Payload::Free(event.told())).ok_or_else(gone)
}
