//! What must not be seen, in every form that it may take.

use std::{fs, path::Path};

use serde_json::Value;
use tarishi_server::{
    Config,
    adapters::registry,
    config::MasterKey,
    store::{SealedKind, SealedRow, Store as _, sqlite::SqliteStore},
    vault::Vault,
};

use super::{Kind, forms::forms, matcher::Matcher, phones, shapes};
use crate::harness::{CANARY_TEXT, PUSH_TOKEN, Result, gather::with_suffix};

/// Below this a text is found everywhere by chance.
const SECRET_BYTES_MIN: usize = 8;
/// A part of a key in lines is told from other lines by its length.
const LINE_BYTES_MIN: usize = 24;
/// Rows of a server that are opened, at most; the tests make far fewer.
const SEALED_MAX: u32 = 10_000;
/// Fields of a sealed object that are no secrets.
const NO_SECRETS: [&str; 4] = ["scope", "params", "of_setting", "redirect_uri"];

/// Everything that is searched for.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    names: Vec<String>,
    matcher: Matcher,
    text: Matcher,
}

impl Canaries {
    /// What every server of the tests knows: the credentials of each adapter, and the tokens of phones.
    #[must_use]
    pub fn common() -> Self {
        let mut all = Self::default();
        for form in forms(CANARY_TEXT.as_bytes()) {
            all.text.add(form, 0);
        }
        let config = Config::for_tests(Path::new("."), "http://127.0.0.1:9");
        for (name, adapter) in registry() {
            let settings = config.adapter_settings(adapter.descriptor(), true);
            for spec in adapter.descriptor().settings.iter().filter(|spec| spec.secret) {
                if let Some(text) = settings.get(spec.name) {
                    all.secret(&format!("{name}.{}", spec.name), text);
                }
            }
        }
        for (name, token) in [("push token", PUSH_TOKEN), ("push token", "fcm-of-amina"), ("push token", "fid-of-amina")] {
            all.secret(name, token);
        }
        all
    }

    /// With what one server alone knew: the tokens it gave, its master key, and all that lies sealed in its database.
    ///
    /// # Errors
    /// What is sealed cannot be opened.
    pub(super) async fn with_own(mut self, known: &Path, folder: &Path) -> Result<Self> {
        let mut ring = None;
        if known.exists() {
            for line in fs::read_to_string(known)?.lines() {
                self.secret("a token or key of this server", &serde_json::from_str::<String>(line)?);
            }
        }
        let key = with_suffix(known, ".key");
        if key.exists() {
            let MasterKey::Given(keys) = MasterKey::parse(fs::read_to_string(key)?.trim())? else {
                return Err("a key file holds keys".into());
            };
            for id in keys.ids().collect::<Vec<_>>() {
                let bytes = keys.get(id).copied().unwrap_or_default();
                self.bytes("the master key", &bytes);
            }
            ring = Some(keys);
        }
        let database = folder.join("tarishi.db");
        if let Some(ring) = ring.filter(|_| database.exists()) {
            let vault = Vault::new(ring, None);
            for row in sealed(&database).await? {
                // One that is over after minutes may be left from a key that is gone.
                match vault.open(&row.tenant, &row.kind.purpose(&row.name), &row.sealed) {
                    Ok(plain) => self.sealed(&row, &plain),
                    Err(_) if row.kind.is_short_lived() => {}
                    Err(error) => return Err(format!("{row:?}: {error}").into()),
                }
            }
        }
        Ok(self)
    }

    fn sealed(&mut self, row: &SealedRow, plain: &[u8]) {
        let name = format!("{}, sealed", row.kind.purpose(&row.name));
        let text = String::from_utf8_lossy(plain);
        match row.kind {
            SealedKind::PushToken | SealedKind::AuthToken => self.secret(&name, &text),
            SealedKind::Credentials | SealedKind::OAuthGrant | SealedKind::OAuthState | SealedKind::Subscription => {
                let object: Value = serde_json::from_str(&text).unwrap_or_default();
                for (field, value) in object.as_object().into_iter().flatten() {
                    if let Some(text) = value.as_str().filter(|_| !NO_SECRETS.contains(&field.as_str())) {
                        self.secret(&format!("{name}: {field}"), text);
                    }
                }
            }
        }
    }

    /// A secret in the form in which it is set: a word, lines of a key, an object that holds a key.
    pub(super) fn secret(&mut self, name: &str, text: &str) {
        if let Ok(Value::Object(object)) = serde_json::from_str(text) {
            if let Some(key) = object.get("private_key").and_then(Value::as_str) {
                self.secret(name, key);
            }
            return;
        }
        if text.lines().count() > 1 {
            let lines = text.lines().filter(|line| line.len() >= LINE_BYTES_MIN && !line.starts_with("-----"));
            lines.for_each(|line| self.bytes(name, line.as_bytes()));
            return;
        }
        self.bytes(name, text.as_bytes());
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        if bytes.len() < SECRET_BYTES_MIN {
            return;
        }
        self.names.push(name.to_owned());
        for form in forms(bytes) {
            self.matcher.add(form, self.names.len() - 1);
        }
    }

    /// How many secrets.
    #[must_use]
    pub fn secrets(&self) -> usize {
        self.names.len()
    }

    /// Takes the other's secrets in.
    pub(super) fn take_named(&mut self, other: Self) {
        let first = self.names.len();
        self.names.extend(other.names);
        self.matcher.take(other.matcher, first);
    }

    /// The names of the secrets in these bytes.
    pub(super) fn secrets_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = self.matcher.found_in(bytes).into_iter().map(|at| self.names[at].clone()).collect();
        found.extend(shapes::tokens_in(bytes).into_iter().map(str::to_owned));
        found.sort();
        found.dedup();
        found
    }

    /// What is no secret, but must not be seen everywhere.
    pub(super) fn private_in(&self, bytes: &[u8]) -> Vec<(Kind, String)> {
        let phone = phones::is_in(bytes).then(|| (Kind::Phone, "a phone number".to_owned()));
        let text = (!self.text.found_in(bytes).is_empty()).then(|| (Kind::Text, "the text of a payload".to_owned()));
        phone.into_iter().chain(text).collect()
    }

    /// All of it.
    pub(super) fn all_in(&self, bytes: &[u8]) -> Vec<(Kind, String)> {
        let secrets = self.secrets_in(bytes).into_iter().map(|name| (Kind::Secret, name));
        secrets.chain(self.private_in(bytes)).collect()
    }
}

async fn sealed(database: &Path) -> Result<Vec<SealedRow>> {
    // Opening a database moves its log into it; what is searched stays as it was.
    let copy = tempfile::tempdir()?;
    for suffix in ["", "-wal"].iter().filter(|suffix| with_suffix(database, suffix).exists()) {
        fs::copy(with_suffix(database, suffix), copy.path().join(format!("tarishi.db{suffix}")))?;
    }
    let store = SqliteStore::open(&copy.path().join("tarishi.db"))?;
    // No key has this number.
    let rows = store.sealed_otherwise(0, None, SEALED_MAX).await?;
    store.close().await;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };

    use super::*;

    fn knowing(secret: &str) -> Canaries {
        let mut all = Canaries::default();
        all.secret("it", secret);
        all
    }

    #[test]
    fn a_secret_is_found_in_every_form_and_at_every_place_of_a_longer_text() {
        let secret = "pass+key/=9?~\"x";
        let all = knowing(secret);
        for length in 0..7 {
            let longer = format!("{}{secret}{}", "a".repeat(length), "zz".repeat(length));
            for text in [longer.clone(), hex::encode(&longer), hex::encode_upper(&longer), STANDARD.encode(&longer)] {
                assert_eq!(all.secrets_in(text.as_bytes()), ["it"], "{text}");
            }
        }
        for text in [URL_SAFE_NO_PAD.encode(secret), Value::from(secret).to_string(), "pass%2Bkey%2F%3D9%3F%7E%22x".to_owned()]
        {
            assert_eq!(all.secrets_in(text.as_bytes()), ["it"], "{text}");
        }
        assert!(all.secrets_in(b"pass+key/=9?~").is_empty());
    }

    #[test]
    fn keys_are_found_by_each_of_their_lines_and_within_their_file() {
        let line = "MIIBCgKCAQEAqxMV8xv8CZg537sPd6gwN80VCCdD";
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{line}\nlast\n-----END PRIVATE KEY-----\n");
        let file = serde_json::json!({ "client_email": "someone@example.org", "private_key": pem }).to_string();

        for all in [knowing(&pem), knowing(&file)] {
            assert_eq!(all.secrets_in(format!("…{line}…").as_bytes()), ["it"]);
            assert!(all.secrets_in(b"-----BEGIN PRIVATE KEY----- someone@example.org").is_empty());
        }
    }

    #[test]
    fn every_adapter_that_has_required_secrets_is_run_with_some() {
        let common = Canaries::common();
        for (name, adapter) in registry() {
            for spec in adapter.descriptor().settings.iter().filter(|spec| spec.secret && spec.required) {
                let wanted = format!("{name}.{}", spec.name);
                assert!(common.names.contains(&wanted), "{wanted} has no value that can be searched for");
            }
        }
        assert!(common.names.iter().any(|name| name == "push.apns_key_p8") && common.secrets() > 20);
    }
}
