//! Access tokens of providers: kept sealed in the store, refreshed ahead of their end, one refresh at a time.
//!
//! Safaricom says that each new token ends the one before, so two calls must never fetch one each.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    App,
    adapters::{Adapter, AdapterError, Settings, TokenNeed},
    oauth,
    store::{AuthTokenRow, Ms, SealedKind},
};

/// A token is refreshed this long before its end, or at half of a short life.
const AHEAD: Duration = Duration::from_secs(300);

/// One tenant's token for one adapter.
#[derive(Clone)]
struct Kept {
    token: String,
    refresh_at: Ms,
}

/// A token, and whether it was fetched for this call.
pub struct Token {
    /// The token.
    pub text: String,
    /// No call has used it before: one that is refused is no matter of its age.
    pub fresh: bool,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("fresh", &self.fresh).finish_non_exhaustive()
    }
}

type Cell = Arc<tokio::sync::Mutex<Option<Kept>>>;
/// By tenant, and adapter with the token's name.
type Cells = HashMap<(String, String), Cell>;

/// The tokens of this process. `Debug` shows none.
#[derive(Default)]
pub struct Tokens(Mutex<Cells>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    fn cell(&self, tenant: &str, token: &str) -> Cell {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry((tenant.to_owned(), token.to_owned())).or_default())
    }
}

/// What a token is kept as: an adapter's only one by its name alone.
fn key(adapter: &str, name: &str) -> String {
    if name.is_empty() { adapter.to_owned() } else { format!("{adapter}/{name}") }
}

/// The adapter's access token of this name, fetched if there is none that is still good.
///
/// # Errors
/// The provider gave none. Nothing was done, so what was unclear is [`Disposition::Transient`](crate::adapters::Disposition::Transient).
pub async fn access_token(
    app: &App,
    tenant: &str,
    adapter: &dyn Adapter,
    settings: &Settings,
    name: &str,
) -> Result<Token, AdapterError> {
    let key = key(adapter.descriptor().name, name);
    let cell = app.tokens.cell(tenant, &key);
    if let Some(provider) = adapter.oauth(settings) {
        let turn = cell.lock_owned().await;
        let text = oauth::access_token(app, tenant, adapter.descriptor().name, provider?, settings, turn).await?;
        return Ok(Token { text, fresh: false });
    }
    // Held while fetching: whoever comes meanwhile waits for the same token.
    let mut kept = cell.lock().await;
    let now = app.clock.now_ms();
    if kept.is_none() {
        *kept = stored(app, tenant, &key).await;
    }
    if let Some(good) = kept.as_ref().filter(|kept| now < kept.refresh_at) {
        return Ok(Token { text: good.token.clone(), fresh: false });
    }
    let fetched = adapter.fetch_token(name, settings, &app.outbound, app.clock.now()).await.map_err(AdapterError::harmless)?;
    let ahead = AHEAD.min(fetched.expires_in / 2);
    let refresh_at = now + Ms::try_from((fetched.expires_in - ahead).as_millis()).unwrap_or(0);
    let row = AuthTokenRow {
        tenant: tenant.to_owned(),
        sealed: app.vault.seal(tenant, &purpose(&key), fetched.token.as_bytes()),
        adapter: key,
        expires_at: refresh_at,
    };
    if let Err(error) = app.store.put_auth_token(row).await {
        tracing::warn!(%error, adapter = adapter.descriptor().name, "an access token could not be stored");
    }
    *kept = Some(Kept { token: fetched.token.clone(), refresh_at });
    Ok(Token { text: fetched.token, fresh: true })
}

/// The token for what is no operation (health, an errand); `None` if the adapter needs none for that.
///
/// # Errors
/// As [`access_token`].
pub async fn errand_token(
    app: &App,
    tenant: &str,
    adapter: &dyn Adapter,
    settings: &Settings,
) -> Result<Option<String>, AdapterError> {
    let needs_one = adapter.descriptor().actions.iter().any(|action| action.needs_token);
    match adapter.token_name(&TokenNeed { settings, step: None }).filter(|_| needs_one) {
        Some(name) => Ok(Some(access_token(app, tenant, adapter, settings, &name).await?.text)),
        None => Ok(None),
    }
}

/// The provider refused a token: forget it, unless another call has replaced it meanwhile.
pub async fn refused(app: &App, tenant: &str, adapter: &'static str, name: &str, token: &str) {
    if app.adapters.get(adapter).is_some_and(|adapter| adapter.oauth(&Settings::default()).is_some()) {
        return oauth::refused(app, tenant, adapter, token).await;
    }
    let cell = app.tokens.cell(tenant, &key(adapter, name));
    let mut kept = cell.lock().await;
    if kept.as_ref().is_some_and(|kept| kept.token == token) {
        // Kept as one that must be refreshed, so that the stored copy is not taken for good.
        *kept = Some(Kept { token: String::new(), refresh_at: 0 });
    }
}

async fn stored(app: &App, tenant: &str, adapter: &str) -> Option<Kept> {
    let row = app.store.auth_token(tenant, adapter).await.ok().flatten()?;
    let token = app.vault.open(tenant, &purpose(adapter), &row.sealed).ok()?;
    Some(Kept { token: String::from_utf8(token).ok()?, refresh_at: row.expires_at })
}

fn purpose(adapter: &str) -> String {
    SealedKind::AuthToken.purpose(adapter)
}
