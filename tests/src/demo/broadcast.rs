//! The class's parents are told that school is closed: some have the app, some WhatsApp, some neither, some phones never say that
//! anything came. Each parent is reached by the first channel that can, and no one by two.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tarishi_sandbox::{Adapter, Call, Effect, Fault, LedgerEntry};
use tokio::time::{Instant, sleep};

use super::{
    stage::Stage,
    timeline::{more, print},
};
use crate::harness::Result;

/// What the parents have, and how many of them.
const PARENTS: [(Has, usize); 4] = [(Has::App, 20), (Has::SilentApp, 14), (Has::WhatsApp, 14), (Has::Nothing, 12)];
/// It takes no longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a parent's phone has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Has {
    /// The app, which says that a notification came.
    App,
    /// The app, but its phone says nothing; and WhatsApp.
    SilentApp,
    /// WhatsApp.
    WhatsApp,
    /// SMS alone.
    Nothing,
}

impl Has {
    /// The channel that reaches the parent.
    fn channel(self) -> &'static str {
        match self {
            Self::App => "push",
            Self::SilentApp | Self::WhatsApp => "whatsapp",
            Self::Nothing => "sms",
        }
    }
}

struct Parent {
    account: String,
    phone: String,
    has: Has,
}

/// The school's backend, as the server sees it.
struct Backend<'a> {
    stage: &'a Stage,
    http: Client,
    key: String,
}

impl Backend<'_> {
    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/api/v2/{path}", self.stage.server.url());
        let request = self.http.request(method, url).bearer_auth(&self.key).header("Idempotency-Key", "closed-friday");
        let answer = request.json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(format!("{path}: {status} {text}").into());
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    async fn put(&self, path: &str, body: &Value) -> Result<()> {
        self.ask(Method::PUT, path, body).await.map(drop)
    }
}

/// Tells them; true if each was reached once, by the channel that could.
pub(super) async fn broadcast(stage: &Stage) -> Result<bool> {
    let parents = parents();
    let backend = backend(stage).await?;
    prepare(&backend, &parents).await?;
    let before = stage.sandbox.ledger().len();
    stage.timeline.tell(&format!("\"school is closed on Friday\" to {} parents: push, then WhatsApp, then SMS", parents.len()));
    let body = json!({ "type": "closed", "to": { "list": "parents" }, "data": { "day": "Friday" } });
    let told = backend.ask(Method::POST, "notifications", &body).await?;
    let id = told["id"].as_str().unwrap_or_default().to_owned();
    let end = Instant::now() + PATIENCE;
    let shown = loop {
        let shown = backend.ask(Method::GET, &format!("notifications/{id}?limit=500"), &json!({})).await?;
        if shown["state"] == "succeeded" {
            break shown;
        }
        if Instant::now() > end {
            return Err(format!("the parents were not all told: {}", shown["counts"]).into());
        }
        confirm(&backend, &parents, &shown).await?;
        sleep(Duration::from_millis(300)).await;
    };
    let stats = backend.ask(Method::GET, "notifications/stats?type=closed", &json!({})).await?;
    let silent = parents.iter().filter(|parent| parent.has == Has::SilentApp).count();
    let sent = loop {
        let sent: Vec<LedgerEntry> = stage.sandbox.ledger().into_iter().skip(before).collect();
        if count(&sent, Effect::Retraction) >= silent || Instant::now() > end {
            break sent;
        }
        sleep(Duration::from_millis(100)).await;
    };
    Ok(table(&parents, &shown, &stats, &sent) & (count(&sent, Effect::Retraction) == silent))
}

fn count(sent: &[LedgerEntry], effect: Effect) -> usize {
    sent.iter().filter(|entry| entry.effect == effect).count()
}

fn parents() -> Vec<Parent> {
    let all = PARENTS.iter().flat_map(|(has, count)| std::iter::repeat_n(*has, *count));
    let parent = |(number, has): (usize, Has)| Parent {
        account: format!("parent-{number:02}"),
        phone: format!("+2547220001{number:02}"),
        has,
    };
    all.enumerate().map(parent).collect()
}

#[expect(clippy::disallowed_methods, reason = "a school's backend, not the server")]
async fn backend(stage: &Stage) -> Result<Backend<'_>> {
    let scopes = "devices,notifications,recipients,notifications:notify";
    let made = stage.server.command(&["tenant", "key", "--scopes", scopes]).await?;
    let key = made.first().and_then(|made| made["key"].as_str()).ok_or("`tenant key` printed no key")?.to_owned();
    Ok(Backend { stage, http: Client::builder().no_proxy().build()?, key })
}

async fn prepare(backend: &Backend<'_>, parents: &[Parent]) -> Result<()> {
    let kes = |amount: &str| json!({ "amount": amount, "currency": "KES" });
    let channels = json!([
        { "channel": "push", "wait_s": 3 },
        { "channel": "whatsapp", "wait_s": 30, "tariff": kes("0.60") },
        { "channel": "sms", "wait_s": 30, "tariff": kes("0.80") },
    ]);
    backend.put("notifications/types/closed", &json!({ "channels": channels, "max_cost": kes("2.00") })).await?;
    let texts = json!({
        "push": { "en": { "title": "School", "body": "Closed on {{ day }}" } },
        "whatsapp": { "en": { "template": "closed", "params": ["{{ day }}"] } },
        "sms": { "en": { "text": "School is closed on {{ day }}." } },
    });
    backend.put("notifications/templates/closed", &texts).await?;
    for parent in parents {
        backend.put(&format!("recipients/{}", parent.account), &json!({ "phone": parent.phone })).await?;
        if matches!(parent.has, Has::App | Has::SilentApp) {
            app(backend, parent).await?;
        }
        if parent.has == Has::Nothing {
            let none = Fault::on(Adapter::Whatsapp, Call::Send).matching(&parent.phone[1..]).result("131026");
            backend.stage.sandbox.add_fault(none);
        }
    }
    let members: Vec<&str> = parents.iter().map(|parent| parent.account.as_str()).collect();
    backend.put("lists/parents", &json!({ "members": members })).await
}

/// The parent's phone has the app.
async fn app(backend: &Backend<'_>, parent: &Parent) -> Result<()> {
    let enrol = json!({ "account": parent.account, "scopes": ["notifications:notify"] });
    let device = backend.ask(Method::POST, "devices", &enrol).await?;
    let phone = Backend {
        stage: backend.stage,
        http: backend.http.clone(),
        key: device["token"].as_str().ok_or("no token for a parent's phone")?.to_owned(),
    };
    phone.put("devices/me/push-token", &json!({ "kind": "fcm", "token": format!("fcm-of-{}", parent.account) })).await
}

/// The apps that can say that what was pushed to them came; the backend says it for them.
async fn confirm(backend: &Backend<'_>, parents: &[Parent], shown: &Value) -> Result<()> {
    for person in shown["people"].as_array().into_iter().flatten().filter(|person| person["state"] == "active") {
        let has = parents.iter().find(|parent| person["account"] == parent.account.as_str()).map(|parent| parent.has);
        let pushed = person["deliveries"][0]["reach"] == "accepted";
        if has == Some(Has::App) && pushed {
            let came = json!({ "notification_id": person["notification_id"], "event": "received" });
            backend.ask(Method::POST, "notifications/receipts", &came).await?;
        }
    }
    Ok(())
}

fn table(parents: &[Parent], shown: &Value, stats: &Value, sent: &[LedgerEntry]) -> bool {
    let mut good = true;
    let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
    for parent in parents {
        let people = shown["people"].as_array();
        let person = people.and_then(|people| people.iter().find(|person| person["account"] == parent.account.as_str()));
        let by = person.and_then(|person| person["channel"].as_str());
        good &= by == Some(parent.has.channel());
        *reached.entry(parent.has.channel()).or_default() += usize::from(by.is_some());
        // A phone that says nothing shows its push all the same; everybody else has one message.
        let messages = sent.iter().filter(|entry| is_to(entry, parent)).count();
        good &= messages == 1 + usize::from(parent.has == Has::SilentApp);
    }
    let reached: Vec<String> = reached.iter().map(|(channel, count)| format!("{count} by {channel}")).collect();
    let (messages, retractions) = (count(sent, Effect::Message), count(sent, Effect::Retraction));
    more(&format!(
        "reached {}; {messages} messages at the providers, {retractions} pushes taken back since WhatsApp was first",
        reached.join(", ")
    ));
    let late =
        |name: &str| stats["channels"].as_array().into_iter().flatten().filter_map(|row| row[name].as_u64()).sum::<u64>();
    let saved = &stats["types"][0];
    more(&format!("an SMS to each would have cost {}: {} saved", saved["all_sms"], saved["saved"]));
    more(&format!(
        "cost {}; arrived after another channel had begun: {}",
        shown["outcome"]["cost"],
        late("late_after_escalation")
    ));
    if !good {
        print("  A parent was told by another channel than the first that could, or twice.");
    }
    good
}

fn is_to(entry: &LedgerEntry, parent: &Parent) -> bool {
    if entry.effect != Effect::Message {
        return false;
    }
    let to = entry.to.as_deref().unwrap_or_default();
    to.trim_start_matches('+') == &parent.phone[1..] || to == format!("fcm-of-{}", parent.account)
}
