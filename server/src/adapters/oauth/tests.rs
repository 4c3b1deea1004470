//! Addresses and answers, without a provider.

use super::{super::contract::http, *};

fn google() -> OAuth {
    OAuth {
        authorize_url: "https://accounts.example.org/auth".to_owned(),
        token_url: String::new(),
        revoke_url: String::new(),
        client_id: "client".to_owned(),
        client_secret: "very-secret".to_owned(),
        scopes: vec!["a/drive.file".to_owned(), "b".to_owned()],
        authorize_params: &[("access_type", "offline"), ("prompt", "consent")],
        hints: &["login_hint"],
        kept_params: &[],
        issuers: &[],
    }
}

#[test]
fn the_consent_page_gets_the_challenge_and_everything_that_was_asked_for() {
    // The pair of RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let hints = [("login_hint".to_owned(), "a@b.c".to_owned()), ("client_id".to_owned(), "another".to_owned())];
    let url = google().authorize_address("https://x.org/cb?", "s", verifier, &hints).unwrap();
    let url = Url::parse(&url).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let wanted = [
        ("client_id", "client"),
        ("redirect_uri", "https://x.org/cb?"),
        ("response_type", "code"),
        ("scope", "a/drive.file b"),
        ("state", "s"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
        ("prompt", "consent"),
        ("login_hint", "a@b.c"),
    ];
    assert_eq!(pairs, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!url.as_str().contains(verifier) && !url.as_str().contains("very-secret"));
}

#[test]
fn tokens_are_read_whether_their_life_is_a_number_a_text_or_unsaid() {
    for (life, secs) in [("3599", 3_599), ("\"3599\"", 3_599), ("null", 300), ("-1", 300)] {
        let body = format!(r#"{{"access_token":"at","expires_in":{life},"token_type":"Bearer","scope":"a b"}}"#);
        let tokens = read_tokens(&http(200, &body)).unwrap();
        assert_eq!((tokens.expires_in.as_secs(), tokens.refresh_token), (secs, None), "{life}");
    }
    let both = read_tokens(&http(200, r#"{"access_token":"at","refresh_token":"rt","expires_in":1}"#)).unwrap();
    assert_eq!(both.refresh_token.as_deref(), Some("rt"));
    assert!(!format!("{both:?}").contains("rt\"") && !format!("{:?}", google()).contains("very-secret"));
}

#[test]
fn every_error_of_the_token_address_is_a_human_s_an_operator_s_or_nothing_said() {
    let error = |word: &str| format!(r#"{{"error":"{word}","error_description":"secret words"}}"#);
    for word in ["invalid_grant", "rapt_required"] {
        assert_eq!(read_tokens(&http(400, &error(word))), Err(TokenError::Consent(word)));
    }
    for word in [
        "invalid_client",
        "unauthorized_client",
        "deleted_client",
        "invalid_scope",
        "invalid_request",
        "unsupported_grant_type",
        "redirect_uri_mismatch",
    ] {
        assert_eq!(read_tokens(&http(401, &error(word))), Err(TokenError::Client(word)));
    }
    assert_eq!(read_tokens(&http(400, &error("new_word"))), Err(TokenError::Client("other")));
    for word in ["internal_failure", "server_error", "temporarily_unavailable"] {
        assert_eq!(read_tokens(&http(400, &error(word))), Err(TokenError::Silence));
    }
    for (status, body) in [
        (408, ""),
        (429, "{}"),
        (500, "<html>"),
        (503, "{}"),
        (504, ""),
        (200, "{}"),
        (200, "<html>"),
        (200, r#"{"access_token":""}"#),
        (200, r#"{"access_token":"x","token_type":"mac"}"#),
        (302, ""),
        (400, "<html>"),
    ] {
        assert_eq!(read_tokens(&http(status, body)), Err(TokenError::Silence), "{status} {body}");
    }
}

#[test]
fn a_scope_that_was_unticked_is_missed() {
    assert!(google().is_enough(Some("openid b a/drive.file")));
    assert!(google().is_enough(None));
    assert!(!google().is_enough(Some("a/drive")));
    assert!(!google().is_enough(Some("a/drive.file")));
}
