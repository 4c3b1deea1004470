//! OAuth 2.0 with a code, PKCE and refresh tokens: where a provider's consent page is, and what is sent to its token address.
//!
//! One piece for every provider; what differs is data in [`OAuth`]. It keeps nothing and decides nothing: states, tokens and
//! leases are [`crate::oauth`]'s. Codes and tokens travel in bodies only, never in an address.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Method, Url};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{AdapterError, Outbound, http::HttpAnswer};

/// How long one call of the token address may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An access token's life when the provider does not say.
const LIFE_UNSAID: Duration = Duration::from_secs(300);
const TOKEN_BYTES_MAX: usize = 4_096;

/// A provider's OAuth, with our client's credentials. `Debug` shows the addresses only.
#[derive(Clone)]
pub struct OAuth {
    /// Where somebody consents.
    pub authorize_url: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: String,
    /// Where tokens are given back.
    pub revoke_url: String,
    /// Our client's id.
    pub client_id: String,
    /// Our client's secret.
    pub client_secret: String,
    /// What is asked for; all of it must be granted.
    pub scopes: Vec<String>,
    /// What the consent page wants beside.
    pub authorize_params: &'static [(&'static str, &'static str)],
    /// What of the caller's own parameters goes to the consent page.
    pub hints: &'static [&'static str],
    /// What of the provider's parameters at the return is kept with the tokens.
    pub kept_params: &'static [&'static str],
    /// Who may say that it is the issuer (`iss`).
    pub issuers: &'static [&'static str],
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth")
            .field("authorize_url", &self.authorize_url)
            .field("token_url", &self.token_url)
            .finish_non_exhaustive()
    }
}

/// What the token address gave. `Debug` shows no token.
#[derive(Clone, Eq, PartialEq)]
pub struct Tokens {
    /// For calls.
    pub access_token: String,
    /// For the next access token; absent = the one before stays good.
    pub refresh_token: Option<String>,
    /// The access token's life from now.
    pub expires_in: Duration,
    /// What was granted, if the provider says.
    pub scope: Option<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Why the token address gave nothing. Words of ours alone: the provider's text is never passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// The code or refresh token is no longer good.
    #[error("the consent is no longer good ({0})")]
    Consent(&'static str),
    /// Our client is refused: the operator must correct its settings.
    #[error("the provider refuses our client ({0})")]
    Client(&'static str),
    /// Nothing was said that could be believed; the same may be asked again.
    #[error("the provider's token address did not answer")]
    Silence,
}

impl OAuth {
    /// The consent page's address.
    #[must_use]
    pub fn authorize_address(
        &self,
        redirect_uri: &str,
        state: &str,
        verifier: &str,
        hints: &[(String, String)],
    ) -> Option<String> {
        let mut url = Url::parse(&self.authorize_url).ok()?;
        let challenge = challenge(verifier);
        let scopes = self.scopes.join(" ");
        url.query_pairs_mut()
            .extend_pairs([
                ("client_id", self.client_id.as_str()),
                ("redirect_uri", redirect_uri),
                ("response_type", "code"),
                ("scope", &scopes),
                ("state", state),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
            ])
            .extend_pairs(self.authorize_params)
            .extend_pairs(hints.iter().filter(|(name, _)| self.hints.contains(&name.as_str())));
        Some(url.into())
    }

    /// Exchanges a code. It is good once: what is not answered is not asked again.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn exchange(
        &self,
        outbound: &Outbound,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<Tokens, TokenError> {
        let form =
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri), ("code_verifier", verifier)];
        read_tokens(&self.post(outbound, &self.token_url, &form).await?)
    }

    /// Exchanges a refresh token.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn refresh(&self, outbound: &Outbound, refresh_token: &str) -> Result<Tokens, TokenError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        read_tokens(&self.post(outbound, &self.token_url, &form).await?)
    }

    /// Gives a token back; one that is no longer good is given back already.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn revoke(&self, outbound: &Outbound, token: &str) -> Result<(), TokenError> {
        let request = outbound.request(Method::POST, &self.revoke_url).form(&[("token", token)]);
        let answer = outbound.send(request, TIMEOUT).await.map_err(silence)?;
        match (answer.status, read_error(&answer)) {
            (200, _) => Ok(()),
            (400, Some(error)) if matches!(error.as_str(), "invalid_token" | "invalid_grant") => Ok(()),
            _ => Err(TokenError::Silence),
        }
    }

    /// Is everything that is needed among what was granted?
    #[must_use]
    pub fn is_enough(&self, granted: Option<&str>) -> bool {
        // RFC 6749: nothing said = all that was asked for.
        granted.is_none_or(|granted| self.scopes.iter().all(|wanted| granted.split_whitespace().any(|scope| scope == wanted)))
    }

    async fn post(&self, outbound: &Outbound, url: &str, form: &[(&str, &str)]) -> Result<HttpAnswer, TokenError> {
        let client = [("client_id", self.client_id.as_str()), ("client_secret", self.client_secret.as_str())];
        let request = outbound.request(Method::POST, url).form(&[form, &client].concat());
        outbound.send(request, TIMEOUT).await.map_err(silence)
    }
}

fn silence(_: AdapterError) -> TokenError {
    TokenError::Silence
}

/// What is shown of the verifier before it is needed (RFC 7636, S256).
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Reads an answer of the token address.
fn read_tokens(answer: &HttpAnswer) -> Result<Tokens, TokenError> {
    if answer.status == 200 {
        return tokens(&answer.json().unwrap_or_default()).ok_or(TokenError::Silence);
    }
    let error = read_error(answer);
    let error = error.as_deref().unwrap_or_default();
    let known = |words: &[&'static str]| words.iter().copied().find(|word| *word == error);
    if known(&["internal_failure", "server_error", "temporarily_unavailable"]).is_some() {
        return Err(TokenError::Silence);
    }
    if let Some(word) = known(&["invalid_grant", "rapt_required", "invalid_rapt"]) {
        return Err(TokenError::Consent(word));
    }
    if let Some(word) = known(&[
        "invalid_client",
        "unauthorized_client",
        "deleted_client",
        "invalid_scope",
        "invalid_request",
        "unsupported_grant_type",
        "redirect_uri_mismatch",
    ]) {
        return Err(TokenError::Client(word));
    }
    match answer.status {
        400 | 401 | 403 if !error.is_empty() => Err(TokenError::Client("other")),
        _ => Err(TokenError::Silence),
    }
}

fn read_error(answer: &HttpAnswer) -> Option<String> {
    Some(answer.json()?.get("error")?.as_str()?.to_owned())
}

fn tokens(body: &Value) -> Option<Tokens> {
    let text = |name: &str| body.get(name)?.as_str().filter(|text| !text.is_empty() && text.len() <= TOKEN_BYTES_MAX);
    let is_bearer = text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let life = body.get("expires_in").and_then(|life| life.as_u64().or_else(|| life.as_str()?.parse().ok()));
    is_bearer.then_some(Tokens {
        access_token: text("access_token")?.to_owned(),
        refresh_token: text("refresh_token").map(str::to_owned),
        expires_in: life.map_or(LIFE_UNSAID, |secs| Duration::from_secs(secs.min(30 * 86_400))),
        scope: text("scope").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests;
