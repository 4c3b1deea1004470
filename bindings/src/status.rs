//! Mirrors of what the core says about its sync: why something waits, what a run did, what happened. See `values.rs`.

use std::time::Duration;

use tarishi_core::{DeviceState, Event, Logout, LogoutReport, Network, SyncReport, Why, WhyReason};
use tarishi_protocol::OperationId;

use crate::values::Instant;

/// Why an operation waits.
#[uniffi::remote(Record)]
pub struct Why {
    /// What it waits for.
    pub reason: WhyReason,
    /// Until when, where that is known.
    pub until: Option<Instant>,
    /// The operation that goes first.
    pub behind: Option<OperationId>,
}

/// What an operation waits for.
#[uniffi::remote(Enum)]
pub enum WhyReason {
    /// It has ended.
    NotWaiting,
    /// There is no network.
    Offline,
    /// The network is metered and may not be used.
    Metered,
    /// The last try failed; it is tried again.
    BackingOff,
    /// An operation of the same ordering key goes first.
    Behind,
    /// Another payment for this reference is under way.
    PaymentInFlight,
    /// The person must sign in.
    NeedsAuth,
    /// The server paused this action.
    PausedByServer,
    /// The server has it.
    AtServer,
    /// The provider has it.
    AtProvider,
    /// The outcome is unknown and a human is asked.
    Unresolved,
    /// The operation it depends on has not ended.
    After,
    /// The client is suspended.
    Suspended,
    /// The server wants a newer version.
    UpgradeRequired,
    /// The server failed on it again and again; it is tried once a day.
    ServerError,
    /// It goes with the next sync.
    Ready,
}

/// What one run of `sync` did.
#[uniffi::remote(Record)]
pub struct SyncReport {
    /// Requests that got an answer.
    pub exchanges: u64,
    /// Operations the server took.
    pub accepted: u64,
    /// Operations the server refused for good.
    pub refused: u64,
    /// Operations without a receipt, still.
    pub pending: u64,
    /// Bytes sent.
    pub bytes_up: u64,
    /// Bytes received.
    pub bytes_down: u64,
    /// Everything was sent and everything new was fetched.
    pub complete: bool,
    /// Why it is not complete, where something stands in the way.
    pub reason: Option<WhyReason>,
}

/// What happens at sign-out to what has not ended.
#[uniffi::remote(Enum)]
pub enum Logout {
    /// Send what can be sent, then stop. What is left stays for the next sign-in of the same account.
    Drain {
        /// How long to try.
        deadline: Duration,
    },
    /// Stop at once; everything stays for the next sign-in of the same account.
    Keep,
    /// Throw away what was never sent and ask the server to cancel the rest.
    Discard,
}

/// What had not ended when the person signed out.
#[uniffi::remote(Record)]
pub struct LogoutReport {
    /// Never left the phone.
    pub never_sent: u64,
    /// Sent, and no receipt came.
    pub maybe_sent: u64,
    /// The server has it.
    pub running: u64,
}

/// The network, as the platform tells it.
#[uniffi::remote(Enum)]
pub enum Network {
    /// None.
    Offline,
    /// One that costs by the byte.
    Metered,
    /// One that does not.
    Unmetered,
    /// Not known.
    Unknown,
}

/// Something changed; the change is durable already.
#[uniffi::remote(Enum)]
pub enum Event {
    /// An operation is new or moved, or its outcome grew.
    OperationChanged {
        /// Which.
        id: OperationId,
        /// Where it stands now.
        state: DeviceState,
    },
    /// Syncing pauses until the person signs in.
    NeedsAuth,
    /// Syncing pauses until the app is newer; what is queued stays.
    UpgradeRequired,
    /// Syncing pauses: the database is a copy of another device's.
    CopiedDevice,
    /// A run of `sync` ended.
    Report(SyncReport),
}
