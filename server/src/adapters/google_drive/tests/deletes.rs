//! Deleting against a scripted Drive.

use serde_json::json;
use tarishi_protocol::{Code, FileRef, Payload};

use super::super::super::{
    Answer, Disposition,
    contract::{Provider, Script, Stage},
};
use super::{by_id, by_path, file_json, run, stage, step, whole};

fn deleting(file: FileRef, provider: &Provider) -> Stage {
    stage(Payload::Delete(file), provider)
}

fn done(answer: &Answer) -> bool {
    matches!(answer, Answer::Succeeded { outcome, .. } if *outcome == json!({}))
}

#[tokio::test]
async fn a_file_is_seen_written_down_and_put_into_the_trash() {
    let provider = Provider::saying(&[(200, &whole("F9")), (200, r#"{"id":"F9","trashed":true}"#)]).await;
    let mut stage = deleting(by_id("F9"), &provider);
    assert!(matches!(step(&mut stage, "delete").await, Ok(Answer::Next { .. })));
    assert_eq!(stage.memo.as_ref().unwrap()["ids"], json!(["F9"]));
    assert!(done(&run(&mut stage, "delete").await.unwrap()));
    let seen = &provider.seen()[1];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("PATCH", "/drive/v3/files/F9"));
    assert_eq!((seen.query.as_str(), seen.json()), ("supportsAllDrives=true&fields=id%2Ctrashed", json!({ "trashed": true })));
}

#[tokio::test]
async fn all_files_of_a_path_are_deleted_and_only_those_that_were_found() {
    let files = r#"{"files":[{"id":"B","name":"a.txt","createdTime":"2"},{"id":"A","name":"a.txt","createdTime":"1"},{"id":"C","name":"A.txt"}]}"#;
    let provider = Provider::start(vec![
        Script::text(200, files),
        Script::HangUp,
        Script::text(200, r#"{"id":"A","trashed":true}"#),
        Script::text(200, r#"{"id":"B","trashed":true}"#),
    ])
    .await;
    let mut stage = deleting(by_path("a.txt"), &provider);
    step(&mut stage, "delete").await.unwrap();
    assert_eq!(step(&mut stage, "delete").await.unwrap_err().disposition, Disposition::Ambiguous);
    assert!(done(&run(&mut stage, "delete").await.unwrap()));
    let paths: Vec<String> = provider.seen().into_iter().skip(1).map(|seen| seen.path).collect();
    assert_eq!(paths, ["/drive/v3/files/A", "/drive/v3/files/A", "/drive/v3/files/B"]);
}

#[tokio::test]
async fn what_was_seen_and_is_gone_is_deleted_and_what_was_never_seen_is_not_found() {
    let gone = Provider::saying(&[(200, &whole("F9")), (404, "{}")]).await;
    assert!(done(&run(&mut deleting(by_id("F9"), &gone), "delete").await.unwrap()));
    let mut trashed = file_json("F9");
    trashed["trashed"] = json!(true);
    let already = Provider::saying(&[(200, &trashed.to_string())]).await;
    assert!(done(&run(&mut deleting(by_id("F9"), &already), "delete").await.unwrap()));
    for (lines, file) in [((404, "{}"), by_id("F9")), ((200, r#"{"files":[]}"#), by_path("a/b"))] {
        let answer = run(&mut deleting(file, &Provider::saying(&[lines]).await), "delete").await.unwrap();
        assert!(matches!(answer, Answer::Failed { code, .. } if code == "not_found"));
    }
}

#[tokio::test]
async fn a_folder_is_not_deleted() {
    let mut folder = file_json("F9");
    folder["mimeType"] = json!("application/vnd.google-apps.folder");
    let provider = Provider::saying(&[(200, &folder.to_string())]).await;
    assert_eq!(run(&mut deleting(by_id("F9"), &provider), "delete").await.unwrap_err().problem, Some(Code::InvalidPath));
}

#[tokio::test]
async fn a_refusal_counts_while_the_file_is_outside_the_trash() {
    let refusal = r#"{"error":{"errors":[{"reason":"insufficientFilePermissions"}]}}"#;
    let outside = Provider::saying(&[(200, &whole("F9")), (403, refusal), (200, &whole("F9"))]).await;
    let error = run(&mut deleting(by_id("F9"), &outside), "delete").await.unwrap_err();
    assert_eq!((error.disposition, error.code.as_deref()), (Disposition::Rejected, Some("insufficientFilePermissions")));
    let mut trashed = file_json("F9");
    trashed["trashed"] = json!(true);
    let inside = Provider::saying(&[(200, &whole("F9")), (403, refusal), (200, &trashed.to_string())]).await;
    assert!(done(&run(&mut deleting(by_id("F9"), &inside), "delete").await.unwrap()));
}
