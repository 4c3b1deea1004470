//! What every adapter must do, whatever its provider: one suite, run on each of them against a scripted provider.

mod provider;
mod recorded;
mod samples;
mod stage;
mod subject;

use std::collections::BTreeSet;

use proptest::prelude::*;
use tarishi_protocol::{MessageQuery, Payload, catalog};

pub(super) use self::{
    provider::{Provider, Script, Seen},
    recorded::{ENCODINGS, Recorded, USER_AGENT},
    samples::{charge, charge_paid, charge_waiting, http, kes, operation, phones, sent},
    stage::{Stage, now, phone},
    subject::{Sample, Subject},
};
use super::{
    Answer, Disposition, Hook, News, Recovery, Then, echo, flutterwave, google_drive, local_storage, moodle, mpesa,
    notifications, pesapal, push, registry, sms, whatsapp,
};

fn subjects() -> Vec<Subject> {
    vec![
        echo::tests::subject(),
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
    // `notify` calls nobody.
    assert_eq!(tested, registry().into_keys().filter(|name| *name != notifications::NAME).collect());
}

#[test]
fn an_adapter_describes_itself_as_the_catalog_knows_it() {
    for Subject { adapter, calls, settings, folder: _folder, .. } in subjects() {
        let descriptor = adapter.descriptor();
        let name = descriptor.name;
        // The example is in no server, so it is in no catalog: its payload is free.
        let known = (catalog::category(name), catalog::actions(name));
        let actions: Vec<&str> = descriptor.actions.iter().map(|action| action.name).collect();
        if name == "echo" {
            assert_eq!(known, (None, [].as_slice()));
        } else {
            assert_eq!(known.0, Some(descriptor.category), "{name}");
            assert_eq!(actions.iter().collect::<BTreeSet<_>>(), known.1.iter().collect::<BTreeSet<_>>(), "{name}");
        }
        assert_eq!(descriptor.env_prefix, format!("{}_", name.to_ascii_uppercase()));
        assert!(calls.iter().map(|sample| sample.action).eq(actions.iter().copied()), "{name}: a sample call of every action");
        assert!(!catalog::RESERVED.contains(&name) && actions.iter().all(|action| !catalog::RESERVED.contains(action)));
        assert!(super::event::subscription_of(name).is_none(), "{name}: the server's own deliveries are called so");
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

#[test]
fn every_action_with_an_effect_says_what_a_person_checks_when_nobody_knows() {
    for (name, adapter) in registry() {
        for action in adapter.descriptor().actions.iter().filter(|action| action.has_effect) {
            let hint = adapter.look_for(action.name);
            assert!((20..=160).contains(&hint.len()), "{name} {}: {hint}", action.name);
            assert!(!hint.ends_with('.') && hint.starts_with(|c: char| c.is_lowercase()), "{name} {}: {hint}", action.name);
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
            let shown = format!("{:?} {:?} {:?}", stage.settings, stage.call(call.action), subject.adapter.descriptor());
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
        for call in subject.effect_calls() {
            let stage = subject.stage(call, &closed);
            let error = subject.adapter.execute(&stage.call(call.action)).await.unwrap_err();
            assert_eq!(error.disposition, Disposition::Transient, "{}", call.action);
        }
    }
}

#[tokio::test]
async fn a_broken_connection_leaves_an_effect_open() {
    for subject in speaking_http() {
        for call in subject.effect_calls() {
            let provider = Provider::start(vec![Script::HangUp]).await;
            let stage = subject.stage(call, provider.url());
            let error = subject.adapter.execute(&stage.call(call.action)).await.unwrap_err();
            assert_eq!(error.disposition, Disposition::Ambiguous, "{}", call.action);
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
                let executed = subject.adapter.execute(&stage.call(call.action)).await;
                let asked = !provider.seen().is_empty();
                let ended =
                    |answer: &Answer| matches!(answer, Answer::Failed { .. } | Answer::Succeeded { .. } | Answer::NotFound);
                // A query may answer from our own books what the provider did not.
                if asked && subject.has_effect(call) && !call.means_success(&script) {
                    assert!(executed.is_err(), "{} {script:?}: {executed:?}", call.action);
                }
                let recovered = subject.adapter.recover(&stage.call(call.action), Some(&subject.known)).await;
                if subject.has_effect(call) {
                    assert!(!recovered.as_ref().is_ok_and(ended), "{} {script:?}: {recovered:?}", call.action);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_call_begun_too_late_sends_nothing() {
    for subject in speaking_http() {
        for call in subject.effect_calls() {
            let provider = Provider::start(vec![Script::text(200, "{}")]).await;
            let mut stage = subject.stage(call, provider.url());
            stage.outbound = stage.outbound.guarded(|| false);
            let error = subject.adapter.execute(&stage.call(call.action)).await.unwrap_err();
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
                let _ = subject.adapter.recover(&stage.call(call.action), known).await;
            }
        }
        for seen in provider.seen() {
            assert!(!subject.is_effect(&seen), "{}", seen.path);
        }
    }
}

#[tokio::test]
async fn a_question_about_messages_is_answered_from_our_books() {
    let mut asked = BTreeSet::new();
    for subject in speaking_http() {
        let provider = Provider::start(vec![Script::text(200, "{}")]).await;
        for call in subject.calls.iter().filter(|call| matches!(call.payload, Payload::MessageQuery(_))) {
            let sent = call.related.clone().unwrap();
            let all = sent.outcome.as_ref().unwrap()["messages"].as_array().unwrap().clone();
            let known = all.iter().find_map(|message| message["id"].as_str()).unwrap();
            for (message_id, related, found) in [
                (None, Some(&sent), all.len()),
                (Some(known), Some(&sent), 1),
                (Some("another"), Some(&sent), 0),
                (Some(known), None, 0),
                (None, None, 0),
            ] {
                let query = MessageQuery { operation_id: None, message_id: message_id.map(str::to_owned) };
                let stage = subject.stage(call, provider.url());
                let stage = Stage { payload: Payload::MessageQuery(query), related: related.cloned(), ..stage };
                match subject.adapter.execute(&stage.call(call.action)).await.unwrap() {
                    Answer::Succeeded { outcome, .. } => assert_eq!(outcome["messages"].as_array().unwrap().len(), found),
                    Answer::Failed { code, .. } => assert_eq!((code.as_str(), found), ("not_found", 0)),
                    other => panic!("{other:?}"),
                }
            }
            asked.insert(subject.adapter.descriptor().name);
        }
        assert!(provider.seen().is_empty());
    }
    assert_eq!(asked, BTreeSet::from(["push", "sms", "whatsapp"]));
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
            let settings = subject.settings.clone().with("callback_allowed_ips", "*");
            let stage = Stage::new(subject.calls[0].payload.clone(), settings);
            let hook = Hook { attempt_id: known.then_some(stage.attempt_id), ..stage.hook(rest, &body) };
            if let Ok(read) = subject.adapter.read_webhook(&hook) {
                let ended = |news: &News| matches!(news, News::Answer(Answer::Succeeded { .. } | Answer::Failed { .. }));
                prop_assert!(!read.events.iter().any(|event| ended(&event.news)));
            }
        }
    }
}
