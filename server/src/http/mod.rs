//! The HTTP API. [`router`] reads as a table of contents; a file for each group of routes.
//!
//! Every answer that is not a success is a [`Problem`](tarishi_protocol::Problem) as `application/problem+json`, whatever
//! went wrong. Bodies are bounded before and after they are unpacked. Traces and metrics name routes by their pattern, never
//! by their path: paths of webhooks hold tokens.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{any, delete, get, post, put},
};
use tarishi_protocol::limits::GZIP_BYTES_MIN;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, predicate::SizeAbove},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

use crate::app::App;
use table::Table;

mod auth;
mod body;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod devices;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod events;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod execute;
mod health;
mod integrations;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod logs;
mod metrics;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod notifications;
mod oauth;
mod openapi;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod operations;
mod page;
mod peer;
mod recipients;
mod refusal;
mod schemas;
mod subscriptions;
mod sync;
mod table;
mod trace;
mod webhooks;

pub use health::{AdapterHealth, HEALTH_KEPT_MS, Healths, check as check_health};
pub use logs::view as log_view;
pub use openapi::document as openapi_document;
pub use operations::view as operation_view;
pub use refusal::Refusal;

/// The paths of all routes, as the router knows them.
#[must_use]
pub fn paths() -> Vec<&'static str> {
    table().paths
}

/// Every route of the server. Each is in `/openapi.json` too: annotate the handler, name it in `openapi.rs`.
fn table() -> Table {
    Table::default()
        // Devices: everything they need is one exchange.
        .route("/api/v2/sync", post(sync::sync))
        .route("/api/v2/devices/me", get(devices::me))
        .route("/api/v2/devices/me/push-token", put(devices::take_pushes).delete(devices::take_no_pushes))
        // The tenant's backend.
        .route("/api/v2/devices", get(devices::list).post(devices::enrol))
        .route("/api/v2/devices/{device}", delete(devices::revoke))
        .route("/api/v2/operations", get(operations::list))
        .route("/api/v2/operations/{id}", get(operations::show))
        .route("/api/v2/operations/{id}/cancel", post(operations::cancel))
        .route("/api/v2/operations/{id}/resolve", post(operations::resolve))
        .route("/api/v2/operations/{id}/redrive", post(operations::redrive))
        .route("/api/v2/events", get(events::list))
        .route("/api/v2/subscriptions", get(subscriptions::list).post(subscriptions::subscribe))
        .route("/api/v2/subscriptions/{id}", delete(subscriptions::delete))
        .route("/api/v2/subscriptions/{id}/rotate-secret", post(subscriptions::rotate))
        // Notifications.
        .route("/api/v2/notifications", post(notifications::notify))
        .route("/api/v2/notifications/receipts", post(notifications::receipt))
        .route(
            "/api/v2/notifications/settings",
            put(notifications::types::put_settings).get(notifications::types::show_settings),
        )
        .route("/api/v2/notifications/stats", get(notifications::stats::stats))
        .route(
            "/api/v2/notifications/types/{name}",
            put(notifications::types::put_type).get(notifications::types::show_type).delete(notifications::types::delete_type),
        )
        .route(
            "/api/v2/notifications/templates/{name}",
            put(notifications::types::put_template)
                .get(notifications::types::show_template)
                .delete(notifications::types::delete_template),
        )
        .route("/api/v2/notifications/{id}", get(notifications::show))
        .route("/api/v2/recipients/{user}", put(recipients::put).get(recipients::show).delete(recipients::delete))
        .route("/api/v2/lists/{name}", put(recipients::put_list).get(recipients::show_list).delete(recipients::delete_list))
        // Integrations.
        .route("/api/v2/integrations", get(integrations::list))
        .route("/api/v2/integrations/", get(integrations::list))
        .route("/api/v2/integrations/logs", get(logs::list))
        .route("/api/v2/integrations/logs/{id}", get(logs::show))
        .route("/api/v2/integrations/health", get(health::server))
        .route("/api/v2/integrations/health/{adapter}", get(health::adapter))
        .route("/api/v2/integrations/{adapter}", put(integrations::change).get(integrations::show))
        .route("/api/v2/integrations/{adapter}/status", get(health::adapter))
        // HEAD is refused: previews of links must not use up a state.
        .route("/api/v2/integrations/{adapter}/oauth/authorize", get(oauth::authorize).head(refusal::no_such_method))
        .route("/api/v2/integrations/{adapter}/oauth/callback", get(oauth::callback).head(refusal::no_such_method))
        .route("/api/v2/integrations/{adapter}/oauth", delete(oauth::revoke))
        .route("/api/v2/integrations/{adapter}/{action}", post(execute::execute))
        // Providers. These share no credentials with the rest: the path or the provider's signature speaks for them.
        .route("/api/v2/integrations/{adapter}/webhook", any(webhooks::legacy))
        .route("/api/v2/integrations/{adapter}/webhook/{*rest}", any(webhooks::legacy))
        .route("/k/{attempt}/{token}", any(webhooks::attempt))
        .route("/k/{attempt}/{token}/{*rest}", any(webhooks::attempt))
        .route("/h/{token}", any(webhooks::token))
        .route("/h/{token}/{*rest}", any(webhooks::token))
        // Operators.
        .route("/health", get(health::server))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::document_json))
}

/// The server's service.
pub fn router(app: Arc<App>) -> Router {
    table()
        .router
        .fallback(refusal::no_such_route)
        .method_not_allowed_fallback(refusal::no_such_method)
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(compressed_from())))
        .layer(CatchPanicLayer::custom(refusal::panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), trace::trace))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// The least size of an answer that is compressed.
fn compressed_from() -> u64 {
    u64::try_from(GZIP_BYTES_MIN + 1).unwrap_or(u64::MAX)
}
