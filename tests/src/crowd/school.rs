//! The school's backend, and the apps of its parents.

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tarishi_sandbox::{Adapter, Effect, LedgerEntry};
use tokio::task::JoinSet;

use super::{
    Shown, kes,
    people::{Confirmed, Person},
};
use crate::harness::{Result, ServerProcess};

/// Requests side by side.
const SIDE_BY_SIDE: usize = 32;
/// People of one page.
const PAGE: usize = 500;

/// What one WhatsApp and one SMS are booked at. The SMS costs as much at the sandbox.
pub(super) const PRICES: [&str; 2] = ["0.60", "0.80"];

/// The school's backend.
#[derive(Clone)]
pub(super) struct School {
    http: Client,
    url: String,
    key: String,
}

impl School {
    #[expect(clippy::disallowed_methods, reason = "a school's backend, not the server")]
    pub(super) async fn open(server: &ServerProcess) -> Result<Self> {
        let scopes = "devices,notifications,recipients,notifications:notify";
        let made = server.command(&["tenant", "key", "--scopes", scopes]).await?;
        let key = made.first().and_then(|made| made["key"].as_str()).ok_or("`tenant key` printed no key")?.to_owned();
        Ok(Self { http: Client::builder().no_proxy().build()?, url: format!("{}/api/v2", server.url()), key })
    }

    async fn ask(&self, method: Method, path: &str, key: &str, body: &Value) -> Result<Value> {
        let request = self.http.request(method, format!("{}/{path}", self.url)).bearer_auth(key);
        let answer = request.header("Idempotency-Key", "crowd").json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            return Err(format!("{path}: {status} {text}").into());
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    async fn put(&self, path: &str, body: &Value) -> Result<()> {
        self.ask(Method::PUT, path, &self.key, body).await.map(drop)
    }

    /// The route, the texts, the people and their phones.
    pub(super) async fn prepare(&self, people: &[Person]) -> Result<()> {
        let channels = json!([
            { "channel": "push", "wait_s": 6 },
            { "channel": "whatsapp", "wait_s": 12, "tariff": kes(PRICES[0]) },
            { "channel": "sms", "wait_s": 12, "tariff": kes(PRICES[1]) },
        ]);
        self.put("notifications/types/closed", &json!({ "channels": channels })).await?;
        let texts = json!({
            "push": { "en": { "title": "School", "body": "Closed on {{ day }}" } },
            "whatsapp": { "en": { "template": "closed", "params": ["{{ day }}"] } },
            "sms": { "en": { "text": "School is closed on {{ day }}." } },
        });
        self.put("notifications/templates/closed", &texts).await?;
        let mut waiting = JoinSet::new();
        for person in people {
            if waiting.len() >= SIDE_BY_SIDE {
                waiting.join_next().await.ok_or("nobody waits")???;
            }
            let (school, person) = (self.clone(), person.clone());
            waiting.spawn(async move { school.enter(&person).await.map_err(|error| error.to_string()) });
        }
        while let Some(done) = waiting.join_next().await {
            done??;
        }
        let members: Vec<&str> = people.iter().map(|person| person.account.as_str()).collect();
        self.put("lists/everybody", &json!({ "members": members })).await
    }

    async fn enter(&self, person: &Person) -> Result<()> {
        self.put(&format!("recipients/{}", person.account), &json!({ "phone": person.phone })).await?;
        if !person.app {
            return Ok(());
        }
        let enrol = json!({ "account": person.account, "scopes": ["notifications:notify"] });
        let device = self.ask(Method::POST, "devices", &self.key, &enrol).await?;
        let token = device["token"].as_str().ok_or("no token for a parent's phone")?;
        let push = json!({ "kind": "fcm", "token": person.token() });
        self.ask(Method::PUT, "devices/me/push-token", token, &push).await.map(drop)
    }

    /// Tells everybody; the operation's id.
    pub(super) async fn tell(&self) -> Result<String> {
        let body = json!({ "type": "closed", "to": { "list": "everybody" }, "data": { "day": "Friday" } });
        let told = self.ask(Method::POST, "notifications", &self.key, &body).await?;
        Ok(told["id"].as_str().ok_or("no id")?.to_owned())
    }

    /// What was pushed to phones that say so came; what could not be said is said the next time.
    pub(super) async fn confirm(&self, people: &[Person], ledger: &[LedgerEntry], confirmed: &mut Confirmed) {
        // What is taken back is shown to nobody.
        let pushes = ledger.iter().filter(|entry| entry.adapter == Adapter::Push && entry.effect == Effect::Message);
        for entry in pushes {
            let (Some(to), Some(id)) = (&entry.to, &entry.request_id) else { continue };
            let number = to.rsplit('-').next().and_then(|number| number.parse::<usize>().ok());
            let confirms = number.and_then(|number| people.get(number)).is_some_and(|person| person.confirms);
            if !confirms || confirmed.contains(id) {
                continue;
            }
            let came = json!({ "notification_id": id, "event": "received" });
            if self.ask(Method::POST, "notifications/receipts", &self.key, &came).await.is_ok() {
                confirmed.insert(id.clone());
            }
        }
    }

    /// A page of the people.
    pub(super) async fn show(&self, id: &str, after: Option<&str>) -> Result<Value> {
        let limit = after.map_or_else(|| "limit=1".to_owned(), |after| format!("limit={PAGE}&cursor={after}"));
        self.ask(Method::GET, &format!("notifications/{id}?{limit}"), &self.key, &json!({})).await
    }

    /// All of them.
    pub(super) async fn everybody(&self, id: &str) -> Result<Shown> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.show(id, Some(&after)).await?;
            all.extend(page["people"].as_array().into_iter().flatten().cloned());
            match page["cursor"].as_str() {
                Some(cursor) => cursor.clone_into(&mut after),
                None => return Ok(all),
            }
        }
    }
}
