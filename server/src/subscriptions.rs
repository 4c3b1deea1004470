//! Where a tenant's backend is told of events: made, signed, rotated.
//!
//! A secret is shown once and lies sealed. After a rotation both sign for a day, so that a receiver can change over without
//! missing anything.

use serde::{Deserialize, Serialize};

use crate::{
    adapters::{Settings, event, event::Secret},
    app::App,
    integrations::Effective,
    store::{self, Ms, SealedKind, SubscriptionRow},
};

/// Subscriptions of a tenant, at most.
pub const SUBSCRIPTIONS_MAX: u32 = 16;
/// How long a replaced secret signs too, in milliseconds.
pub const OVERLAP_MS: Ms = 24 * 3_600_000;
/// Tries to replace a secret that others replace at the same time.
const ROTATE_TRIES: u32 = 3;

/// What signs, as it lies sealed.
#[derive(Deserialize, Serialize)]
struct Signing {
    secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old: Option<Old>,
}

#[derive(Deserialize, Serialize)]
struct Old {
    secret: String,
    until: Ms,
}

impl App {
    /// Makes a subscription and returns it with its secret, which is shown this once; `None` if the tenant has as many as it
    /// may have.
    ///
    /// # Errors
    /// The store failed.
    pub async fn subscribe(
        &self,
        tenant: &str,
        url: String,
        types: Vec<String>,
    ) -> store::Result<Option<(SubscriptionRow, String)>> {
        let id = crate::credentials::new_id();
        let secret = Secret::of(rand::random()).text();
        let row = SubscriptionRow {
            tenant: tenant.to_owned(),
            url,
            types,
            sealed: self.seal_signing(tenant, &id, &Signing { secret: secret.clone(), old: None })?,
            created_at: self.clock.now_ms(),
            disabled_at: None,
            id,
        };
        let made = self.store.create_subscription(row.clone(), SUBSCRIPTIONS_MAX).await?;
        Ok(made.then_some((row, secret)))
    }

    /// Gives a subscription a new secret, which is shown this once; the old one signs too until then. `None` = there is none.
    ///
    /// # Errors
    /// The store failed, or the secret does not open.
    pub async fn rotate_subscription_secret(&self, tenant: &str, id: &str) -> store::Result<Option<(String, Ms)>> {
        for _ in 0..ROTATE_TRIES {
            let Some(row) = self.store.subscription(tenant, id).await? else { return Ok(None) };
            let until = self.clock.now_ms() + OVERLAP_MS;
            let secret = Secret::of(rand::random()).text();
            let old = Some(Old { secret: self.signing(&row)?.secret, until });
            let sealed = self.seal_signing(tenant, id, &Signing { secret: secret.clone(), old })?;
            if self.store.reseal_subscription(tenant, id, row.sealed, sealed).await? {
                return Ok(Some((secret, until)));
            }
        }
        Err(store::Error::Damaged(format!("the secret of subscription {id} changes too often")))
    }

    /// What a delivery works with; without an address if nobody listens there any more.
    ///
    /// # Errors
    /// The store failed, or the secret does not open.
    pub(crate) async fn receiver(&self, tenant: &str, id: &str) -> store::Result<Effective> {
        let row = self.store.subscription(tenant, id).await?.filter(|row| row.disabled_at.is_none());
        let Some(row) = row else { return Ok(Effective { enabled: true, ..Effective::default() }) };
        let Signing { secret, old } = self.signing(&row)?;
        let now = self.clock.now_ms();
        let old = old.filter(|old| old.until > now).map(|old| old.secret);
        let secrets: Vec<String> = std::iter::once(secret).chain(old).collect();
        let settings = [(event::URL, row.url), (event::SECRETS, secrets.join(" "))];
        let settings = Settings(settings.into_iter().map(|(name, text)| (name.to_owned(), text)).collect());
        Ok(Effective { enabled: true, settings, ..Effective::default() })
    }

    fn seal_signing(&self, tenant: &str, id: &str, signing: &Signing) -> store::Result<Vec<u8>> {
        let text = serde_json::to_vec(signing).map_err(|error| store::Error::Damaged(error.to_string()))?;
        Ok(self.vault.seal(tenant, &SealedKind::Subscription.purpose(id), &text))
    }

    fn signing(&self, row: &SubscriptionRow) -> store::Result<Signing> {
        let purpose = SealedKind::Subscription.purpose(&row.id);
        let damaged = |why: String| store::Error::Damaged(format!("the secret of subscription {}: {why}", row.id));
        let opened = self.vault.open(&row.tenant, &purpose, &row.sealed).map_err(|error| damaged(error.to_string()))?;
        serde_json::from_slice(&opened).map_err(|_| damaged("cannot be read".to_owned()))
    }
}
