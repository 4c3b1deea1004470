//! A good access token, refreshed ahead of its end by one worker alone.
//!
//! In this process callers wait for each other; between replicas a lease in the store decides. The work goes on when its caller
//! is gone, since a provider may replace the refresh token with each use: the new one is stored before anybody uses it.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::grant::{Grant, Life, Place, hash};
use crate::{
    adapters::{AdapterError, Disposition, OAuth, Outbound, oauth::TokenError},
    clock::Clock,
    store::{self, GrantStatus, Lease, Ms, OAuthGrantRow, Store},
    vault::Vault,
};

/// Longer than all tries of a refresh together.
const LEASE_MS: Ms = 60_000;
const TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How often, and how many times, it is looked whether another worker is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS: u32 = 200;
const STORE_TRIES: u32 = 6;
/// When an operation without consent is looked at again.
pub(super) const CONSENT_LOOK: Duration = Duration::from_secs(10);

/// Everything a refresh needs, so that it can outlive its caller.
#[derive(Clone)]
pub(super) struct Refresher {
    pub(super) store: Arc<dyn Store>,
    pub(super) vault: Vault,
    pub(super) clock: Clock,
    pub(super) outbound: Outbound,
    pub(super) tenant: String,
    pub(super) adapter: &'static str,
    pub(super) oauth: OAuth,
    /// The refresh token in the settings.
    pub(super) setting: Option<String>,
}

/// What stands in the store.
pub(super) struct Kept {
    grant: Grant,
    life: Life,
    version: i64,
}

/// Where consent stands.
pub(super) enum Standing {
    Given(Box<Kept>),
    /// A human must consent.
    Wanted(&'static str),
}

impl Refresher {
    /// Where consent stands: the row if there is one, else the refresh token in the settings.
    pub(super) async fn standing(&self) -> store::Result<Standing> {
        let row = self.store.oauth_grant(&self.tenant, self.adapter).await?;
        self.stands(row.as_ref())
    }

    fn stands(&self, row: Option<&OAuthGrantRow>) -> store::Result<Standing> {
        let of_setting = |version: i64| match &self.setting {
            Some(token) => Standing::Given(Box::new(Kept { grant: Grant::of_setting(token), life: Life::OVER, version })),
            None => Standing::Wanted("nobody has connected an account yet"),
        };
        let Some(row) = row else { return Ok(of_setting(0)) };
        let grant = Grant::open(&self.vault, row)?;
        if grant.of_setting.is_some() && grant.of_setting != self.setting.as_deref().map(hash) {
            return Ok(of_setting(row.version));
        }
        Ok(match row.status {
            GrantStatus::Active => {
                let life = Life { refresh_at: row.refresh_at, expires_at: row.expires_at };
                Standing::Given(Box::new(Kept { grant, life, version: row.version }))
            }
            GrantStatus::NeedsConsent => {
                Standing::Wanted("the provider no longer takes the consent: somebody must connect anew")
            }
            GrantStatus::Revoking | GrantStatus::Revoked => Standing::Wanted("the account was disconnected"),
        })
    }

    async fn kept(&self) -> Result<Kept, AdapterError> {
        match self.standing().await.map_err(failed)? {
            Standing::Given(kept) => Ok(*kept),
            Standing::Wanted(why) => Err(wanted(why)),
        }
    }

    /// The token in the store, if it need not be refreshed.
    pub(super) async fn good(&self) -> Result<Option<String>, AdapterError> {
        let kept = self.kept().await?;
        Ok((self.clock.now_ms() < kept.life.refresh_at).then_some(kept.grant.access_token))
    }

    /// A good token; refreshes it if nobody else does.
    pub(super) async fn token(&self) -> Result<String, AdapterError> {
        let lease = Lease { tenant: self.tenant.clone(), name: format!("oauth:{}", self.adapter), holder: Uuid::new_v4() };
        for _ in 0..LOOKS {
            let kept = self.kept().await?;
            let now = self.clock.now_ms();
            if now < kept.life.refresh_at {
                return Ok(kept.grant.access_token);
            }
            if self.store.take_lease(lease.clone(), now, now + LEASE_MS).await.map_err(failed)? {
                let token = self.refresh_if_still_needed().await;
                if let Err(error) = self.store.end_lease(lease).await {
                    tracing::warn!(%error, adapter = self.adapter, "a lease could not be given back; it ends by itself");
                }
                return token;
            }
            if now < kept.life.expires_at {
                return Ok(kept.grant.access_token);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(AdapterError::new(Disposition::Transient, "another worker is still getting an access token"))
    }

    async fn refresh_if_still_needed(&self) -> Result<String, AdapterError> {
        let kept = self.kept().await?;
        if self.clock.now_ms() < kept.life.refresh_at {
            return Ok(kept.grant.access_token);
        }
        let Some(refresh_token) = kept.grant.refresh_token.clone().or_else(|| self.setting.clone()) else {
            return Err(wanted("there is no refresh token: somebody must connect anew"));
        };
        let mut wait = FIRST_WAIT;
        for left in (0..TRIES).rev() {
            match self.oauth.refresh(&self.outbound, &refresh_token).await {
                Ok(tokens) => {
                    let life = Life::of(&tokens, self.clock.now_ms(), rand::random());
                    let grant = kept.grant.with(tokens);
                    self.keep(&grant, GrantStatus::Active, life, kept.version, Some(&refresh_token)).await;
                    return Ok(grant.access_token);
                }
                Err(TokenError::Consent(word)) => return self.ended(&kept, word).await,
                Err(TokenError::Client(word)) => {
                    let text = format!("the provider refuses our OAuth client ({word}): check client_id and client_secret");
                    return Err(AdapterError::misconfigured(text).with_code(word));
                }
                Err(TokenError::Silence) if left > 0 => {
                    tokio::time::sleep(wait.mul_f64(rand::random_range(0.9..1.1))).await;
                    wait *= 2;
                }
                Err(TokenError::Silence) => {}
            }
        }
        // Refreshed ahead of its end, so that it outlives a short illness of the token address.
        if self.clock.now_ms() < kept.life.expires_at {
            return Ok(kept.grant.access_token);
        }
        Err(AdapterError::new(Disposition::Transient, "the provider gave no access token"))
    }

    /// The refresh token is no longer good, unless somebody has brought a new one meanwhile.
    async fn ended(&self, kept: &Kept, word: &'static str) -> Result<String, AdapterError> {
        if self.keep(&kept.grant, GrantStatus::NeedsConsent, Life::OVER, kept.version, None).await {
            tracing::warn!(adapter = self.adapter, tenant = self.tenant, word, "somebody must consent anew");
        }
        let now = self.kept().await?;
        if self.clock.now_ms() < now.life.refresh_at {
            Ok(now.grant.access_token)
        } else {
            Err(wanted("somebody must connect anew"))
        }
    }

    /// Stores a grant in place of the version it came from; false if another is there. `over` is the refresh token it was made
    /// with: a worker that came too late with it and heard that it is used up has not ended the grant.
    async fn keep(&self, grant: &Grant, status: GrantStatus, life: Life, version: i64, over: Option<&str>) -> bool {
        let place = Place { tenant: &self.tenant, adapter: self.adapter, now: self.clock.now_ms() };
        let mut version = version;
        for tries in 0..STORE_TRIES {
            // Sealed at each try: the key may have gone meanwhile ([`crate::rotation`]).
            let row = grant.row(&self.vault, &place, status, life);
            match self.store.put_oauth_grant(row, Some(version)).await {
                Ok(true) => return true,
                Ok(false) => match self.ended_by_latecomer(over).await {
                    Some(current) => version = current,
                    None => return false,
                },
                Err(error) => {
                    tracing::warn!(%error, adapter = self.adapter, tries, "a token could not be stored, trying again");
                    tokio::time::sleep(Duration::from_millis(50 << tries)).await;
                }
            }
        }
        tracing::error!(adapter = self.adapter, tenant = self.tenant, "a new token could not be stored");
        false
    }

    async fn ended_by_latecomer(&self, refresh_token: Option<&str>) -> Option<i64> {
        let refresh_token = refresh_token?;
        let row = self.store.oauth_grant(&self.tenant, self.adapter).await.ok()??;
        let grant = Grant::open(&self.vault, &row).ok()?;
        let same = grant.refresh_token.as_deref().or(self.setting.as_deref()) == Some(refresh_token);
        (same && row.status == GrantStatus::NeedsConsent).then_some(row.version)
    }
}

/// Operations wait, and their lane with them, until somebody has consented.
fn wanted(why: &str) -> AdapterError {
    AdapterError::new(Disposition::RateLimited, why).with_retry_after(CONSENT_LOOK)
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
pub(super) fn failed(error: store::Error) -> AdapterError {
    tracing::error!(%error, "consent could not be read");
    AdapterError::new(Disposition::Transient, "the server could not read the consent")
}
