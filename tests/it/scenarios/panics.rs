//! An adapter that panics whenever it is touched. Findings 3 and 49.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::value::RawValue;
use tarishi_protocol::{State, catalog::Category};
use tarishi_server::{
    App, Config,
    adapters::{
        ActionSpec, Adapter, AdapterError, Answer, Call, Descriptor, Health, HealthCall, Hook, HookRead, Recovery, Reference,
        Settings,
    },
    app::DEFAULT_TENANT,
    clock::Clock,
    dispatch::{policy, step},
    intake::{self, NewSubmission},
    store::{Actor, Grants, sqlite::SqliteStore},
};

struct Panics;

static DESCRIPTOR: Descriptor = Descriptor {
    name: "mpesa",
    category: Category::Payment,
    actions: &[ActionSpec { name: "charge", call_deadline: Duration::from_secs(45), needs_token: false, has_effect: true }],
    settings: &[],
    env_prefix: "NONE_",
    slots: 8,
    webhooks: false,
    docs: "",
};

#[async_trait]
impl Adapter for Panics {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    fn recovery(&self, _action: &str, _settings: &Settings) -> Recovery {
        Recovery::Query { settle_after: Duration::from_secs(60) }
    }

    fn check_settings(&self, _settings: &Settings) -> Result<(), AdapterError> {
        Ok(())
    }

    async fn execute(&self, _call: &Call<'_>) -> Result<Answer, AdapterError> {
        panic!("on purpose, in execute")
    }

    async fn recover(&self, _call: &Call<'_>, _known: Option<&Reference>) -> Result<Answer, AdapterError> {
        panic!("on purpose, in recover")
    }

    fn read_webhook(&self, _hook: &Hook<'_>) -> Result<HookRead, AdapterError> {
        panic!("on purpose, in read_webhook")
    }

    async fn health(&self, _call: &HealthCall<'_>) -> Health {
        panic!("on purpose, in health")
    }
}

async fn round(app: &Arc<App>) -> usize {
    let now = app.clock.now_ms();
    let rows = app.store.claim(DEFAULT_TENANT, "mpesa", now, now + 15_000, 8).await.unwrap();
    let steps = rows.len();
    for row in rows {
        step(app, row).await.unwrap();
    }
    steps
}

/// Findings 3 and 49: a panic is an answer that nobody knows; asking goes on, ever more seldom, and then a human is asked.
#[tokio::test]
async fn an_adapter_that_panics_ends_with_a_human_and_never_sends_twice() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::for_tests(folder.path(), "http://nobody.invalid");
    let store = Arc::new(SqliteStore::open(&config.database).unwrap());
    let mut app = App::new(config, store, Clock::manual(1_800_000_000_000)).unwrap();
    app.adapters = BTreeMap::from([("mpesa", Arc::new(Panics) as Arc<dyn Adapter>)]);
    app.prepare().await.unwrap();
    let app = Arc::new(app);
    let amount = r#"{"amount":{"amount":"100.00","currency":"KES"},"phone":"+254712345678","reference":"FEE-1"}"#;
    let new = NewSubmission {
        idempotency_key: Some("fee-1".to_owned()),
        adapter: "mpesa".to_owned(),
        action: "charge".to_owned(),
        version: 1,
        payload: RawValue::from_string(amount.to_owned()).unwrap(),
        ordering_key: None,
        ttl_ms: None,
        account: "amina".to_owned(),
        deliver_to: None,
    };
    let grants = Grants { scopes: vec!["*:*".to_owned()], ..Grants::default() };
    let id = intake::submit(&app, DEFAULT_TENANT, Actor::Operator, &grants, new).await.unwrap().id;
    assert_eq!(round(&app).await, 1);
    let row = || async { app.store.operation(DEFAULT_TENANT, id).await.unwrap().unwrap() };
    assert_eq!((row().await.state, row().await.attempts), (State::Waiting, 1));

    let mut questions = 0;
    while row().await.state == State::Waiting {
        app.clock.advance(Duration::from_secs(600));
        questions += round(&app).await;
        assert!(questions < 1_000, "the bound is visible: {:?}", row().await);
    }

    assert_eq!(questions, policy::PANICS_MAX as usize);
    assert_eq!((row().await.state, row().await.attempts), (State::Unresolved, 1));
    assert!(app.store.doctor(app.clock.now_ms()).await.unwrap().is_empty());
}
