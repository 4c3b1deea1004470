//! What providers answer: each action of each adapter against a provider that says anything, and what Moodle is sent.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use chrono::DateTime;
use serde_json::Value;
use tarishi_protocol::{OperationId, Payload, State, check_payload};
use tarishi_server::adapters::{
    Adapter, AdapterError, Answer, Call, Names, Outbound, PushKind, PushTarget, Reference, Related, Settings, Targets, registry,
};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{Target, hooks, samples};
use crate::harness::Result;

/// Variables of a form that PHP reads, with room for its own.
const VARIABLES_MAX: usize = 900;
/// Steps of one call, at most: what the provider says may lead on for ever.
const STEPS_MAX: usize = 10;
/// Statuses of answers, the usual one more often.
const STATUSES: [u16; 10] = [200, 200, 200, 200, 201, 308, 400, 401, 404, 503];

pub(super) fn all() -> Result<Vec<Box<dyn Target>>> {
    let provider = Provider::start()?;
    let runtime = Arc::new(tokio::runtime::Builder::new_current_thread().enable_all().build()?);
    let rows = samples::payloads()?;
    let mut all: Vec<Box<dyn Target>> = Vec::new();
    for (name, adapter) in registry().into_iter().filter(|(name, _)| *name != "local_storage") {
        let actions = adapter.descriptor().actions.iter().filter_map(|action| {
            let row = rows.iter().find(|row| row["adapter"] == name && row["action"] == action.name)?;
            Some((action.name, row["payload"].clone()))
        });
        let actions: Vec<_> = actions.collect();
        let mut settings = hooks::settings(adapter.as_ref());
        settings.0.insert("base_url".to_owned(), format!("{}/{name}", provider.url));
        let mut samples = samples::fixtures(name, &[""])?;
        // What Moodle is sent is made of the payload: that is mutated too.
        samples.extend(actions.iter().map(|(_, payload)| payload.to_string().into_bytes()));
        let (runtime, provider) = (Arc::clone(&runtime), provider.clone());
        all.push(Box::new(Answers { name, adapter, settings, actions, samples, provider, runtime, outbound: Outbound::new() }));
    }
    Ok(all)
}

struct Answers {
    name: &'static str,
    adapter: Arc<dyn Adapter>,
    settings: Settings,
    actions: Vec<(&'static str, Value)>,
    samples: Vec<Vec<u8>>,
    provider: Provider,
    runtime: Arc<Runtime>,
    outbound: Outbound,
}

impl Target for Answers {
    fn name(&self) -> String {
        format!("answers to {}", self.name)
    }

    fn samples(&self) -> &[Vec<u8>] {
        &self.samples
    }

    fn read(&mut self, input: &[u8]) -> std::result::Result<(), String> {
        let chosen: usize = input.iter().map(|byte| usize::from(*byte)).sum();
        let Some((action, good)) = self.actions.get(chosen % self.actions.len().max(1)) else { return Ok(()) };
        // The input is a payload where it can be one, and an answer always.
        let text = String::from_utf8_lossy(input);
        let payload =
            check_payload(self.name, action, 1, &text).or_else(|_| check_payload(self.name, action, 1, &good.to_string()));
        let payload = payload.map_err(|problem| format!("a golden payload of {action} is refused: {}", problem.detail))?;
        self.provider.answer(STATUSES[chosen / 7 % STATUSES.len()], input);
        self.runtime.block_on(self.call(action, &payload));
        let sent = self.provider.take();
        if self.name == "moodle" { sent.iter().try_for_each(|body| form(body)) } else { Ok(()) }
    }
}

impl Answers {
    async fn call(&self, action: &str, payload: &Payload) {
        let now = DateTime::from_timestamp(hooks::NOW_SECS, 0).unwrap_or_default();
        let phone =
            |kind, token: &str| PushTarget { device: token.to_owned(), kind, token: token.to_owned(), registered_at: now };
        let targets = Targets::new(vec![phone(PushKind::Fcm, "a-registration-token")]);
        let known = Reference::new("ws_CO_1").with("tx_ref", "x");
        let (names, effect_key) = (Memory::default(), "0".repeat(64));
        // A refund is made of a payment that has succeeded, a question of one that has not.
        let paid = action == "refund";
        let related = Related {
            operation_id: OperationId(Uuid::nil()),
            action: "charge".to_owned(),
            state: if paid { State::Succeeded } else { State::Waiting },
            reference: Some(known.clone()),
            outcome: paid
                .then(|| serde_json::json!({ "receipt": "1234567", "amount": { "amount": "10.00", "currency": "KES" } })),
        };
        let first = Call {
            tenant: "default",
            operation_id: OperationId(Uuid::nil()),
            action,
            payload,
            attempt_id: Uuid::nil(),
            effect_key: &effect_key,
            memo: None,
            related: Some(&related),
            booked: None,
            settings: &self.settings,
            access_token: Some("an-access-token"),
            callback_url: "https://pay.example.org/k/1/2",
            first_opened_at: now,
            polls: 0,
            now,
            names: &names,
            targets: &targets,
            notification: None,
            repeats_unknown: false,
            outbound: &self.outbound,
        };
        let mut memo = None;
        for _ in 0..STEPS_MAX {
            // Whatever is learnt is right, as long as something is.
            match self.adapter.execute(&Call { memo: memo.as_ref(), ..first }).await {
                Ok(Answer::Next { memo: next } | Answer::Looked { memo: next }) => memo = Some(next),
                Ok(_) | Err(_) => break,
            }
        }
        let _ = self.adapter.recover(&Call { memo: memo.as_ref(), ..first }, Some(&known)).await;
        let _ = self.adapter.fetch_token("", &self.settings, &self.outbound, now).await;
    }
}

/// A form is read as it was written, and is not cut by PHP.
fn form(body: &[u8]) -> std::result::Result<(), String> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let mut again = form_urlencoded::Serializer::new(String::new());
    again.extend_pairs(&pairs);
    let names: std::collections::BTreeSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    match () {
        () if pairs.len() > VARIABLES_MAX => Err(format!("a form of {} variables", pairs.len())),
        () if again.finish().as_bytes() != body => Err("a form that is read as another".to_owned()),
        () if names.len() != pairs.len() => Err("a form that names a variable twice".to_owned()),
        () if pairs.first().is_none_or(|(name, _)| name != "wstoken") => Err("a form without its token".to_owned()),
        () => Ok(()),
    }
}

/// Names that are gone after the call.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Names for Memory {
    async fn reserve(&self, name: &str, value: &str, _: Option<&str>) -> std::result::Result<String, AdapterError> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(names.entry(name.to_owned()).or_insert_with(|| value.to_owned()).clone())
    }
}

type Script = (u16, Vec<u8>);

/// A provider on the loopback that says what it is told to say. Its thread ends with the process.
#[derive(Clone)]
struct Provider {
    url: String,
    script: Arc<Mutex<Script>>,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Provider {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let provider = Self { url, script: Arc::default(), sent: Arc::default() };
        let own = provider.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A caller that is gone needs no answer.
                let _ = own.serve(stream);
            }
        });
        Ok(provider)
    }

    fn answer(&self, status: u16, body: &[u8]) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = (status, body.to_vec());
    }

    fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (mut request, mut chunk) = (Vec::new(), [0; 8_192]);
        let body = loop {
            let length = stream.read(&mut chunk)?;
            if length == 0 {
                return Ok(());
            }
            request.extend_from_slice(&chunk[..length]);
            let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
            if request.len() >= end + 4 + length {
                break request.split_off(end + 4);
            }
        };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(body);
        let (status, body) = self.script.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }
}
