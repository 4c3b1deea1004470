//! Adapters for the simulated providers: one for each way in which an unknown outcome is recovered.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use tarishi_protocol::{Payload, catalog::Category};
use tarishi_server::adapters::{
    ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Disposition, Health, HealthCall, Hook, HookEvent, HookRead,
    MessageNews, News, Recovery, Reference, Reply, SettingSpec, Settings, Target, Then,
};

use super::books::{Effect, Fate, Kind, Order, Payer, Provider};

const DEADLINE: Duration = Duration::from_secs(45);
/// Longer than any late effect.
const SETTLE_AFTER: Duration = Duration::from_secs(60);
const RECEIPT_WAIT: Duration = Duration::from_secs(60);
const POLL_AFTER: Duration = Duration::from_secs(10);

const CHARGE: &[ActionSpec] = &[ActionSpec { name: "charge", call_deadline: DEADLINE, needs_token: false, has_effect: true }];
const SEND: &[ActionSpec] = &[ActionSpec { name: "send", call_deadline: DEADLINE, needs_token: false, has_effect: true }];
const UPLOAD: &[ActionSpec] = &[ActionSpec { name: "upload", call_deadline: DEADLINE, needs_token: false, has_effect: true }];
const TOKEN: &[SettingSpec] =
    &[SettingSpec { name: "webhook_token", secret: true, required: false, help: "the path of delivery reports" }];

/// One simulated provider's adapter.
pub(super) struct Scripted {
    descriptor: Descriptor,
    kind: Kind,
    provider: Arc<Provider>,
}

/// One adapter of each kind, under the names of real ones.
pub(super) fn registry(provider: &Arc<Provider>) -> BTreeMap<&'static str, Arc<dyn Adapter>> {
    let payment = |name| (name, Category::Payment, CHARGE, &[][..]);
    let all = [
        (Kind::Prompt, payment("mpesa")),
        (Kind::Askable, payment("flutterwave")),
        (Kind::Message, ("sms", Category::Messaging, SEND, TOKEN)),
        (Kind::Idempotent, ("local_storage", Category::Storage, UPLOAD, &[][..])),
    ];
    let make = |(kind, (name, category, actions, settings))| {
        let descriptor =
            Descriptor { name, category, actions, settings, env_prefix: "SIMULATED_", slots: 8, webhooks: true, docs: "" };
        let adapter: Arc<dyn Adapter> = Arc::new(Scripted { descriptor, kind, provider: Arc::clone(provider) });
        (name, adapter)
    };
    all.into_iter().map(make).collect()
}

impl Scripted {
    fn order(&self, call: &Call<'_>) -> Order {
        let to = if let Payload::MessageSend(send) = call.payload {
            send.to.0.first().map(|phone| phone.as_str().to_owned()).unwrap_or_default()
        } else {
            String::new()
        };
        Order {
            kind: self.kind,
            operation: call.operation_id,
            effect_key: call.effect_key.to_owned(),
            callback_url: call.callback_url.to_owned(),
            to,
        }
    }

    fn answer(&self, order: &Order, effect: &Effect) -> Answer {
        let reference = Some(Reference::new(effect.receipt.clone()));
        match self.kind {
            Kind::Prompt => Answer::Waiting { reference, poll_after: POLL_AFTER, interim: Some(json!({ "prompt_sent": {} })) },
            Kind::Askable => paid(&effect.receipt),
            Kind::Message => {
                let message = json!({ "to": order.to, "id": effect.receipt, "status": "accepted" });
                Answer::Succeeded { outcome: json!({ "messages": [message] }), reference, receipt: None }
            }
            Kind::Idempotent => Answer::Succeeded { outcome: json!({ "file_id": effect.receipt }), reference, receipt: None },
        }
    }
}

fn paid(receipt: &str) -> Answer {
    let outcome = json!({ "receipt": receipt, "amount": null, "paid_at": null });
    Answer::Succeeded { outcome, reference: None, receipt: Some(receipt.to_owned()) }
}

fn declined() -> Answer {
    Answer::Failed { code: "1032".to_owned(), message: "the payer declined".to_owned() }
}

fn silence() -> AdapterError {
    AdapterError::new(Disposition::Ambiguous, "no answer")
}

fn unreachable() -> AdapterError {
    AdapterError::new(Disposition::Transient, "nothing was sent")
}

#[async_trait]
impl Adapter for Scripted {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn recovery(&self, _action: &str, _settings: &Settings) -> Recovery {
        match self.kind {
            Kind::Prompt => Recovery::Receipts { wait: RECEIPT_WAIT, then: Then::Unresolved },
            Kind::Askable => Recovery::Query { settle_after: SETTLE_AFTER },
            Kind::Message => Recovery::Receipts { wait: RECEIPT_WAIT, then: Then::Resend },
            Kind::Idempotent => Recovery::ResendSameKey { window: Duration::from_secs(3_600 * 24 * 365) },
        }
    }

    fn check_settings(&self, _settings: &Settings) -> Result<(), AdapterError> {
        Ok(())
    }

    async fn execute(&self, call: &Call<'_>) -> Result<Answer, AdapterError> {
        let order = self.order(call);
        let fate = self.provider.books().begin(order.operation);
        if fate == Fate::HangBefore && !self.provider.hang(order.operation, true).await {
            return Err(silence());
        }
        if !call.outbound.may_send() {
            return Err(unreachable());
        }
        match fate {
            Fate::Unreachable => Err(unreachable()),
            Fate::Limited => {
                let limited = AdapterError::new(Disposition::RateLimited, "too many calls");
                Err(limited.with_retry_after(Duration::from_secs(5)))
            }
            Fate::Rejected => Ok(Answer::Failed { code: "1".to_owned(), message: "refused by the provider".to_owned() }),
            Fate::Silence => Err(silence()),
            Fate::SilentEffect => {
                self.provider.books().carry_out(&order);
                Err(silence())
            }
            Fate::LateEffect => {
                self.provider.books().order_late(order);
                Err(silence())
            }
            Fate::HangAfter => {
                let effect = self.provider.books().carry_out(&order);
                if self.provider.hang(order.operation, false).await { Ok(self.answer(&order, &effect)) } else { Err(silence()) }
            }
            Fate::Good | Fate::HangBefore => {
                let effect = self.provider.books().carry_out(&order);
                Ok(self.answer(&order, &effect))
            }
        }
    }

    async fn recover(&self, call: &Call<'_>, known: Option<&Reference>) -> Result<Answer, AdapterError> {
        let mut books = self.provider.books();
        if books.ignores() {
            return Err(silence());
        }
        let waiting = Answer::Waiting { reference: None, poll_after: POLL_AFTER, interim: None };
        Ok(match self.kind {
            Kind::Prompt => {
                let prompt = books.prompts.iter().find(|prompt| known.is_some_and(|known| known.id == prompt.reference));
                match prompt.map(|prompt| (prompt.payer, &prompt.receipt)) {
                    Some((Payer::Paid, receipt)) => paid(receipt),
                    Some((Payer::Declined | Payer::Slow, _)) => declined(),
                    Some((Payer::Asked, _)) | None => waiting,
                }
            }
            Kind::Askable => {
                let effect = books.effects.iter().find(|effect| effect.effect_key == call.effect_key);
                effect.map_or(Answer::NotFound, |effect| paid(&effect.receipt))
            }
            Kind::Message | Kind::Idempotent => waiting,
        })
    }

    fn read_webhook(&self, hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        let bad = |_| AdapterError::new(Disposition::Rejected, "no callback of ours");
        let body: Value = serde_json::from_slice(hook.body).map_err(bad)?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let event = match hook.attempt_id {
            Some(attempt) => {
                let answer = if body["paid"] == true { paid(&text("receipt")) } else { declined() };
                HookEvent { target: Target::Attempt(attempt), event_id: None, news: News::Answer(answer), correlation: None }
            }
            None => {
                let (id, to) = (text("id"), text("to"));
                let news = MessageNews {
                    id: id.clone(),
                    status: "delivered".to_owned(),
                    rank: 3,
                    to: Some(to.clone()),
                    reason: None,
                    cost: None,
                };
                HookEvent { target: Target::Reference(id), event_id: None, news: News::Message(news), correlation: Some(to) }
            }
        };
        Ok(HookRead { events: vec![event], reply: Reply { status: 200, content_type: "text/plain", body: String::new() } })
    }

    async fn health(&self, _call: &HealthCall<'_>) -> Health {
        Health { ok: true, degraded: false, message: String::new() }
    }

    fn correlation(&self, _action: &str, payload: &Payload) -> Option<String> {
        if let Payload::MessageSend(send) = payload { send.to.0.first().map(|phone| phone.as_str().to_owned()) } else { None }
    }
}
