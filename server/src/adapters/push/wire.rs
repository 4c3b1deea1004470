//! What both providers have in common: a notification with its marks, and what a provider says of it. Pure.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tarishi_protocol::{PushPriority, PushSend};

use super::super::Call;

/// A notification, the same over all tries: what a device shows once, it knows by these marks.
#[derive(Clone, Debug)]
pub(super) struct Push<'a> {
    pub(super) send: &'a PushSend,
    /// The id in its data, by which an app tells a double: the notification's, or the operation's.
    pub(super) ntf: String,
    /// With what a part of the app that has no token says that it came.
    receipt_token: Option<&'a str>,
    /// What is shown in the place of what: the app's key, or the id.
    pub(super) mark: String,
    /// Seconds for which the provider may keep it from now on.
    pub(super) ttl_s: i64,
    /// When it is worth nothing any more, in Unix seconds; 0 = now or never.
    pub(super) expiration: i64,
    pub(super) high: bool,
    /// What a phone shows of it is to go; nothing is shown.
    pub(super) retracts: bool,
}

impl<'a> Push<'a> {
    pub(super) fn of(call: &Call<'a>, send: &'a PushSend, default_ttl_s: u32) -> Self {
        let ntf = call.notification.map_or(call.operation_id.0, |chain| chain.id).simple().to_string();
        let retracts = call.notification.is_some_and(|chain| chain.retracts);
        let ttl_s = i64::from(send.ttl_s.unwrap_or(default_ttl_s));
        let end = call.first_opened_at.timestamp().saturating_add(ttl_s);
        Self {
            mark: send.collapse_key.clone().unwrap_or_else(|| ntf.clone()),
            // A repeat lives no longer than the first try would have.
            ttl_s: (end - call.now.timestamp()).clamp(0, ttl_s),
            expiration: if ttl_s == 0 { 0 } else { end },
            high: !retracts && send.priority.unwrap_or(PushPriority::High) == PushPriority::High,
            receipt_token: call.notification.map(|chain| chain.receipt_token.as_str()),
            retracts,
            send,
            ntf,
        }
    }

    /// `aps` as Apple reads it, directly or through FCM.
    pub(super) fn aps(&self) -> Value {
        if self.retracts {
            return json!({ "content-available": 1 });
        }
        let alert = json!({ "title": self.send.title, "body": self.send.body });
        json!({ "alert": alert, "sound": "default", "mutable-content": 1 })
    }

    /// The app's data with our id: texts only. Of what is taken back the id alone, and under another name: an app that does not
    /// know of it must not take it for a notification.
    pub(super) fn data(&self) -> Map<String, Value> {
        if self.retracts {
            return Map::from_iter([("retract".to_owned(), Value::from(self.ntf.as_str()))]);
        }
        let own = [("ntf", Some(self.ntf.as_str())), ("rt", self.receipt_token)];
        let own = own.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
        self.send.data_texts().into_iter().map(|(name, text)| (name, Value::from(text))).chain(own).collect()
    }

    /// What Apple calls it. One that shows nothing must be called so, and be of less than the highest priority.
    pub(super) fn apns_push_type(&self) -> &'static str {
        if self.retracts { "background" } else { "alert" }
    }

    /// Apple's number for how urgent it is.
    pub(super) fn apns_priority(&self) -> &'static str {
        if self.high { "10" } else { "5" }
    }
}

/// The `apns-id` of one effect on one device: a UUID, the same over all tries.
pub(super) fn apns_id(effect_key: &str, device: &str) -> String {
    let digest = Sha256::digest(format!("{effect_key}:{device}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// What a provider said of one notification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Told {
    /// It has it; of the device that says nothing.
    Taken {
        /// The provider's id.
        id: String,
    },
    /// The token will never work again.
    Dead {
        /// The provider's code.
        code: String,
        /// What it means.
        meaning: &'static str,
    },
    /// It will never take this one for this device.
    Refused {
        /// The provider's code.
        code: String,
        /// What it means.
        meaning: &'static str,
    },
    /// The token is not this host's; it may be the other's.
    OtherHost {
        /// The provider's code.
        code: String,
    },
}

impl Told {
    /// What the second of two hosts said: one that knows the token no better makes it a dead one.
    pub(super) fn by_second_host(self) -> Self {
        match self {
            Self::OtherHost { code } => Self::Dead { code, meaning: "neither host of APNs knows the token" },
            Self::Taken { .. } | Self::Dead { .. } | Self::Refused { .. } => self,
        }
    }
}
