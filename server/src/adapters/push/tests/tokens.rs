//! Tokens: signed as the providers want them, asked for by the device whose turn it is, named after their keys.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, TimeDelta, Utc};
use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::super::super::{
    Adapter as _, PushKind, Settings, Targets, TokenNeed,
    contract::{Provider, Script},
};
use super::super::{Push, config, sign};
use super::{push, settings, stage, target};

fn now() -> DateTime<Utc> {
    "2026-11-24T07:15:00Z".parse().unwrap()
}

fn parts(token: &str) -> (Value, Value, String, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    (part(header), part(claims), signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(lines).unwrap()
}

#[tokio::test]
async fn the_assertion_is_signed_by_the_service_account_for_messaging_alone() {
    let answer = r#"{"access_token":"ya29.a","expires_in":3599}"#;
    let provider = Provider::start(vec![Script::text(200, answer)]).await;
    let stage = stage(push(), &provider);
    let got = Push::default().fetch_token("fcm:0", &stage.settings, &stage.outbound, now()).await.unwrap();
    assert_eq!((got.token.as_str(), got.expires_in.as_secs()), ("ya29.a", 3_599));
    let form: std::collections::BTreeMap<String, String> =
        form_urlencoded::parse(provider.seen()[0].body.as_bytes()).into_owned().collect();
    let (header, claims, signed, signature) = parts(&form["assertion"]);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "0".repeat(40) }));
    let expected = json!({
        "iss": "sandbox@sandbox-project.iam.gserviceaccount.com", "aud": "https://oauth2.googleapis.com/token",
        "scope": "https://www.googleapis.com/auth/firebase.messaging", "iat": now().timestamp(), "exp": now().timestamp() + 3_600,
    });
    assert_eq!(claims, expected);
    let account: Value = serde_json::from_str(settings().get("fcm_service_account_json").unwrap()).unwrap();
    let key = ring::rsa::KeyPair::from_pkcs8(&der(account["private_key"].as_str().unwrap())).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn the_provider_token_is_signed_for_apple_and_asks_nobody() {
    let provider = Provider::start(vec![Script::text(500, "")]).await;
    let stage = stage(push(), &provider);
    let got = Push::default().fetch_token("apns:SANDBOXKEY", &stage.settings, &stage.outbound, now()).await.unwrap();
    // The dispatcher renews five minutes ahead: at 50, between Apple's 20 and 60.
    assert_eq!(got.expires_in.as_secs(), 55 * 60);
    let (header, claims, signed, signature) = parts(&got.token);
    assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT", "kid": "SANDBOXKEY" }));
    assert_eq!(claims, json!({ "iss": "SANDBOXORG", "iat": now().timestamp() }));
    assert_eq!(signature.len(), 64);
    let rng = ring::rand::SystemRandom::new();
    let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pem = settings().get("apns_key_p8").unwrap().to_owned();
    let key = ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, &der(&pem), &rng).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref()).verify(signed.as_bytes(), &signature).unwrap();
    assert_eq!(sign::age(&got.token, now() + TimeDelta::minutes(21)), Some(TimeDelta::minutes(21)));
    assert_eq!((sign::age("opaque", now()), sign::age("a.b.c", now())), (None, None));
    assert!(provider.seen().is_empty());
}

#[test]
fn a_pasted_key_is_read_without_its_line_breaks() {
    let pem = settings().get("apns_key_p8").unwrap().to_owned();
    for pasted in [pem.replace('\n', ""), pem.replace('\n', "\\n"), pem.replace('\n', "\r\n"), pem.replace('\n', " ")] {
        sign::check_es256(&pasted).unwrap();
    }
    for bad in [pem.replace("BEGIN PRIVATE", "BEGIN EC PRIVATE"), String::new(), pem[..pem.len() - 30].to_owned()] {
        let error = sign::check_es256(&bad).unwrap_err().message;
        assert!(error.contains("P-256") && !error.contains("BEGIN"));
    }
    assert!(sign::check_rs256(&pem).is_err(), "another kind of key");
}

#[test]
fn a_key_may_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut in_files = settings();
    for name in ["fcm_service_account_json", "apns_key_p8"] {
        let path = folder.path().join(name);
        std::fs::write(&path, settings().get(name).unwrap()).unwrap();
        in_files.0.insert(name.to_owned(), path.to_string_lossy().into_owned());
    }
    config::check(&in_files).unwrap();
    let folder_itself = folder.path().to_string_lossy().into_owned();
    in_files.0.insert("apns_key_p8".to_owned(), folder_itself);
    assert!(config::check(&in_files).unwrap_err().message.contains("apns_key_p8"));
}

#[test]
fn the_device_whose_turn_it_is_says_which_token_is_needed() {
    let name = |settings: &Settings, list: Vec<_>| {
        let targets = Targets::new(list);
        Push::default().token_name(&TokenNeed { settings, step: Some((None, &targets)) })
    };
    let settings = settings();
    let fcm = format!("fcm:{}", "0".repeat(40));
    assert_eq!(name(&settings, vec![target(PushKind::Fid, "a"), target(PushKind::Apns, "b")]), Some(fcm.clone()));
    assert_eq!(name(&settings, vec![target(PushKind::Apns, "b")]).as_deref(), Some("apns:SANDBOXKEY"));
    assert_eq!(name(&settings, vec![]), None);
    assert_eq!(Push::default().token_name(&TokenNeed { settings: &settings, step: None }), Some(fcm));
    let mut without = settings;
    without.0.remove("fcm_service_account_json");
    assert_eq!(name(&without, vec![target(PushKind::Fcm, "a")]), None);
}
