//! What `serve --sandbox URL` means: the simulated providers' addresses, their fixed credentials, and short waits.
//!
//! Unrelated to `MPESA_ENVIRONMENT=sandbox`, which is Safaricom's own test host.

use std::{collections::BTreeMap, path::Path};

use crate::{adapters::Reach, dispatch::policy::Retry};

/// The path token of SMS webhooks: the sandbox is told to report to `/h/<this>/dlr`.
pub const SMS_WEBHOOK_TOKEN: &str = "sandbox-sms-webhook-token-000001";
/// The path token of WhatsApp webhooks: the sandbox is told to report to `/h/<this>`.
pub const WHATSAPP_WEBHOOK_TOKEN: &str = "sandbox-whatsapp-webhook-token-0001";

/// The path token of Flutterwave's webhooks: the sandbox is told to report to `/h/<this>`.
pub const FLUTTERWAVE_WEBHOOK_TOKEN: &str = "sandbox-flutterwave-webhook-token-0001";

/// The path token of Pesapal's notifications: the sandbox learns it when our address is registered.
pub const PESAPAL_WEBHOOK_TOKEN: &str = "sandbox-pesapal-webhook-token-0001";

/// The path token of M-Pesa's paybill payments; Daraja wants no "mpesa" in it.
pub const MPESA_WEBHOOK_TOKEN: &str = "sandbox-paybill-webhook-token-0001";

/// Every path token that the sandbox is told.
const WEBHOOK_TOKENS: &[&str] =
    &[MPESA_WEBHOOK_TOKEN, SMS_WEBHOOK_TOKEN, WHATSAPP_WEBHOOK_TOKEN, FLUTTERWAVE_WEBHOOK_TOKEN, PESAPAL_WEBHOOK_TOKEN];

/// Is this one of the sandbox's own path tokens, which are the same in every installation?
#[must_use]
pub fn is_sandbox_token(token: &str) -> bool {
    WEBHOOK_TOKENS.contains(&token)
}

/// Twelve calls within about a minute.
pub(super) const RETRY: Retry = Retry { attempts_max: 12, base_ms: 200, factor: 2.0, cap_ms: 10_000, ..Retry::DEFAULT };

/// Events may be sent to this machine.
pub(super) fn reach() -> Reach {
    Reach::parse("127.0.0.0/8,::1").expect("a fixed list")
}

/// Waits short enough for tests; the file, the environment and the tenant may set others.
pub(super) fn waits() -> BTreeMap<String, String> {
    texts(&[
        ("first_poll_ms", "1000"),
        ("poll_ms", "1000"),
        ("negative_after_ms", "5000"),
        ("receipt_wait_ms", "5000"),
        ("settle_after_ms", "5000"),
        ("refund_settle_after_ms", "5000"),
        ("callback_allowed_ips", "*"),
        ("webhook_allowed_ips", "*"),
    ])
}

/// Where an adapter's provider is and what opens it. Nothing else is opened by these.
pub(super) fn credentials(adapter: &str, url: &str) -> BTreeMap<String, String> {
    let mut settings = match adapter {
        "mpesa" => texts(&[
            ("consumer_key", "sandbox-key"),
            ("consumer_secret", "sandbox-secret"),
            ("shortcode", "600123"),
            ("passkey", "sandbox-passkey"),
            ("initiator_name", "sandbox-initiator"),
            ("security_credential", "sandbox-credential"),
            ("webhook_token", MPESA_WEBHOOK_TOKEN),
            ("nominated_number", "254712000000"),
        ]),
        "sms" => texts(&[("username", "sandbox"), ("api_key", "sandbox-sms-key"), ("webhook_token", SMS_WEBHOOK_TOKEN)]),
        "whatsapp" => texts(&[
            ("phone_number_id", "100000000000001"),
            ("access_token", "sandbox-whatsapp-token"),
            ("app_secret", "sandbox-whatsapp-secret"),
            ("verify_token", "sandbox-whatsapp-verify"),
            ("webhook_token", WHATSAPP_WEBHOOK_TOKEN),
        ]),
        "flutterwave" => texts(&[
            ("secret_key", "FLWSECK_TEST-sandbox-X"),
            ("secret_hash", "sandbox-flutterwave-hash"),
            ("webhook_token", FLUTTERWAVE_WEBHOOK_TOKEN),
            ("redirect_url", "https://shop.example.org/paid"),
            ("default_email", "no-reply@example.org"),
        ]),
        "pesapal" => texts(&[
            ("consumer_key", "sandbox-pesapal-key"),
            ("consumer_secret", "sandbox-pesapal-secret="),
            ("webhook_token", PESAPAL_WEBHOOK_TOKEN),
            ("callback_url", "https://shop.example.org/paid"),
        ]),
        "google_drive" => {
            let mut settings = texts(&[
                ("client_id", "sandbox-drive-client"),
                ("client_secret", "sandbox-drive-secret"),
                ("refresh_token", "sandbox-drive-refresh-token"),
            ]);
            for (name, path) in [("auth_url", "o/oauth2/v2/auth"), ("token_url", "token"), ("revoke_url", "revoke")] {
                settings.insert(name.to_owned(), format!("{url}/google_drive/{path}"));
            }
            settings
        }
        "push" => push_credentials(),
        "moodle" => texts(&[("token", "5a4d6f6f646c6553616e64626f78546f")]),
        _ => BTreeMap::new(),
    };
    settings.insert("base_url".to_owned(), format!("{url}/{adapter}"));
    settings
}

/// A service account and an APNs key that only the sandbox has ever heard of; it holds their public halves.
fn push_credentials() -> BTreeMap<String, String> {
    let pem = |key: &str| format!("-----BEGIN PRIVATE KEY-----\n{key}-----END PRIVATE KEY-----\n");
    let account = serde_json::json!({
        "type": "service_account", "project_id": "sandbox-project", "private_key_id": "0".repeat(40),
        "private_key": pem(include_str!("sandbox/fcm_key.base64")),
        "client_email": "sandbox@sandbox-project.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
    });
    texts(&[
        ("fcm_service_account_json", &account.to_string()),
        ("apns_key_p8", &pem(include_str!("sandbox/apns_key.base64"))),
        ("apns_key_id", "SANDBOXKEY"),
        ("apns_team_id", "SANDBOXORG"),
        ("apns_bundle_id", "org.example.sandbox"),
    ])
}

/// Where files go unless `LOCAL_STORAGE_ROOT` says: a folder beside the database.
pub(super) fn files(database: &Path) -> String {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()).join("files").to_string_lossy().into_owned()
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
