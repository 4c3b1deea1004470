//! Every adapter's webhook: what a stranger sends, and what somebody sends who knows the secret.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::DateTime;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tarishi_server::{
    Config,
    adapters::{Adapter, Hook, Settings, registry},
};
use uuid::Uuid;

use super::{Target, samples};
use crate::harness::Result;

/// The time of all of these.
pub(super) const NOW_SECS: i64 = 1_795_507_200;
/// Where webhooks of some adapter come in.
const PATHS: [&str; 10] = ["", "/dlr", "/inbound", "/optout", "/c", "/v", "/r", "/t", "/ipn", "/other"];
const FORM: &[u8] = b"id=ATXid_1&status=Success&phoneNumber=%2B254712345678&networkCode=63902&failureReason=x";
const QUERY: &[u8] =
    b"hub.mode=subscribe&hub.verify_token=sandbox-whatsapp-verify&hub.challenge=1158201444&OrderTrackingId=b945e4af-80a5-4ec1-8706-e03f8332fb04&OrderMerchantReference=x";

pub(super) fn all() -> Result<Vec<Box<dyn Target>>> {
    let mut all: Vec<Box<dyn Target>> = Vec::new();
    for (name, adapter) in registry() {
        let mut samples = samples::fixtures(name, &["callback", "webhook", "paybill", "reversal", "ipn", "status"])?;
        samples.extend([FORM.to_vec(), QUERY.to_vec(), Vec::new()]);
        all.push(Box::new(Webhook { name, settings: settings(adapter.as_ref()), adapter, samples }));
    }
    Ok(all)
}

/// What the sandbox gives the adapter.
pub(super) fn settings(adapter: &dyn Adapter) -> Settings {
    Settings(Config::for_tests(std::path::Path::new("."), "http://127.0.0.1:9").adapter_settings(adapter.descriptor(), true))
}

struct Webhook {
    name: &'static str,
    adapter: Arc<dyn Adapter>,
    settings: Settings,
    samples: Vec<Vec<u8>>,
}

impl Target for Webhook {
    fn name(&self) -> String {
        format!("webhook of {}", self.name)
    }

    fn samples(&self) -> &[Vec<u8>] {
        &self.samples
    }

    fn read(&mut self, input: &[u8]) -> std::result::Result<(), String> {
        let text = String::from_utf8_lossy(input).into_owned();
        for headers in [
            Vec::new(),
            self.signed(input),
            vec![("x-hub-signature-256".to_owned(), text.clone()), ("verif-hash".to_owned(), text.clone())],
        ] {
            for rest in PATHS {
                for (attempt_id, action) in
                    [(None, None), (Some(Uuid::nil()), Some("charge")), (Some(Uuid::nil()), Some("refund"))]
                {
                    let hook = Hook {
                        attempt_id,
                        action,
                        rest,
                        query: &text,
                        headers: &headers,
                        peer: Some([127, 0, 0, 1].into()),
                        body: input,
                        verified: false,
                        settings: &self.settings,
                        now: DateTime::from_timestamp(NOW_SECS, 0).unwrap_or_default(),
                    };
                    self.check(&hook)?;
                    // A handshake or a notification by GET has no body.
                    self.check(&Hook { body: &[], ..hook })?;
                }
            }
        }
        Ok(())
    }
}

impl Webhook {
    fn check(&self, hook: &Hook<'_>) -> std::result::Result<(), String> {
        match self.adapter.read_webhook(hook) {
            Ok(read) if !(200..600).contains(&read.reply.status) => Err(format!("the reply's status is {}", read.reply.status)),
            Ok(_) if self.must_sign() && hook.headers.is_empty() && !hook.body.is_empty() => {
                Err("taken without a signature".to_owned())
            }
            Ok(_) => Ok(()),
            Err(error) if error.message.contains("254712345678") => Err("the refusal shows a phone number".to_owned()),
            Err(_) => Ok(()),
        }
    }

    fn must_sign(&self) -> bool {
        matches!(self.name, "whatsapp" | "flutterwave")
    }

    /// As somebody signs who knows the secret.
    fn signed(&self, body: &[u8]) -> Vec<(String, String)> {
        let mac = |secret: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a MAC takes keys of any length");
            mac.update(body);
            mac.finalize().into_bytes()
        };
        let secret = |name| self.settings.get(name).unwrap_or_default();
        vec![
            ("x-hub-signature-256".to_owned(), format!("sha256={}", hex::encode(mac(secret("app_secret"))))),
            ("flutterwave-signature".to_owned(), STANDARD.encode(mac(secret("secret_hash")))),
        ]
    }
}
