//! Consent at once, codes with PKCE, refresh tokens that may be replaced with each use.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use reqwest::Url;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::before;
use super::book::Consent;
use crate::connection::Line;
use crate::credentials::{GOOGLE_DRIVE_CLIENT_ID, GOOGLE_DRIVE_CLIENT_SECRET};
use crate::fault::{Adapter, Call};
use crate::fault_book::Facts;
use crate::world::{World, lock};
use crate::{clock, gate};

const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/";
const LIFE_SECS: i64 = 3_599;
/// The life of the token that a `short` outcome gives.
const SHORT_SECS: i64 = 1;

type Form = Vec<(String, String)>;

fn form(text: &str) -> Form {
    Url::parse(&format!("http://x/?{text}")).map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

fn get<'a>(form: &'a Form, name: &str) -> &'a str {
    form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn to(address: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, address.to_owned())]).into_response()
}

/// The consent page, with somebody who consents at once. The outcome `access_denied` refuses, `unticked` grants too little.
pub(super) async fn consent(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let asked = form(&query.unwrap_or_default());
    let fault = world.fault(Adapter::GoogleDrive, Call::Authorize, Facts::default());
    before(&line, fault.as_ref()).await?;
    let good = get(&asked, "client_id") == GOOGLE_DRIVE_CLIENT_ID
        && get(&asked, "response_type") == "code"
        && get(&asked, "code_challenge_method") == "S256"
        && get(&asked, "code_challenge").len() == 43
        && !get(&asked, "state").is_empty()
        && get(&asked, "scope").starts_with(SCOPE_PREFIX);
    let Some(mut back) = Url::parse(get(&asked, "redirect_uri")).ok().filter(|_| good) else {
        return Ok((StatusCode::BAD_REQUEST, "<html><body>Error 400: invalid_request</body></html>").into_response());
    };
    back.query_pairs_mut().append_pair("state", get(&asked, "state"));
    match gate::result_of(fault.as_ref()) {
        Some(word) if word != "unticked" => {
            back.query_pairs_mut().append_pair("error", word);
        }
        outcome => {
            let scope = if outcome.is_some() { "openid" } else { get(&asked, "scope") };
            let consent = Consent {
                redirect_uri: get(&asked, "redirect_uri").to_owned(),
                challenge: get(&asked, "code_challenge").to_owned(),
                scope: scope.to_owned(),
                offline: get(&asked, "access_type") == "offline" && get(&asked, "prompt") == "consent",
            };
            let code = format!("4/0A{}", world.random_hex(16));
            lock(&world.google_drive).add_code(code.clone(), consent);
            back.query_pairs_mut().extend_pairs([("code", code.as_str()), ("scope", scope), ("authuser", "0")]);
        }
    }
    Ok(gate::after(&line, fault.as_ref(), to(back.as_str())).await)
}

fn refusal(status: StatusCode, word: &str) -> Response {
    (status, Json(json!({ "error": word, "error_description": "Simulated." }))).into_response()
}

/// The token address. Outcomes: an error's word; `rotate` replaces the refresh token; `short` gives a token of one second;
/// `no_refresh_token` keeps it back.
pub(super) async fn token(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    bytes: Bytes,
) -> Result<Response> {
    let asked = form(&String::from_utf8_lossy(&bytes));
    let facts = Facts(vec![("grant_type", get(&asked, "grant_type").to_owned())]);
    let fault = world.fault(Adapter::GoogleDrive, Call::Token, facts);
    before(&line, fault.as_ref()).await?;
    let answer = exchange(&world, &asked, gate::result_of(fault.as_ref()));
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}

fn exchange(world: &World, asked: &Form, outcome: Option<&str>) -> Response {
    let known = get(asked, "client_id") == GOOGLE_DRIVE_CLIENT_ID && get(asked, "client_secret") == GOOGLE_DRIVE_CLIENT_SECRET;
    if !known {
        return refusal(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    match outcome {
        None | Some("rotate" | "short" | "no_refresh_token") => {}
        Some(word) => return refusal(StatusCode::BAD_REQUEST, word),
    }
    let mut book = lock(&world.google_drive);
    let mut given = None;
    let scope = match get(asked, "grant_type") {
        "authorization_code" => {
            let Some(consent) = book.take_code(get(asked, "code")) else {
                return refusal(StatusCode::BAD_REQUEST, "invalid_grant");
            };
            let shown = URL_SAFE_NO_PAD.encode(Sha256::digest(get(asked, "code_verifier").as_bytes()));
            if shown != consent.challenge || get(asked, "redirect_uri") != consent.redirect_uri {
                return refusal(StatusCode::BAD_REQUEST, "invalid_grant");
            }
            if consent.offline && outcome != Some("no_refresh_token") {
                given = Some(format!("1//0g{}", world.random_hex(16)));
            }
            consent.scope
        }
        "refresh_token" => {
            let shown = get(asked, "refresh_token");
            if !book.is_refresh_token(shown) {
                return refusal(StatusCode::BAD_REQUEST, "invalid_grant");
            }
            if outcome == Some("rotate") {
                book.end_refresh_token(shown);
                given = Some(format!("1//0g{}", world.random_hex(16)));
            }
            format!("{SCOPE_PREFIX}drive.file")
        }
        _ => return refusal(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
    };
    let life = if outcome == Some("short") { SHORT_SECS } else { LIFE_SECS };
    let access = format!("ya29.{}", world.random_hex(24));
    book.add_access_token(access.clone(), clock::now() + TimeDelta::seconds(life));
    let mut answer = json!({ "access_token": access, "expires_in": life, "scope": scope, "token_type": "Bearer" });
    if let Some(token) = given {
        book.add_refresh_token(token.clone());
        answer["refresh_token"] = json!(token);
    }
    Json(answer).into_response()
}

pub(super) async fn revoke(
    State(world): State<Arc<World>>,
    ConnectInfo(line): ConnectInfo<Line>,
    bytes: Bytes,
) -> Result<Response> {
    let asked = form(&String::from_utf8_lossy(&bytes));
    let fault = world.fault(Adapter::GoogleDrive, Call::Revoke, Facts::default());
    before(&line, fault.as_ref()).await?;
    let known = lock(&world.google_drive).revoke(get(&asked, "token"));
    let answer = if known { Json(json!({})).into_response() } else { refusal(StatusCode::BAD_REQUEST, "invalid_token") };
    Ok(gate::after(&line, fault.as_ref(), answer).await)
}
