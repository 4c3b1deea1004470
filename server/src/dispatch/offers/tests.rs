//! A call is prepared beside the commit that opens it, made after it, and not made without it.

use std::{path::PathBuf, sync::Arc};

use serde_json::json;
use tarishi_protocol::{Operation, OperationId};
use tempfile::TempDir;

use super::{super::slots::InUse, Offers, offer};
use crate::{
    Config, Server,
    app::DEFAULT_TENANT,
    clock::date,
    intake::{self, Asker},
    store::{self, Actor, Grants, Submission},
};

/// How often a test lets everybody else go on before it looks whether something happened that must not.
const TURNS: u32 = 1_000;

struct Desk {
    server: Server,
    folder: TempDir,
    submission: Submission,
}

impl Desk {
    /// A server that dispatches, and a file that somebody wants stored.
    async fn open() -> (Self, Offers) {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(Config::for_tests(folder.path(), "http://127.0.0.1:9")).await.unwrap();
        let app = server.app();
        let now = app.clock.now_ms();
        let grants = Grants { scopes: vec!["*:*".to_owned()], ..Grants::default() };
        let asker = Asker { tenant: DEFAULT_TENANT, grants: &grants, sent_at: date(now), now };
        let payload = json!({ "destination": "a.txt", "content_type": "text/plain", "content_base64": "aGVsbG8=" }).to_string();
        let raw = serde_json::value::RawValue::from_string(payload).unwrap();
        let operation = Operation::new(OperationId::generate(), "k".to_owned(), ("local_storage", "upload"), raw, date(now));
        let preview = intake::preview(app, &asker, operation).await.unwrap();
        let (tenant, account) = (DEFAULT_TENANT.to_owned(), "school".to_owned());
        let submission = Submission { tenant, actor: Actor::Operator, account, deliver_to: None, preview, now };
        let offers = loop {
            let offers = offer(app, DEFAULT_TENANT, std::slice::from_ref(&submission.preview), now).await.unwrap();
            if !offers.made.is_empty() {
                break offers;
            }
            // The dispatcher is about to begin.
            tokio::task::yield_now().await;
        };
        (Self { server, folder, submission }, offers)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("files/default/a.txt")
    }

    /// Has it taken, in a transaction that is over when this says so, and as it says.
    async fn take(&self, offers: Offers, over: impl Future<Output = store::Result<()>> + Send + 'static) -> store::Result<()> {
        let (store, submission) = (Arc::clone(&self.server.app().store), self.submission.clone());
        let transaction = |offered| async move {
            store.submit(submission, offered).await?;
            over.await
        };
        offers.take(transaction).await
    }

    async fn others_go_on() {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_call_is_made_when_its_commit_is_over_and_not_before() {
    let (desk, offers) = Desk::open().await;
    let file = desk.file();
    let is_early = {
        let file = file.clone();
        async move {
            Desk::others_go_on().await;
            assert!(!file.exists(), "called before it was on disk");
            Ok(())
        }
    };

    desk.take(offers, is_early).await.unwrap();
    desk.server.stop().await;

    assert_eq!(std::fs::read(file).unwrap(), b"hello");
}

#[tokio::test]
async fn a_call_whose_commit_fails_is_not_made() {
    let (desk, offers) = Desk::open().await;
    let in_use = Arc::clone(&desk.server.app().dispatcher.in_use);
    let file = desk.file();
    let fails = async {
        Desk::others_go_on().await;
        Err(store::Error::Closed)
    };

    assert!(desk.take(offers, fails).await.is_err());
    desk.server.stop().await;

    assert!(!file.exists());
    assert_eq!(format!("{in_use:?}"), format!("{:?}", InUse::default()), "its slot is free again");
}
