//! Consent at providers: a backend or an operator's browser begins it, the provider sends the browser back.
//!
//! The return needs no credential: its state speaks for it. Neither codes nor states nor tokens are shown or logged.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::{app::App, clock::date, credentials::Caller, oauth};

/// The cookie that binds consent to the browser it was begun in.
const COOKIE: &str = "tarishi_oauth";
const QUERY_BYTES_MAX: usize = 8 * 1024;
const DONE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Connected</title>\
                    <p>The account is connected. You can close this page.</p></html>";

/// `GET /api/v2/integrations/{adapter}/oauth/authorize`: 303 to the consent page, whose address is in the body too.
/// `browser=true` binds it to the browser that asks; other parameters are passed on where the provider knows them.
#[utoipa::path(
    get, path = "/api/v2/integrations/{adapter}/oauth/authorize", tag = "integrations",
    summary = "Begin to connect an account at the provider",
    params(
        ("browser" = Option<bool>, Query, description = "True: only the browser that asks can finish it, by a cookie."),
        ("login_hint" = Option<String>, Query, description = "Passed on to the consent page, as are others that the provider knows."),
    ),
    security(("api_key" = [])),
    responses(
        (status = 303, description = "To the consent page", body = ref("#/components/schemas/Begun")),
    )
)]
pub(super) async fn authorize(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(adapter): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let tenant = caller.key_with(&["admin"])?.tenant;
    let hints = pairs(query.as_deref())?;
    let in_browser = hints.iter().any(|(name, value)| name == "browser" && value == "true");
    let begun = oauth::begin(&app, &tenant, &adapter, &hints, in_browser).await?;
    let body = json!({ "authorize_url": begun.authorize_url, "expires_at": date(begun.expires_at) });
    let mut response = (StatusCode::SEE_OTHER, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, value(&begun.authorize_url)?);
    if let Some(browser) = begun.browser {
        let secure = if app.config.base_url().starts_with("https:") { "; Secure" } else { "" };
        let life = oauth::STATE_LIFE_MS / 1_000;
        let path = format!("/api/v2/integrations/{adapter}/oauth");
        let cookie = format!("{COOKIE}={browser}; Path={path}; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
        headers.insert(header::SET_COOKIE, value(&cookie)?);
    }
    private(headers);
    Ok(response)
}

/// `GET /api/v2/integrations/{adapter}/oauth/callback`.
#[utoipa::path(
    get, path = "/api/v2/integrations/{adapter}/oauth/callback", tag = "integrations",
    summary = "Where the provider sends the browser back to; the state speaks for it",
    params(
        ("state" = String, Query, description = "Ours, good once."),
        ("code" = Option<String>, Query, description = "The provider's, if consent was given."),
        ("error" = Option<String>, Query, description = "The provider's, if it was not."),
        ("iss" = Option<String>, Query, description = "Who answers."),
    ),
    responses(
        (status = 200, description = "A page for the human: the account is connected", body = String, content_type = "text/html"),
    )
)]
pub(super) async fn callback(
    State(app): State<Arc<App>>,
    Path(adapter): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let finished = async {
        let query = pairs(query.as_deref())?;
        oauth::finish(&app, &adapter, &query, cookie(&headers)).await.map_err(Refusal::from)
    };
    let mut response = match Box::pin(finished).await {
        Ok(()) => Html(DONE).into_response(),
        Err(refusal) => refusal.into_response(),
    };
    private(response.headers_mut());
    response
}

/// `DELETE /api/v2/integrations/{adapter}/oauth`: here at once, then at the provider.
#[utoipa::path(
    delete, path = "/api/v2/integrations/{adapter}/oauth", tag = "integrations", summary = "Disconnect the account",
    security(("api_key" = [])),
    responses(
        (status = 200, description = "Nothing is done in its name from now on", body = ref("#/components/schemas/Disconnected")),
    )
)]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(adapter): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.key_with(&["admin"])?.tenant;
    let told = oauth::revoke(&app, &tenant, &adapter).await?;
    Ok(Json(json!({ "status": "revoked", "provider_told": told })))
}

/// Not for caches, and not for the pages that are visited next.
fn private(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn value(text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(text)
        .map_err(|_| Refusal::new(tarishi_protocol::Code::Misconfigured, "the consent page's address is none"))
}

fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Refusal> {
    let query = query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        return Err(Refusal::new(tarishi_protocol::Code::Malformed, "the query is too long"));
    }
    Ok(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}
