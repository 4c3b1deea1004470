//! Drive's adapter against answers that its documents show.

mod calls;
mod deletes;
mod folders;
mod reads;
mod tables;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tarishi_protocol::{FileRef, ListFiles, Payload, Upload};

use super::super::{
    Adapter as _, AdapterError, Answer, Reference, Settings,
    contract::{Provider, Sample, Stage, Subject, http},
};
use super::{GoogleDrive, session};

const BYTES: &[u8] = b"hello";
const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

pub(in crate::adapters) fn subject() -> Subject {
    Subject {
        adapter: Arc::new(GoogleDrive::default()),
        settings: settings(),
        calls: vec![
            // The session is on a host that nobody is: its address does not open.
            Sample::new("upload", upload("a.txt"))
                .after(json!({ "file_id": "F1", "spare": ["S1"], "session": "gone", "touched": true })),
            Sample::new("download", Payload::Download(by_id("F9"))),
            Sample::new("delete", Payload::Delete(by_id("F9"))).after(json!({ "ids": ["F9"] })),
            Sample::new("list", list("", None, None)),
        ],
        speaks_http: true,
        effects: &["/upload/drive/v3/files", "/drive/v3/files/F9"],
        known: Reference::new("F1"),
        folder: None,
    }
}

fn settings() -> Settings {
    Settings::of(&[("client_id", "client"), ("client_secret", "very-secret")])
}

fn upload(destination: &str) -> Payload {
    Payload::Upload(Upload {
        destination: destination.to_owned(),
        content_type: Some("text/plain".to_owned()),
        content_base64: Some(STANDARD.encode(BYTES)),
        blob: None,
    })
}

fn by_id(id: &str) -> FileRef {
    FileRef { file_id: Some(id.to_owned()), path: None }
}

fn by_path(path: &str) -> FileRef {
    FileRef { file_id: None, path: Some(path.to_owned()) }
}

fn list(path: &str, limit: Option<u32>, cursor: Option<&str>) -> Payload {
    Payload::List(ListFiles { path: path.to_owned(), limit, cursor: cursor.map(str::to_owned) })
}

fn stage(payload: Payload, provider: &Provider) -> Stage {
    Stage::at(provider.url(), payload, settings())
}

/// One step; its memo is the next one's.
async fn step(stage: &mut Stage, action: &str) -> Result<Answer, AdapterError> {
    let answer = GoogleDrive::default().execute(&stage.call(action)).await;
    if let Ok(Answer::Next { memo }) = &answer {
        stage.memo = Some(memo.clone());
    }
    answer
}

/// Steps until the end.
async fn run(stage: &mut Stage, action: &str) -> Result<Answer, AdapterError> {
    for _ in 0..20 {
        match step(stage, action).await {
            Ok(Answer::Next { .. }) => {}
            ended => return ended,
        }
    }
    panic!("no end");
}

fn file_json(id: &str) -> Value {
    let mut file: Value = serde_json::from_str(include_str!("fixtures/file.json")).unwrap();
    file["id"] = json!(id);
    file
}

fn whole(id: &str) -> String {
    file_json(id).to_string()
}

/// An upload that has come as far as its session.
fn with_session(provider: &Provider) -> Stage {
    let mut stage = stage(upload("a.txt"), provider);
    let address = format!("{}/upload/drive/v3/files?uploadType=resumable&upload_id=U1", provider.url());
    let sealed = session::seal(&stage.call("upload"), &address).unwrap();
    stage.memo = Some(json!({ "file_id": "F1", "spare": ["S1"], "session": sealed, "touched": true }));
    stage
}
