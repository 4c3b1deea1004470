//! Consent that is taken back: here first, then at the provider, as often as it takes.

use tarishi_protocol::{Code, Problem};

use super::{
    grant::{Grant, Life, Place},
    internal, provider,
};
use crate::{
    app::App,
    store::{self, GrantStatus, OAuthGrantRow},
};

/// Consents told of in one round.
const ROUND: u32 = 20;

/// Takes consent back: no call is made with it from now on. True if the provider has heard of it; if not, it is told again later.
///
/// # Errors
/// `not_found` without consent.
pub async fn revoke(app: &App, tenant: &str, adapter: &str) -> Result<bool, Problem> {
    let (_, _, settings) = provider(app, tenant, adapter).await?;
    let row = app.store.oauth_grant(tenant, adapter).await.map_err(internal)?;
    let grant = match (&row, settings.get("refresh_token")) {
        (Some(row), _) => Grant::open(&app.vault, row).map_err(internal)?,
        (None, Some(token)) => Grant::of_setting(token),
        (None, None) => return Err(Problem::new(Code::NotFound, "no account is connected")),
    };
    put(app, tenant, adapter, &grant, GrantStatus::Revoking, None).await.map_err(internal)?;
    let row = app.store.oauth_grant(tenant, adapter).await.map_err(internal)?;
    match row.filter(|row| row.status == GrantStatus::Revoking) {
        Some(row) => tell(app, row).await,
        // Somebody has connected anew meanwhile.
        None => Ok(true),
    }
}

/// Tells providers of what they have not heard of yet.
pub async fn tell_of_revoked(app: &App) {
    match app.store.oauth_grants(GrantStatus::Revoking, ROUND).await {
        Ok(rows) => {
            for row in rows {
                let adapter = row.adapter.clone();
                if let Err(problem) = tell(app, row).await {
                    tracing::warn!(%problem, adapter, "a provider could not be told that consent was taken back");
                }
            }
        }
        Err(error) => tracing::error!(%error, "consent could not be read"),
    }
}

async fn tell(app: &App, row: OAuthGrantRow) -> Result<bool, Problem> {
    let OAuthGrantRow { tenant, adapter, .. } = &row;
    let (_, oauth, settings) = provider(app, tenant, adapter).await?;
    let grant = Grant::open(&app.vault, &row).map_err(internal)?;
    let of_setting = grant.of_setting.as_ref().and_then(|_| settings.get("refresh_token"));
    let token = grant.refresh_token.as_deref().or(of_setting).unwrap_or(&grant.access_token);
    if !token.is_empty() && oauth.revoke(&app.outbound, token).await.is_err() {
        return Ok(false);
    }
    let emptied = Grant { of_setting: grant.of_setting, ..Grant::default() };
    put(app, tenant, adapter, &emptied, GrantStatus::Revoked, Some(row.version)).await.map_err(internal)?;
    Ok(true)
}

async fn put(
    app: &App,
    tenant: &str,
    adapter: &str,
    grant: &Grant,
    status: GrantStatus,
    version: Option<i64>,
) -> store::Result<bool> {
    let place = Place { tenant, adapter, now: app.clock.now_ms() };
    app.store.put_oauth_grant(grant.row(&app.vault, &place, status, Life::OVER), version).await
}
