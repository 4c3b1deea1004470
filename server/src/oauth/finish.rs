//! The return from the consent page: nothing is looked at before the state is taken, and the code is used once.

use tarishi_protocol::{Code, Problem};

use super::{
    Pending,
    grant::{Grant, Life, Place},
    internal, kept_params, no_tokens, provider, state_purpose,
};
use crate::{
    app::App,
    store::{Error, GrantStatus},
    vault::Vault,
};

/// Finishes consent that was begun. `query` is what the provider sent the browser back with, `browser` the browser's cookie.
///
/// # Errors
/// `malformed` for a state that is none, used, too old, another adapter's or another browser's, in the same words;
/// `forbidden` if not all was granted; `provider_rejected` if there are no tokens.
pub async fn finish(app: &App, adapter: &str, query: &[(String, String)], browser: Option<&str>) -> Result<(), Problem> {
    let stale = || Problem::new(Code::Malformed, "this link is no longer valid; begin again");
    let text = |wanted: &str| query.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let state = Vault::token_hash(text("state").ok_or_else(stale)?);
    let now = app.clock.now_ms();
    let taken = app.store.take_oauth_state(adapter, state, browser.map(Vault::token_hash), now).await.map_err(internal)?;
    let taken = taken.ok_or_else(stale)?;
    let tenant = taken.tenant.as_str();
    let pending = app.vault.open(tenant, &state_purpose(adapter), &taken.sealed).map_err(|_| stale())?;
    let pending: Pending = serde_json::from_slice(&pending).map_err(|_| stale())?;
    let (_, oauth, _) = provider(app, tenant, adapter).await?;
    if text("error").is_some() {
        return Err(Problem::new(Code::Forbidden, "consent was not given"));
    }
    if text("iss").is_some_and(|issuer| !oauth.issuers.contains(&issuer)) {
        return Err(Problem::new(Code::Forbidden, "the answer is from another issuer"));
    }
    let code = text("code").ok_or_else(stale)?;
    let tokens = oauth.exchange(&app.outbound, code, &pending.verifier, &pending.redirect_uri).await.map_err(no_tokens)?;
    if !oauth.is_enough(tokens.scope.as_deref()) {
        // Best effort: what is not enough is not kept either way.
        let given = tokens.refresh_token.as_deref().unwrap_or(&tokens.access_token);
        let _ = oauth.revoke(&app.outbound, given).await;
        return Err(Problem::new(
            Code::Forbidden,
            "not everything that is needed was granted: begin again and leave all boxes ticked",
        ));
    }
    if tokens.refresh_token.is_none() {
        return Err(Problem::new(Code::ProviderRejected, "the provider gave no refresh token; begin again"));
    }
    let place = Place { tenant, adapter, now: app.clock.now_ms() };
    let life = Life::of(&tokens, place.now, rand::random());
    let grant = Grant { params: kept_params(&oauth, query), ..Grant::default() }.with(tokens);
    let put = || app.store.put_oauth_grant(grant.row(&app.vault, &place, GrantStatus::Active, life), None);
    match put().await {
        // The key went while this was sealed: the code is used up, but not the consent.
        Err(Error::Key(_)) => put().await,
        done => done,
    }
    .map_err(internal)?;
    tracing::info!(tenant, adapter, "an account was connected");
    app.store.reset_lane(tenant, adapter).await.map_err(internal)?;
    app.wake.dispatch_now();
    Ok(())
}
