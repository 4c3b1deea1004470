//! What `serve --sandbox URL` means: the simulated providers' addresses, their fixed credentials, and short waits.
//!
//! Unrelated to `MPESA_ENVIRONMENT=sandbox`, which is Safaricom's own test host.

use std::{collections::BTreeMap, path::Path};

use crate::dispatch::policy::Retry;

/// The path token of SMS webhooks: the sandbox is told to report to `/h/<this>/dlr`.
pub const SMS_WEBHOOK_TOKEN: &str = "sandbox-sms-webhook-token-0001";

/// Twelve calls within about a minute.
pub(super) const RETRY: Retry = Retry { attempts_max: 12, base_ms: 200, factor: 2.0, cap_ms: 10_000 };

/// Waits short enough for tests; the file, the environment and the tenant may set others.
pub(super) fn waits() -> BTreeMap<String, String> {
    texts(&[
        ("first_poll_ms", "1000"),
        ("poll_ms", "1000"),
        ("negative_after_ms", "5000"),
        ("receipt_wait_ms", "5000"),
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
        ]),
        "sms" => texts(&[("username", "sandbox"), ("api_key", "sandbox-sms-key"), ("webhook_token", SMS_WEBHOOK_TOKEN)]),
        _ => BTreeMap::new(),
    };
    settings.insert("base_url".to_owned(), format!("{url}/{adapter}"));
    settings
}

/// Where files go unless `LOCAL_STORAGE_ROOT` says: a folder beside the database.
pub(super) fn files(database: &Path) -> String {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()).join("files").to_string_lossy().into_owned()
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
