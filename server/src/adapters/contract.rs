//! What every adapter must do, whatever its provider: one suite, run on each of them against a scripted provider.

mod provider;
mod recorded;
mod stage;

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use tarishi_protocol::{Payload, catalog};

pub(super) use self::{
    provider::{Provider, Script, Seen},
    recorded::Recorded,
    stage::{Stage, phone},
};
use super::{
    Adapter, Answer, Disposition, Hook, News, Recovery, Reference, Related, Settings, Then, flutterwave, google_drive,
    local_storage, moodle, mpesa, pesapal, push, registry, sms, whatsapp,
};

/// One adapter with what the suite needs to know of it.
pub(super) struct Subject {
    pub(super) adapter: Arc<dyn Adapter>,
    /// Complete and good; `base_url` is put in where `speaks_http`.
    pub(super) settings: Settings,
    /// A call of every action.
    pub(super) calls: Vec<(&'static str, Payload, Option<Related>)>,
    pub(super) speaks_http: bool,
    /// Where a request has an effect.
    pub(super) effect_paths: &'static [&'static str],
    /// What a poll knows.
    pub(super) known: Reference,
    /// Keeps what the settings name.
    pub(super) folder: Option<tempfile::TempDir>,
}

impl Subject {
    fn stage(&self, (action, payload, related): &(&'static str, Payload, Option<Related>), base_url: &str) -> Stage {
        let mut settings = self.settings.clone();
        if self.speaks_http {
            settings.0.insert("base_url".to_owned(), base_url.to_owned());
        }
        let mut stage = Stage::new(payload.clone(), settings);
        stage.related = related.clone();
        stage.memo = self.memo(action, stage.now);
        stage
    }

    /// What the steps before the one with the effect left, for an action of several.
    fn memo(&self, action: &str, now: chrono::DateTime<chrono::Utc>) -> Option<serde_json::Value> {
        match (self.adapter.descriptor().name, action) {
            ("flutterwave", "charge") => Some(flutterwave::tests::charge_memo()),
            ("flutterwave", "refund") => Some(flutterwave::tests::memo(now)),
            ("pesapal", "refund") => Some(pesapal::tests::memo()),
            ("google_drive", "upload" | "delete") => Some(google_drive::tests::memo(action)),
            ("moodle", action) => moodle::tests::memo(action, now),
            _ => None,
        }
    }

    /// A request that has an effect: by its path, or by its function where one path serves them all.
    fn is_effect(&self, seen: &Seen) -> bool {
        let form: Vec<(String, String)> = form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
        let function = form.iter().find(|(name, _)| name == "wsfunction").map_or("", |(_, function)| function.as_str());
        self.effect_paths.contains(&seen.path.as_str()) || self.effect_paths.contains(&function)
    }

    /// This odd answer is the provider's own word for success.
    fn means_success(&self, action: &str, script: &Script) -> bool {
        let is_null = matches!(script, Script::Answer { status: 200, body, .. } if body == "null");
        is_null && (self.adapter.descriptor().name, action) == ("moodle", "enroll")
    }

    fn has_effect(&self, action: &str) -> bool {
        self.adapter.descriptor().action(action).unwrap().has_effect
    }
}

fn subjects() -> Vec<Subject> {
    vec![
        mpesa::tests::subject(),
        sms::tests::subject(),
        whatsapp::tests::subject(),
        flutterwave::tests::subject(),
        pesapal::tests::subject(),
        push::tests::subject(),
        moodle::tests::subject(),
        local_storage::tests::subject(),
        google_drive::tests::subject(),
    ]
}

fn speaking_http() -> impl Iterator<Item = Subject> {
    subjects().into_iter().filter(|subject| subject.speaks_http)
}

#[test]
fn the_suite_leaves_no_adapter_out() {
    let tested: BTreeSet<&str> = subjects().iter().map(|subject| subject.adapter.descriptor().name).collect();
    assert_eq!(tested, registry().into_keys().collect());
}

#[test]
fn an_adapter_describes_itself_as_the_catalog_knows_it() {
    for Subject { adapter, calls, settings, folder: _folder, .. } in subjects() {
        let descriptor = adapter.descriptor();
        let name = descriptor.name;
        assert_eq!(catalog::category(name), Some(descriptor.category), "{name}");
        assert_eq!(descriptor.env_prefix, format!("{}_", name.to_ascii_uppercase()));
        let actions: Vec<&str> = descriptor.actions.iter().map(|action| action.name).collect();
        assert_eq!(actions.iter().collect::<BTreeSet<_>>(), catalog::actions(name).iter().collect::<BTreeSet<_>>(), "{name}");
        assert!(calls.iter().map(|(action, ..)| *action).eq(actions.iter().copied()), "{name}: a sample call of every action");
        assert!(!catalog::RESERVED.contains(&name) && actions.iter().all(|action| !catalog::RESERVED.contains(action)));
        assert!(descriptor.slots > 0 && descriptor.docs.starts_with("# "), "{name}");
        for action in descriptor.actions {
            assert!(action.call_deadline.as_secs() >= 1 && action.call_deadline.as_secs() <= 120, "{name} {}", action.name);
            assert_eq!(action.has_effect, !catalog::only_reads(action.name), "{name} {}", action.name);
            let recovery = adapter.recovery(action.name, &settings);
            let resends = matches!(recovery, Recovery::Receipts { then: Then::Resend, .. } | Recovery::ResendSameKey { .. });
            assert!(
                !(catalog::moves_money(action.name) && resends),
                "{name} {}: money is never sent again blindly",
                action.name
            );
        }
        let mut names = BTreeSet::new();
        for setting in descriptor.settings {
            let shaped = setting.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
                && names.insert(setting.name);
            assert!(shaped && !setting.help.is_empty(), "{name} {}", setting.name);
            assert!(
                setting.name == "webhook_token" || descriptor.docs.contains(&env_name(descriptor.env_prefix, setting.name)),
                "{name}: docs.md leaves out {}",
                setting.name
            );
        }
    }
}

fn env_name(prefix: &str, name: &str) -> String {
    format!("{prefix}{}", name.to_ascii_uppercase())
}

#[test]
fn a_missing_setting_is_named() {
    for subject in subjects() {
        subject.adapter.check_settings(&subject.settings).unwrap();
        for setting in subject.adapter.descriptor().settings.iter().filter(|setting| setting.required) {
            let mut settings = subject.settings.clone();
            settings.0.remove(setting.name);
            let error = subject.adapter.check_settings(&settings).unwrap_err();
            assert_eq!(error.disposition, Disposition::Misconfigured);
            assert!(error.message.contains(setting.name), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn debug_shows_no_secret_and_no_payload() {
    for subject in subjects() {
        for call in &subject.calls {
            let stage = subject.stage(call, "http://127.0.0.1:9");
            let shown = format!("{:?} {:?} {:?}", stage.settings, stage.call(call.0), subject.adapter.descriptor());
            for setting in subject.adapter.descriptor().settings.iter().filter(|setting| setting.secret) {
                if let Some(value) = subject.settings.get(setting.name) {
                    assert!(!shown.contains(value), "{}", setting.name);
                }
            }
            assert!(!shown.contains("712000"), "a phone");
        }
    }
}

#[tokio::test]
async fn a_refused_connect_is_transient() {
    for subject in speaking_http() {
        let closed = Provider::closed_address();
        for call in &subject.calls {
            let stage = subject.stage(call, &closed);
            if subject.has_effect(call.0) {
                let error = subject.adapter.execute(&stage.call(call.0)).await.unwrap_err();
                assert_eq!(error.disposition, Disposition::Transient, "{}", call.0);
            }
        }
    }
}

#[tokio::test]
async fn a_broken_connection_leaves_an_effect_open() {
    for subject in speaking_http() {
        for call in subject.calls.iter().filter(|call| subject.has_effect(call.0)) {
            let provider = Provider::start(vec![Script::HangUp]).await;
            let stage = subject.stage(call, provider.url());
            let error = subject.adapter.execute(&stage.call(call.0)).await.unwrap_err();
            assert_eq!(error.disposition, Disposition::Ambiguous, "{}", call.0);
            assert_eq!(provider.seen().len(), 1, "one step is one call");
        }
    }
}

#[tokio::test]
async fn a_strange_answer_ends_nothing() {
    let html = "<html><body>Service Unavailable</body></html>";
    for subject in speaking_http() {
        for script in [
            Script::text(503, html),
            Script::text(200, html),
            Script::text(200, ""),
            Script::text(200, "{}"),
            Script::text(200, "[1]"),
            Script::text(200, "null"),
            Script::text(201, "{\"SMSMessageData\":{}}"),
            Script::text(200, "{\"ResponseCode\":\"0\"}"),
            Script::text(503, "{\"ResultCode\":\"0\",\"ResponseCode\":\"0\"}"),
            Script::text(302, ""),
            Script::text(418, "{\"errorCode\":\"999.9\"}"),
        ] {
            for call in &subject.calls {
                let provider = Provider::start(vec![script.clone()]).await;
                let stage = subject.stage(call, provider.url());
                let executed = subject.adapter.execute(&stage.call(call.0)).await;
                let asked = !provider.seen().is_empty();
                let ended =
                    |answer: &Answer| matches!(answer, Answer::Failed { .. } | Answer::Succeeded { .. } | Answer::NotFound);
                // A query may answer from our own books what the provider did not.
                if asked && subject.has_effect(call.0) && !subject.means_success(call.0, &script) {
                    assert!(executed.is_err(), "{} {script:?}: {executed:?}", call.0);
                }
                let recovered = subject.adapter.recover(&stage.call(call.0), Some(&subject.known)).await;
                if subject.has_effect(call.0) {
                    assert!(!recovered.as_ref().is_ok_and(ended), "{} {script:?}: {recovered:?}", call.0);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_call_begun_too_late_sends_nothing() {
    for subject in speaking_http() {
        for call in subject.calls.iter().filter(|call| subject.has_effect(call.0)) {
            let provider = Provider::start(vec![Script::text(200, "{}")]).await;
            let mut stage = subject.stage(call, provider.url());
            stage.outbound = stage.outbound.guarded(|| false);
            let error = subject.adapter.execute(&stage.call(call.0)).await.unwrap_err();
            assert_eq!(error.disposition, Disposition::Transient);
            assert!(provider.seen().is_empty());
        }
    }
}

#[tokio::test]
async fn recovering_never_has_an_effect() {
    for subject in speaking_http() {
        let provider = Provider::start(vec![Script::text(200, "{}")]).await;
        for call in &subject.calls {
            for known in [None, Some(&subject.known)] {
                let stage = subject.stage(call, provider.url());
                let _ = subject.adapter.recover(&stage.call(call.0), known).await;
            }
        }
        for seen in provider.seen() {
            assert!(!subject.is_effect(&seen), "{}", seen.path);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_stranger_s_webhook_is_refused_or_harmless(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "[{}\\[\\]\":,a-zA-Z0-9 =&%.]{0,200}".prop_map(String::into_bytes),
        ],
        rest in prop_oneof![Just(""), Just("/"), Just("/c"), Just("/r"), Just("/t"), Just("/dlr"), Just("dlr"), Just("/inbound"), Just("/../x")],
        known in any::<bool>(),
    ) {
        for subject in subjects() {
            let mut settings = subject.settings.clone();
            settings.0.insert("callback_allowed_ips".to_owned(), "*".to_owned());
            let stage = Stage::new(subject.calls[0].1.clone(), settings);
            let hook = Hook { attempt_id: known.then_some(stage.attempt_id), ..stage.hook(rest, &body) };
            if let Ok(read) = subject.adapter.read_webhook(&hook) {
                let ended = |news: &News| matches!(news, News::Answer(Answer::Succeeded { .. } | Answer::Failed { .. }));
                prop_assert!(!read.events.iter().any(|event| ended(&event.news)));
            }
        }
    }
}
