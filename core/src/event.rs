//! What an app can observe.

use tarishi_protocol::OperationId;

use crate::{DeviceState, SyncReport};

/// Something changed. Sent after the change is durable; a receiver that lags reads the present from the client.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// An operation is new or moved, or its outcome grew.
    OperationChanged {
        /// Which.
        id: OperationId,
        /// Where it stands now.
        state: DeviceState,
    },
    /// The server does not take the token and the token source had no other: syncing pauses.
    NeedsAuth,
    /// The server wants a newer client: syncing pauses, what is queued stays.
    UpgradeRequired,
    /// The database is a copy of another device's: syncing pauses, nothing is lost.
    CopiedDevice,
    /// A run of `sync` ended.
    Report(SyncReport),
}
