//! Consent to act in somebody's account at a provider: begun, finished, kept, refreshed, taken back.
//!
//! A state is 256 random bits, good once and for ten minutes, bound to its tenant, adapter and, if it was begun in a browser,
//! to that browser; with PKCE (S256) a stolen code is worth nothing. Tokens are sealed at rest and never leave the server.
//! When a provider no longer takes a consent, operations wait until a human has consented anew; none is lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tarishi_protocol::{Code, Problem};
use tokio::sync::OwnedMutexGuard;

use self::{
    grant::{Grant, Life, Place},
    refresh::{Refresher, Standing},
};
use crate::{
    adapters::{Adapter, AdapterError, Disposition, OAuth, Settings, oauth::TokenError},
    app::App,
    clock::date,
    store::{self, GrantStatus, Ms, OAuthStateRow, SealedKind},
    vault::Vault,
};

mod finish;
mod grant;
mod refresh;
mod revoke;

pub use finish::finish;
pub use revoke::{revoke, tell_of_revoked};

/// How long consent may take.
pub const STATE_LIFE_MS: Ms = 600_000;

/// Consent that was begun.
#[derive(Clone)]
pub struct Begun {
    /// Where to consent.
    pub authorize_url: String,
    /// Until when.
    pub expires_at: Ms,
    /// What the browser must show at the return.
    pub browser: Option<String>,
}

impl std::fmt::Debug for Begun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begun").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What finishes consent that was begun.
#[derive(Deserialize, Serialize)]
struct Pending {
    verifier: String,
    redirect_uri: String,
}

/// Begins consent for one adapter of a tenant. `hints` are the caller's own parameters for the consent page.
///
/// # Errors
/// `not_found` without such an adapter, `unsupported` if it has no OAuth, `misconfigured` without its client's credentials.
pub async fn begin(
    app: &App,
    tenant: &str,
    adapter: &str,
    hints: &[(String, String)],
    in_browser: bool,
) -> Result<Begun, Problem> {
    let (_, oauth, _) = provider(app, tenant, adapter).await?;
    let (state, verifier) = (Vault::new_secret(), Vault::new_secret());
    let redirect_uri = redirect_uri(app, adapter);
    let authorize_url = oauth
        .authorize_address(&redirect_uri, &state, &verifier, hints)
        .ok_or_else(|| Problem::new(Code::Misconfigured, "the consent page's address is none"))?;
    let now = app.clock.now_ms();
    let pending = serde_json::to_vec(&Pending { verifier, redirect_uri }).expect("texts are JSON");
    let browser = in_browser.then(Vault::new_secret);
    let row = OAuthStateRow {
        state_hash: Vault::token_hash(&state),
        tenant: tenant.to_owned(),
        adapter: adapter.to_owned(),
        browser_hash: browser.as_deref().map(Vault::token_hash),
        sealed: app.vault.seal(tenant, &state_purpose(adapter), &pending),
        expires_at: now + STATE_LIFE_MS,
    };
    app.store.put_oauth_state(row, now).await.map_err(internal)?;
    Ok(Begun { authorize_url, expires_at: now + STATE_LIFE_MS, browser })
}

/// Where consent stands, for an operator: never a token. `None` for an adapter without OAuth.
///
/// # Errors
/// The store failed.
pub async fn view(app: &App, tenant: &str, adapter: &dyn Adapter, settings: &Settings) -> store::Result<Option<Value>> {
    if adapter.oauth(settings).is_none() {
        return Ok(None);
    }
    let name = adapter.descriptor().name;
    let setting = settings.get("refresh_token");
    let of_setting = if setting.is_some() { "from_settings" } else { "not_connected" };
    let Some(row) = app.store.oauth_grant(tenant, name).await? else { return Ok(Some(json!({ "status": of_setting }))) };
    let grant = Grant::open(&app.vault, &row)?;
    let status = match (&grant.of_setting, row.status) {
        // The setting was changed since.
        (Some(hash), _) if setting.map(grant::hash).as_ref() != Some(hash) => return Ok(Some(json!({ "status": of_setting }))),
        (Some(_), GrantStatus::Active) => of_setting,
        (Some(_) | None, status) => status.as_str(),
    };
    Ok(Some(json!({ "status": status, "scope": grant.scope, "since": date(row.updated_at) })))
}

/// May calls be made, or must a human consent first?
///
/// # Errors
/// The store failed.
pub async fn may_call(app: &App, tenant: &str, adapter: &dyn Adapter, settings: &Settings) -> store::Result<bool> {
    let Some(Ok(oauth)) = adapter.oauth(settings) else { return Ok(true) };
    let standing = refresher(app, tenant, adapter.descriptor().name, oauth, settings).standing().await?;
    Ok(matches!(standing, Standing::Given(_)))
}

/// A good access token. `turn` is held until it is there: whoever comes meanwhile in this process waits for the same one.
///
/// # Errors
/// There is none: a human must consent ([`Disposition::RateLimited`]), the operator must correct the client
/// ([`Disposition::Misconfigured`]), or the provider does not answer ([`Disposition::Transient`]).
pub async fn access_token<T: Send + 'static>(
    app: &App,
    tenant: &str,
    adapter: &'static str,
    oauth: OAuth,
    settings: &Settings,
    turn: OwnedMutexGuard<T>,
) -> Result<String, AdapterError> {
    let refresher = refresher(app, tenant, adapter, oauth, settings);
    if let Some(token) = refresher.good().await? {
        return Ok(token);
    }
    let work = async move {
        let token = refresher.token().await;
        drop(turn);
        token
    };
    tokio::spawn(work)
        .await
        .unwrap_or_else(|_| Err(AdapterError::new(Disposition::Transient, "getting an access token broke off")))
}

/// The provider refused a token: it is refreshed before the next call, unless that has happened meanwhile.
pub async fn refused(app: &App, tenant: &str, adapter: &str, token: &str) {
    let expire = async {
        let Some(row) = app.store.oauth_grant(tenant, adapter).await? else { return Ok(()) };
        let grant = Grant::open(&app.vault, &row)?;
        if row.status == GrantStatus::Active && grant.access_token == token {
            let place = Place { tenant, adapter, now: app.clock.now_ms() };
            let expired = grant.row(&app.vault, &place, GrantStatus::Active, Life::OVER);
            app.store.put_oauth_grant(expired, Some(row.version)).await?;
        }
        store::Result::Ok(())
    };
    if let Err(error) = expire.await {
        tracing::warn!(%error, adapter, "a refused token could not be marked");
    }
}

fn refresher(app: &App, tenant: &str, adapter: &'static str, oauth: OAuth, settings: &Settings) -> Refresher {
    Refresher {
        store: std::sync::Arc::clone(&app.store),
        vault: app.vault.clone(),
        clock: app.clock.clone(),
        outbound: app.outbound.clone(),
        tenant: tenant.to_owned(),
        adapter,
        oauth,
        setting: settings.get("refresh_token").map(str::to_owned),
    }
}

async fn provider(app: &App, tenant: &str, name: &str) -> Result<(&'static str, OAuth, Settings), Problem> {
    let nobody = || Problem::new(Code::NotFound, "there is no such adapter");
    let adapter = app.adapters.get(name).ok_or_else(nobody)?;
    let effective = app.effective(tenant, name).await.map_err(internal)?.ok_or_else(nobody)?;
    let Some(oauth) = adapter.oauth(&effective.settings) else {
        let mut problem = Problem::new(Code::Unsupported, "this adapter has no OAuth");
        problem.status = Code::NotFound.status();
        return Err(problem);
    };
    let oauth = oauth.map_err(|error| Problem::new(Code::Misconfigured, error.message))?;
    Ok((adapter.descriptor().name, oauth, effective.settings))
}

fn redirect_uri(app: &App, adapter: &str) -> String {
    format!("{}/api/v2/integrations/{adapter}/oauth/callback", app.config.base_url())
}

fn state_purpose(adapter: &str) -> String {
    SealedKind::OAuthState.purpose(adapter)
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn internal(error: store::Error) -> Problem {
    tracing::error!(%error, "the store failed");
    Problem::new(Code::Internal, "the server could not store or read this; nothing was lost")
}

fn kept_params(oauth: &OAuth, query: &[(String, String)]) -> BTreeMap<String, String> {
    query.iter().filter(|(name, _)| oauth.kept_params.contains(&name.as_str())).cloned().collect()
}

/// What the human is told when no tokens came.
fn no_tokens(error: TokenError) -> Problem {
    match error {
        TokenError::Consent(word) | TokenError::Client(word) => {
            Problem::new(Code::ProviderRejected, "the provider gave no tokens").with_provider_code(word)
        }
        TokenError::Silence => Problem::new(Code::ProviderRejected, "the provider did not answer; begin again"),
    }
}
