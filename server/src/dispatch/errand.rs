//! An operator's errand to a provider, outside any operation.

use super::tokens;
use crate::{
    App,
    adapters::{Adapter, AdapterError, Errand, Settings},
};

/// Runs an errand with what it needs: a token, our address, the time.
///
/// # Errors
/// The provider's, or there was no token.
pub async fn errand<T>(
    app: &App,
    tenant: &str,
    adapter: &dyn Adapter,
    settings: &Settings,
    run: impl AsyncFnOnce(Errand<'_>) -> Result<T, AdapterError>,
) -> Result<T, AdapterError> {
    let token = tokens::errand_token(app, tenant, adapter, settings).await?;
    let base_url = app.config.base_url();
    let (access_token, now) = (token.as_deref(), app.clock.now());
    run(Errand { settings, access_token, base_url: &base_url, now, outbound: &app.outbound }).await
}
