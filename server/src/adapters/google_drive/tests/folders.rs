//! Folders on the way to a file, made once.

use serde_json::json;

use super::super::super::contract::{Provider, Script};
use super::{stage, step, upload};

fn in_use() -> Script {
    Script::text(409, &include_str!("../fixtures/error.json").replace("REASON", "fileIdInUse"))
}

#[tokio::test]
async fn two_that_make_one_folder_send_the_same_id() {
    let empty = || Script::text(200, r#"{"files":[]}"#);
    let provider =
        Provider::start(vec![empty(), empty(), in_use(), Script::text(200, &json!({
        "id": "A1", "name": "new", "mimeType": "application/vnd.google-apps.folder", "parents": ["x"], "trashed": false
    }).to_string())])
        .await;
    let mut one = stage(upload("new/a.txt"), &provider);
    one.memo = Some(json!({ "file_id": "F1", "spare": ["A2", "A1"] }));
    step(&mut one, "upload").await.unwrap();
    let mut two = stage(upload("new/b.txt"), &provider);
    two.names = one.names;
    two.memo = Some(json!({ "file_id": "F2", "spare": ["B2", "B1"] }));
    for _ in 0..3 {
        step(&mut two, "upload").await.unwrap();
    }
    assert_eq!(provider.seen()[2].json()["id"], "A1", "the id that the first reserved");
    assert_eq!(two.memo.unwrap()["walk"]["parent"], "A1");
}

#[tokio::test]
async fn a_reserved_folder_in_the_trash_gets_another_id() {
    let trashed = json!({ "id": "A1", "mimeType": "application/vnd.google-apps.folder", "trashed": true }).to_string();
    let provider = Provider::start(vec![
        Script::text(200, r#"{"files":[]}"#),
        in_use(),
        Script::text(200, &trashed),
        Script::text(200, r#"{"id":"A2"}"#),
    ])
    .await;
    let mut stage = stage(upload("new/a.txt"), &provider);
    stage.memo = Some(json!({ "file_id": "F1", "spare": ["A3", "A2", "A1"] }));
    for _ in 0..4 {
        step(&mut stage, "upload").await.unwrap();
    }
    assert_eq!(provider.seen()[3].json()["id"], "A2");
    assert_eq!(stage.memo.unwrap()["walk"]["parent"], "A2");
}
