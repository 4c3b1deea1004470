//! What the server saw, as a test reads it.

use serde_json::{Value, json};
use tarishi_protocol::{Operation, SyncRequest};

use super::respond::Memory;

/// One request: the operations as they were sent, cancellations by their keys.
pub(super) fn of(token: &str, request: &SyncRequest<Operation>, body: &[u8], memory: &Memory) -> Value {
    let mut sent: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut operations = sent.get_mut("operations").map(Value::take).unwrap_or_else(|| json!([]));
    for operation in operations.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(key) = operation.remove("idempotency_key") {
            operation.insert("key".to_owned(), key);
        }
    }
    let cancellations: Vec<_> = request.cancellations.iter().map(|id| memory.key(*id)).collect();
    json!({
        "token": token,
        "account": request.account,
        "exchange": request.exchange,
        "cursor": request.cursor,
        "wait_secs": request.wait_secs,
        "operations": operations,
        "cancellations": cancellations,
        "notification_receipts": sent.get("notification_receipts"),
    })
}
