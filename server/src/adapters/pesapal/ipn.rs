//! Our IPN address at Pesapal: looked up, or registered once, and kept.
//!
//! Pesapal itself is where it is kept over restarts: an address that is in its list is never registered again. In between the
//! id is remembered here; one look-up at a time, so that two first charges do not register two.

use std::collections::HashMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::{AdapterError, Call};
use super::{Desk, answers};

/// Ids by what they belong to, hashed.
#[derive(Debug, Default)]
pub(super) struct Kept(tokio::sync::Mutex<HashMap<[u8; 32], String>>);

impl Kept {
    /// The id, if it need not be asked for.
    pub(super) async fn known(&self, call: &Call<'_>, desk: &Desk<'_>) -> Option<String> {
        if let Some(id) = desk.config.ipn_id {
            return Some(id.to_owned());
        }
        if let Some(id) = call.memo.and_then(|memo| memo.get("ipn_id")?.as_str()) {
            return Some(id.to_owned());
        }
        self.0.lock().await.get(&name(desk, &address(call, desk))).cloned()
    }

    /// The id of our address, registered if it is not yet.
    pub(super) async fn find(&self, call: &Call<'_>, desk: &Desk<'_>) -> Result<String, AdapterError> {
        let url = address(call, desk);
        // Held while asking: whoever comes meanwhile waits for the same id.
        let mut kept = self.0.lock().await;
        if let Some(id) = kept.get(&name(desk, &url)) {
            return Ok(id.clone());
        }
        let list = desk.get("/api/URLSetup/GetIpnList").await.map_err(AdapterError::harmless)?;
        let id = match answers::find_ipn(&list, &url).map_err(AdapterError::harmless)? {
            Some(id) => id,
            None => {
                let body = json!({ "url": url, "ipn_notification_type": desk.config.ipn_method });
                let answer = desk.post("/api/URLSetup/RegisterIPN", &body).await.map_err(AdapterError::harmless)?;
                answers::read_ipn(&answer).map_err(AdapterError::harmless)?
            }
        };
        kept.insert(name(desk, &url), id.clone());
        Ok(id)
    }

    /// Pesapal does not know it (any more): it is looked up anew the next time.
    pub(super) async fn forget(&self, call: &Call<'_>, desk: &Desk<'_>) {
        self.0.lock().await.remove(&name(desk, &address(call, desk)));
    }
}

/// Our address as Pesapal reaches it.
fn address(call: &Call<'_>, desk: &Desk<'_>) -> String {
    if let Some(url) = desk.config.ipn_url {
        return url.to_owned();
    }
    let public = call.callback_url.rsplit_once("/k/").map_or(call.callback_url, |(public, _)| public);
    format!("{public}/h/{}/ipn", desk.config.webhook_token)
}

fn name(desk: &Desk<'_>, url: &str) -> [u8; 32] {
    let config = &desk.config;
    Sha256::digest([config.base_url.as_str(), config.consumer_key, config.ipn_method, url].join("\n")).into()
}
