//! Where notifications go: the devices of an audience, and what is learnt of them beside the answer.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};

/// What a device's token is a token of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PushKind {
    /// A registration token of Firebase Cloud Messaging.
    Fcm,
    /// A Firebase Installation ID, which takes the registration token's place.
    Fid,
    /// A device token of Apple's Push Notification service.
    Apns,
}

impl PushKind {
    /// The word on the wire and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fcm => "fcm",
            Self::Fid => "fid",
            Self::Apns => "apns",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Fcm, Self::Fid, Self::Apns].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One device that takes notifications. `Debug` shows no token.
#[derive(Clone, Eq, PartialEq)]
pub struct PushTarget {
    /// Which device; the same over all tries.
    pub device: String,
    /// What the token is.
    pub kind: PushKind,
    /// The token.
    pub token: String,
    /// When the device registered it last.
    pub registered_at: DateTime<Utc>,
}

impl fmt::Debug for PushTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushTarget").field("device", &self.device).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The devices of an audience, and those that the provider says are dead.
#[derive(Debug, Default)]
pub struct Targets {
    list: Vec<PushTarget>,
    dead: Mutex<Vec<String>>,
}

impl Targets {
    /// These devices.
    #[must_use]
    pub fn new(list: Vec<PushTarget>) -> Self {
        Self { list, dead: Mutex::default() }
    }

    /// The devices.
    #[must_use]
    pub fn list(&self) -> &[PushTarget] {
        &self.list
    }

    /// The provider says that this device's token will never work again.
    pub fn report_dead(&self, target: &PushTarget) {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).push(target.device.clone());
    }

    /// The devices reported dead.
    #[must_use]
    pub fn dead(&self) -> Vec<String> {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
