//! `GET /openapi.json`: what this server answers, for people and generators. It needs no token and tells of no tenant.
//!
//! Operations come from the handlers ([`utoipa::path`] beside each), schemas from the types ([`schemars`]) and, for answers
//! that are put together by hand, from [`answers`]. What all operations share is added in [`finish`]: problems, the
//! parameters of the path, the names. A test holds the document against the router and against real answers.

use std::sync::OnceLock;

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{
    devices, events, execute, health, integrations, logs, metrics, notifications, oauth, operations, recipients, subscriptions,
    sync, webhooks,
};

mod answers;
mod components;
mod finish;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tarishi",
        description = "Takes operations from devices and backends and performs each of them once at a provider. Every answer \
                       that is no success is a problem (RFC 9457) with a stable `code`."
    ),
    paths(
        document_json,
        sync::sync,
        devices::me,
        devices::take_pushes,
        devices::take_no_pushes,
        devices::list,
        devices::enrol,
        devices::revoke,
        operations::list,
        operations::show,
        operations::cancel,
        operations::resolve,
        operations::redrive,
        events::list,
        subscriptions::list,
        subscriptions::subscribe,
        subscriptions::delete,
        subscriptions::rotate,
        notifications::notify,
        notifications::show,
        notifications::receipt,
        notifications::types::put_type,
        notifications::types::show_type,
        notifications::types::delete_type,
        notifications::types::put_template,
        notifications::types::show_template,
        notifications::types::delete_template,
        notifications::types::put_settings,
        notifications::types::show_settings,
        notifications::stats::stats,
        recipients::put,
        recipients::show,
        recipients::delete,
        recipients::put_list,
        recipients::show_list,
        recipients::delete_list,
        integrations::list,
        integrations::show,
        integrations::change,
        oauth::authorize,
        oauth::callback,
        oauth::revoke,
        execute::execute,
        logs::list,
        logs::show,
        health::server,
        health::adapter,
        metrics::metrics,
        webhooks::attempt,
        webhooks::token,
        webhooks::legacy,
    ),
    modifiers(&Credentials),
    tags(
        (name = "devices", description = "Phones: their exchange, and their registration by a tenant's backend."),
        (name = "operations", description = "Where operations stand, and an operator's decisions."),
        (name = "events", description = "What happened, as a log and as Standard Webhooks to a tenant's backend."),
        (name = "notifications", description = "One message through an ordered list of channels, until it is known to have arrived."),
        (name = "recipients", description = "The address book: people and lists."),
        (name = "integrations", description = "Providers: settings, schemas, health, logs, and operations of a backend."),
        (name = "webhooks", description = "What providers tell. The path or the provider's signature speaks for them."),
        (name = "server", description = "The server itself."),
    )
)]
struct Api;

/// How callers show who they are.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = |description: &str| {
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build())
        };
        let components = api.components.get_or_insert_default();
        components
            .add_security_scheme("device_token", bearer("A device's token, `td_…`; replaced by the answers of the exchange."));
        components.add_security_scheme("api_key", bearer("A backend's key, `tk_…`, with the scopes its operator gave it."));
        components.add_security_scheme("metrics_token", bearer("TARISHI_METRICS_TOKEN, where it is set."));
    }
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut api = Api::openapi();
    env!("CARGO_PKG_VERSION").clone_into(&mut api.info.version);
    let mut document = serde_json::to_value(api).expect("an OpenAPI document is JSON");
    components::add(&mut document);
    finish::finish(&mut document);
    document
}

/// `GET /openapi.json`.
#[utoipa::path(
    get, path = "/openapi.json", tag = "server", summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1", body = ref("#/components/schemas/Anything")))
)]
pub(super) async fn document_json() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}
