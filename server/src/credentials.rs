//! Device tokens `td_<tenant>_<device>_<secret>` and API keys `tk_<tenant>_<key>_<secret>`: made, checked, replaced.
//!
//! Only a hash is stored. The tenant is in the token, so that no look-up crosses tenants. A device token's secret begins with
//! the second it was made at, which its hash vouches for; after [`ROTATE_AFTER_MS`] a sync answer brings the next one, and the
//! old one stays good for [`OVERLAP_MS`]. The next secret is a function of the old one: a device that lost the answer and
//! shows its old token again is told the same new one.

use tarishi_protocol::limits::NAME_BYTES_MAX;

use crate::{
    app::App,
    store::{self, ApiKeyRow, DeviceRow, Grants, Ms, TokenRow},
    vault::Vault,
};

const DAY_MS: Ms = 24 * 3_600_000;
/// A device token's life after the device was last seen.
pub const TOKEN_LIFE_MS: Ms = 90 * DAY_MS;
/// The age at which a device token is replaced.
pub const ROTATE_AFTER_MS: Ms = 30 * DAY_MS;
/// How long a replaced device token stays good.
pub const OVERLAP_MS: Ms = 30 * DAY_MS;

const SECS_HEX: usize = 8;
const TENANT_BYTES_MAX: usize = 32;
const SCOPES_MAX: usize = 64;
/// Words that an API key may have as scopes beside patterns.
pub const KEY_WORDS: [&str; 6] = ["admin", "devices", "logs:read", "notifications", "recipients", "subscriptions"];

/// Who shows a credential that is good.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A device.
    Device(Device),
    /// A tenant's backend.
    Key(ApiKeyRow),
}

/// A device and the token it showed.
#[derive(Clone)]
pub struct Device {
    /// The device.
    pub row: DeviceRow,
    secret: String,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").field("device", &self.row.device).finish_non_exhaustive()
    }
}

struct Shown<'a> {
    is_device: bool,
    tenant: &'a str,
    id: &'a str,
    secret: &'a str,
}

fn parse(token: &str) -> Option<Shown<'_>> {
    let (is_device, rest) = match token.split_at_checked(3)? {
        ("td_", rest) => (true, rest),
        ("tk_", rest) => (false, rest),
        _ => return None,
    };
    let (rest, secret) = rest.rsplit_once('_')?;
    let (tenant, id) = rest.rsplit_once('_')?;
    (is_tenant_id(tenant) && !id.is_empty() && !secret.is_empty()).then_some(Shown { is_device, tenant, id, secret })
}

impl App {
    /// Who shows this token; `None` for every token that is not good, whatever is wrong with it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn caller(&self, token: &str) -> store::Result<Option<Caller>> {
        let Some(shown) = parse(token) else { return Ok(None) };
        let hash = Vault::token_hash(shown.secret);
        let now = self.clock.now_ms();
        if !shown.is_device {
            let row = self.store.api_key(shown.tenant, shown.id).await?;
            let good = row.filter(|row| Vault::same_hash(&row.hash, &hash) && row.revoked_at.is_none());
            return Ok(good.map(Caller::Key));
        }
        let row = self.store.device(shown.tenant, shown.id).await?;
        let good = row.filter(|row| row.revoked_at.is_none() && tokens(row).any(|token| is_good(token, &hash, now)));
        Ok(good.map(|row| Caller::Device(Device { row, secret: shown.secret.to_owned() })))
    }

    /// Registers a device and returns it with its token, which is shown this once.
    ///
    /// # Errors
    /// The store failed.
    pub async fn enrol(&self, tenant: &str, account: &str, grants: Grants) -> store::Result<(DeviceRow, String)> {
        let now = self.clock.now_ms();
        let device = new_id();
        let secret = format!("{:08x}{}", secs(now), Vault::new_secret());
        let row = DeviceRow {
            tenant: tenant.to_owned(),
            device: device.clone(),
            account: account.to_owned(),
            grants,
            token: TokenRow { hash: Vault::token_hash(&secret), expires_at: now + TOKEN_LIFE_MS },
            old_token: None,
            revoked_at: None,
            last_seen: now,
            created_at: now,
        };
        self.store.create_device(row.clone()).await?;
        Ok((row, format!("td_{tenant}_{device}_{secret}")))
    }

    /// Makes an API key and returns it, which is shown this once.
    ///
    /// # Errors
    /// The store failed.
    pub async fn make_api_key(&self, tenant: &str, account: &str, grants: Grants) -> store::Result<String> {
        let (key, secret) = (new_id(), Vault::new_secret());
        let row = ApiKeyRow {
            tenant: tenant.to_owned(),
            key: key.clone(),
            account: account.to_owned(),
            grants,
            hash: Vault::token_hash(&secret),
            revoked_at: None,
            created_at: self.clock.now_ms(),
        };
        self.store.create_api_key(row).await?;
        Ok(format!("tk_{tenant}_{key}_{secret}"))
    }

    /// The token that this device must use from now on, if it is time, or if it missed it the last time.
    ///
    /// # Errors
    /// The store failed.
    pub async fn next_token(&self, device: &Device) -> store::Result<Option<String>> {
        let (tenant, id) = (&device.row.tenant, &device.row.device);
        let now = self.clock.now_ms();
        let hash = Vault::token_hash(&device.secret);
        let is_current = Vault::same_hash(&device.row.token.hash, &hash);
        if is_current && now - made_at(&device.secret) < ROTATE_AFTER_MS {
            return Ok(None);
        }
        let _one_at_a_time = self.rotation.lock().await;
        let Some(row) = self.store.device(tenant, id).await? else { return Ok(None) };
        if Vault::same_hash(&row.token.hash, &hash) {
            let next = self.follower(tenant, id, &device.secret, secs(now));
            let token = TokenRow { hash: Vault::token_hash(&next), expires_at: now + TOKEN_LIFE_MS };
            self.store.rotate_device_token(tenant, id, token, Ms::from(secs(now)) * 1_000 + OVERLAP_MS).await?;
            return Ok(Some(format!("td_{tenant}_{id}_{next}")));
        }
        let Some(old) = row.old_token.filter(|old| Vault::same_hash(&old.hash, &hash)) else { return Ok(None) };
        let next = self.follower(tenant, id, &device.secret, secs(old.expires_at - OVERLAP_MS));
        let same = Vault::same_hash(&row.token.hash, &Vault::token_hash(&next));
        Ok(same.then(|| format!("td_{tenant}_{id}_{next}")))
    }

    fn follower(&self, tenant: &str, device: &str, secret: &str, issued_secs: u32) -> String {
        format!("{issued_secs:08x}{}", self.vault.next_secret(tenant, device, secret, issued_secs))
    }
}

/// Is it a tenant's id: 1 to 32 lower-case letters, digits, `-` and `_`?
#[must_use]
pub fn is_tenant_id(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=TENANT_BYTES_MAX).contains(&text.len()) && text.bytes().all(good)
}

/// Is it an account's name: 1 to 64 bytes without control characters?
#[must_use]
pub fn is_account(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The first scope that is no `adapter:action` pattern, nor one of these words; or the one too many.
#[must_use]
pub fn bad_scope(scopes: &[String], words: &[&str]) -> Option<usize> {
    let name = |text: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        text == "*" || (!text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(plain))
    };
    let pattern = |scope: &str| {
        scope.split_once(':').is_some_and(|(adapter, action)| {
            name(adapter) && name(action) && !tarishi_protocol::catalog::RESERVED.contains(&adapter)
        })
    };
    let good = |scope: &String| words.contains(&scope.as_str()) || pattern(scope);
    scopes.iter().position(|scope| !good(scope)).or((scopes.len() > SCOPES_MAX).then_some(SCOPES_MAX))
}

fn tokens(row: &DeviceRow) -> impl Iterator<Item = &TokenRow> {
    [Some(&row.token), row.old_token.as_ref()].into_iter().flatten()
}

fn is_good(token: &TokenRow, hash: &[u8; 32], now: Ms) -> bool {
    Vault::same_hash(&token.hash, hash) && now < token.expires_at
}

/// When a device token's secret was made; one that does not say is as old as can be.
fn made_at(secret: &str) -> Ms {
    secret.get(..SECS_HEX).and_then(|hex| u32::from_str_radix(hex, 16).ok()).map_or(0, |secs| Ms::from(secs) * 1_000)
}

fn secs(now: Ms) -> u32 {
    u32::try_from(now / 1_000).unwrap_or(u32::MAX)
}

pub(crate) fn new_id() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_tenant_even_one_with_underscores() {
        let shown = parse("td_green_hill-2_0011aabb_ffff").unwrap();
        assert!(shown.is_device);
        assert_eq!((shown.tenant, shown.id, shown.secret), ("green_hill-2", "0011aabb", "ffff"));
        for bad in ["", "td_", "td_a_b", "tx_a_b_c", "td__b_c", "td_A_b_c", "tk_a__c", "tk_a_b_", "ééé_a_b_c"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn scopes_are_patterns_or_known_words() {
        let scopes = |list: &[&str]| list.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
        assert_eq!(bad_scope(&scopes(&["mpesa:charge", "*:*", "sms:*"]), &[]), None);
        assert_eq!(bad_scope(&scopes(&["mpesa:charge", "admin"]), &[]), Some(1));
        assert_eq!(bad_scope(&scopes(&["admin", "logs:read"]), &KEY_WORDS), None);
        assert_eq!(bad_scope(&scopes(&["logs:read"]), &[]), Some(0));
        assert_eq!(bad_scope(&scopes(&["mpesa"]), &[]), Some(0));
        assert_eq!(bad_scope(&vec!["a:b".to_owned(); 65], &[]), Some(64));
    }

    #[test]
    fn a_secret_says_when_it_was_made() {
        assert_eq!(made_at("0000000aff"), 10_000);
        assert_eq!(made_at("short"), 0);
        assert_eq!(made_at("zzzzzzzzzz"), 0);
    }
}
