//! What is done twice or side by side: one file, one folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tarishi_protocol::{OperationId, Payload, check_payload};
use tarishi_sandbox::{Call as At, Effect};
use tarishi_server::{
    App,
    adapters::{AdapterError, Answer, Call, Names, Targets},
    app::DEFAULT_TENANT,
    dispatch::tokens,
};
use uuid::Uuid;

use super::{HELLO, World, done, effects, ended, enqueue, fault, operation, upload};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_side_by_side_make_no_twins_of_folders_even_if_the_search_lags() {
    let world = World::start().await;
    // The search sees nothing of what is made meanwhile.
    world.hosted.sandbox.add_fault(fault(At::Find).result("lag").times(16));
    world.hosted.sandbox.add_fault(fault(At::Folder).delay_ms(100));
    let phone = world.phone("phone", "amina").await;
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(enqueue(&phone, upload(&format!("x/y/{number}.txt"))).await.id);
    }
    for id in ids {
        assert!(ended(&phone, id).await.outcome.is_some());
    }
    let folders: Vec<String> =
        world.hosted.sandbox.ledger().into_iter().filter_map(|entry| entry.path).filter(|path| path.ends_with('/')).collect();
    assert_eq!(folders, ["x/", "x/y/"]);
    for number in 0..6 {
        assert_eq!(effects(&world, Effect::File, &format!("x/y/{number}.txt")).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_two_workers_execute_is_one_file() {
    let world = World::start().await;
    let app = world.hosted.server.app();
    let first = Worker::new(app).await.step(None).await;
    let Answer::Next { memo } = first else { panic!("{first:?}") };
    for slow in [At::Folder, At::Open, At::Chunk] {
        world.hosted.sandbox.add_fault(fault(slow).delay_ms(150).times(1));
    }
    let (one, two) = (Worker::new(app).await, Worker::new(app).await);
    let (one, two) = tokio::join!(one.run(memo.clone()), two.run(memo.clone()));
    let file = |answer: &Answer| match answer {
        Answer::Succeeded { outcome, .. } => outcome["file_id"].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((file(&one), file(&two)), (memo["file_id"].clone(), memo["file_id"].clone()));
    assert_eq!(effects(&world, Effect::File, "two/a.txt").len(), 1);
    // And long after: from where it began.
    assert_eq!(file(&Worker::new(app).await.run(memo.clone()).await), memo["file_id"]);
    assert_eq!(effects(&world, Effect::File, "two/a.txt").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_uploads_to_one_path_are_two_files_and_the_path_is_the_newer() {
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    let newer = json!({ "destination": "same.txt", "content_base64": "bmV3ZXI=" });
    done(&phone, upload("same.txt")).await;
    done(&phone, operation("upload", &newer)).await;
    assert_eq!(effects(&world, Effect::File, "same.txt").len(), 2);
    let fetched = done(&phone, operation("download", &json!({ "path": "same.txt" }))).await.outcome.unwrap();
    assert_eq!(fetched["content_base64"], "bmV3ZXI=");
    done(&phone, operation("delete", &json!({ "path": "same.txt" }))).await;
    let deleted: BTreeSet<_> =
        effects(&world, Effect::Deleted, "same.txt").into_iter().map(|entry| entry.provider_id).collect();
    assert_eq!(deleted.len(), 2);
}

/// The dispatcher's part, by hand: one operation, executed by as many as like.
struct Worker<'a> {
    app: &'a App,
    token: String,
    payload: Payload,
    names: Names_,
}

impl<'a> Worker<'a> {
    async fn new(app: &'a App) -> Self {
        let settings = app.effective(DEFAULT_TENANT, "google_drive").await.unwrap().unwrap().settings;
        let adapter = &app.adapters["google_drive"];
        let token = tokens::errand_token(app, DEFAULT_TENANT, &**adapter, &settings).await.unwrap().unwrap();
        let text = json!({ "destination": "two/a.txt", "content_base64": HELLO }).to_string();
        let payload = check_payload("google_drive", "upload", 1, &text).unwrap();
        Self { app, token, payload, names: Names_::default() }
    }

    async fn step(&self, memo: Option<&Value>) -> Answer {
        let settings = self.app.effective(DEFAULT_TENANT, "google_drive").await.unwrap().unwrap().settings;
        let nobody = Targets::new(Vec::new());
        let call = Call {
            tenant: DEFAULT_TENANT,
            operation_id: OperationId(Uuid::from_u128(7)),
            action: "upload",
            payload: &self.payload,
            attempt_id: Uuid::now_v7(),
            effect_key: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            memo,
            related: None,
            settings: &settings,
            access_token: Some(&self.token),
            callback_url: "http://127.0.0.1/k/1/2",
            first_opened_at: self.app.clock.now(),
            polls: 0,
            now: self.app.clock.now(),
            names: &self.names,
            booked: None,
            notification: None,
            targets: &nobody,
            repeats_unknown: false,
            outbound: &self.app.outbound,
        };
        self.app.adapters["google_drive"].execute(&call).await.unwrap()
    }

    async fn run(&self, mut memo: Value) -> Answer {
        for _ in 0..20 {
            match self.step(Some(&memo)).await {
                Answer::Next { memo: next } => memo = next,
                ended => return ended,
            }
        }
        panic!("no end");
    }
}

/// Names as the store keeps them, here for one worker alone: the file must not need them.
#[derive(Default)]
struct Names_(Mutex<BTreeMap<String, String>>);

#[async_trait]
impl Names for Names_ {
    async fn reserve(&self, name: &str, value: &str, instead_of: Option<&str>) -> Result<String, AdapterError> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = names.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        if Some(kept.as_str()) == instead_of {
            value.clone_into(kept);
        }
        Ok(kept.clone())
    }
}
