//! Whole uploads against a scripted Drive.

use serde_json::{Value, json};
use tarishi_protocol::{Code, Payload, Upload};

use super::super::super::{
    Answer, Disposition,
    contract::{Provider, Script, Stage},
};
use super::{BYTES, SHA256, file_json, run, stage, step, upload, whole, with_session};

fn answer(status: u16, headers: &'static str, body: &str) -> Script {
    Script::Answer { status, headers, body: body.to_owned() }
}

fn opened() -> Script {
    answer(200, "location: https://www.googleapis.com/upload/drive/v3/files?uploadType=resumable&upload_id=U1\r\n", "")
}

fn in_use() -> Script {
    Script::text(409, r#"{"error":{"errors":[{"reason":"fileIdInUse"}]}}"#)
}

fn missing() -> Script {
    Script::text(404, r#"{"error":{"errors":[{"reason":"notFound"}]}}"#)
}

fn succeeded(answer: &Answer) -> &Value {
    match answer {
        Answer::Succeeded { outcome, reference: Some(reference), receipt: None } => {
            assert_eq!(outcome["file_id"], reference.id.as_str());
            outcome
        }
        other => panic!("{other:?}"),
    }
}

async fn go(stage: &mut Stage) -> Answer {
    run(stage, "upload").await.unwrap()
}

#[tokio::test]
async fn an_upload_makes_ids_then_folders_then_a_session_and_each_step_is_kept() {
    let folder = |id: &str| Script::text(200, &json!({ "id": id }).to_string());
    let page = |files: Value| Script::text(200, &json!({ "files": files }).to_string());
    let provider = Provider::start(vec![
        Script::text(200, include_str!("../fixtures/ids.json")),
        page(json!([{ "id": "R1", "name": "reports", "createdTime": "2026-01-01T00:00:00Z" }])),
        page(json!([])),
        folder("S3"),
        opened(),
    ])
    .await;
    let mut stage = stage(upload("reports/2024/a.txt"), &provider);
    for seen in 1..=5 {
        assert!(matches!(step(&mut stage, "upload").await, Ok(Answer::Next { .. })), "{seen}");
        assert_eq!(provider.seen().len(), seen, "one step is one call");
    }
    let seen = provider.seen();
    assert_eq!(
        (seen[0].path.as_str(), seen[0].query.as_str()),
        ("/drive/v3/files/generateIds", "count=4&space=drive&type=files")
    );
    assert!(seen[0].headers.contains(&"authorization: Bearer an-access-token".to_owned()));
    assert_eq!((seen[3].method.as_str(), seen[3].path.as_str()), ("POST", "/drive/v3/files"));
    assert_eq!(
        seen[3].json(),
        json!({ "id": "S3", "name": "2024", "mimeType": "application/vnd.google-apps.folder", "parents": ["R1"] })
    );
    let open = &seen[4];
    assert_eq!((open.method.as_str(), open.path.as_str()), ("POST", "/upload/drive/v3/files"));
    assert!(open.query.starts_with("uploadType=resumable&supportsAllDrives=true&fields="), "{}", open.query);
    assert_eq!(
        open.json(),
        json!({ "id": "F1", "name": "a.txt", "parents": ["S3"], "mimeType": "text/plain",
                "appProperties": { "op": "00000000-0000-0000-0000-000000000007" } })
    );
    for header in
        ["content-type: application/json; charset=UTF-8", "x-upload-content-type: text/plain", "x-upload-content-length: 5"]
    {
        assert!(open.headers.contains(&header.to_owned()), "{header}: {:?}", open.headers);
    }
    let memo = stage.memo.unwrap();
    assert_eq!((&memo["file_id"], &memo["touched"]), (&json!("F1"), &json!(true)));
    assert!(!memo.to_string().contains("upload_id"), "a session's address is sealed");
}

#[tokio::test]
async fn a_session_is_asked_before_each_byte_and_what_it_has_is_not_sent_again() {
    let provider = Provider::start(vec![answer(308, "range: bytes=0-1\r\n", ""), Script::text(200, &whole("F1"))]).await;
    let outcome = go(&mut with_session(&provider)).await;
    assert_eq!(succeeded(&outcome), &json!({ "file_id": "F1", "path": "a.txt", "size": 5, "sha256": SHA256 }));
    let seen = provider.seen();
    let header =
        |index: usize, text: &str| assert!(seen[index].headers.contains(&text.to_owned()), "{:?}", seen[index].headers);
    assert_eq!((seen[0].method.as_str(), seen[0].body.as_str()), ("PUT", ""));
    header(0, "content-range: bytes */5");
    header(0, "content-length: 0");
    assert_eq!(seen[1].body, "llo");
    header(1, "content-range: bytes 2-4/5");
    header(1, "authorization: Bearer an-access-token");
}

#[tokio::test]
async fn a_part_that_was_taken_is_kept_and_the_rest_sent_later() {
    let script = [(308, ""), (308, "range: bytes=0-2\r\n"), (308, "range: bytes=0-2\r\n")];
    let mut lines: Vec<Script> = script.map(|(status, headers)| answer(status, headers, "")).into();
    lines.push(Script::text(201, &whole("F1")));
    let provider = Provider::start(lines).await;
    succeeded(&go(&mut with_session(&provider)).await);
    let bodies: Vec<String> = provider.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, ["", "hello", "", "lo"]);
}

#[tokio::test]
async fn a_session_that_takes_nothing_is_left_for_later() {
    let provider = Provider::start(vec![answer(308, "", "")]).await;
    let error = run(&mut with_session(&provider), "upload").await.unwrap_err();
    assert_eq!((error.disposition, provider.seen().len()), (Disposition::Ambiguous, 2));
}

#[tokio::test]
async fn a_lost_answer_is_found_by_asking_the_session() {
    let provider = Provider::start(vec![answer(308, "", ""), Script::HangUp, Script::text(200, &whole("F1"))]).await;
    let mut stage = with_session(&provider);
    assert_eq!(step(&mut stage, "upload").await.unwrap_err().disposition, Disposition::Ambiguous);
    succeeded(&go(&mut stage).await);
    assert_eq!(provider.seen().iter().filter(|seen| seen.body == "hello").count(), 1);
}

#[tokio::test]
async fn a_lost_session_is_no_lost_file() {
    for gone in [404, 410] {
        let provider = Provider::start(vec![Script::text(gone, ""), Script::text(200, &whole("F1"))]).await;
        succeeded(&go(&mut with_session(&provider)).await);
        assert_eq!(provider.seen()[1].path, "/drive/v3/files/F1", "the file itself is looked for");
    }
    let provider = Provider::start(vec![Script::text(404, ""), missing(), opened()]).await;
    let mut stage = with_session(&provider);
    for _ in 0..3 {
        assert!(matches!(step(&mut stage, "upload").await, Ok(Answer::Next { .. })));
    }
    assert_eq!(provider.seen()[2].json()["id"], "F1", "a new session under the same id");
}

#[tokio::test]
async fn a_session_that_cannot_be_read_is_a_lost_one() {
    let unreadable = |provider: &Provider| {
        let mut stage = with_session(provider);
        stage.memo.as_mut().unwrap()["session"] = json!("c2VhbGVkIHdpdGggYW5vdGhlciBlZmZlY3QncyBrZXk");
        stage
    };
    // Its bytes had come: nothing is sent again.
    let provider = Provider::start(vec![Script::text(200, &whole("F1"))]).await;
    succeeded(&go(&mut unreadable(&provider)).await);
    assert_eq!(provider.seen()[0].path, "/drive/v3/files/F1");

    // They had not: a new session under the same id, which Drive takes once.
    let provider = Provider::start(vec![missing(), opened()]).await;
    let mut stage = unreadable(&provider);
    for _ in 0..2 {
        assert!(matches!(step(&mut stage, "upload").await, Ok(Answer::Next { .. })));
    }
    assert_eq!(provider.seen()[1].json()["id"], "F1");
}

#[tokio::test]
async fn an_id_in_use_is_our_own_file_if_the_checksum_says_so() {
    let begun = |provider: &Provider| {
        let mut stage = stage(upload("a.txt"), provider);
        stage.memo = Some(json!({ "file_id": "F1", "spare": ["S1"] }));
        stage
    };
    let provider = Provider::start(vec![in_use(), Script::text(200, &whole("F1"))]).await;
    succeeded(&go(&mut begun(&provider)).await);

    let other = json!({ "id": "F1", "size": "5", "sha256Checksum": "00", "appProperties": { "op": "another" } });
    let provider = Provider::start(vec![in_use(), Script::text(200, &other.to_string())]).await;
    assert!(matches!(go(&mut begun(&provider)).await, Answer::Failed { code, .. } if code == "id_conflict"));

    // Ours by its mark, but changed since: a human looks.
    let mut ours = other;
    ours["appProperties"]["op"] = json!("00000000-0000-0000-0000-000000000007");
    let provider = Provider::start(vec![in_use(), Script::text(200, &ours.to_string())]).await;
    let error = run(&mut begun(&provider), "upload").await.unwrap_err();
    assert_eq!((error.disposition, error.problem), (Disposition::Ambiguous, Some(Code::OutcomeUnknown)));
}

#[tokio::test]
async fn a_damaged_file_is_no_success() {
    for (name, value) in [("sha256Checksum", "00"), ("size", "4")] {
        let mut damaged = file_json("F1");
        damaged[name] = json!(value);
        let provider = Provider::start(vec![answer(308, "", ""), Script::text(200, &damaged.to_string())]).await;
        let error = run(&mut with_session(&provider), "upload").await.unwrap_err();
        assert_eq!(error.code.as_deref(), Some("checksum_mismatch"), "{name}");
    }
    let provider = Provider::start(vec![answer(308, "", ""), Script::text(200, &whole("F2"))]).await;
    assert_eq!(run(&mut with_session(&provider), "upload").await.unwrap_err().disposition, Disposition::Ambiguous);
}

#[tokio::test]
async fn a_refusal_is_believed_once_the_file_is_seen_not_to_be_there() {
    let full = r#"{"error":{"errors":[{"reason":"storageQuotaExceeded"}]}}"#;
    let provider = Provider::start(vec![Script::text(403, full), Script::text(200, &whole("F1"))]).await;
    succeeded(&go(&mut with_session(&provider)).await);

    let provider = Provider::start(vec![Script::text(403, full), missing()]).await;
    let error = run(&mut with_session(&provider), "upload").await.unwrap_err();
    assert_eq!((error.disposition, error.code.as_deref()), (Disposition::Rejected, Some("storageQuotaExceeded")));

    // Before anything was begun there is nothing to doubt.
    let provider = Provider::start(vec![Script::text(403, full)]).await;
    let mut stage = stage(upload("a.txt"), &provider);
    stage.memo = Some(json!({ "file_id": "F1", "spare": ["S1"] }));
    assert_eq!(step(&mut stage, "upload").await.unwrap_err().disposition, Disposition::Rejected);
}

#[tokio::test]
async fn a_file_that_is_neither_there_nor_taken_is_a_human_s() {
    let mut script = Vec::new();
    for _ in 0..6 {
        script.extend([in_use(), missing()]);
    }
    let provider = Provider::start(script).await;
    let mut stage = stage(upload("a.txt"), &provider);
    stage.memo = Some(json!({ "file_id": "F1", "spare": ["S1"] }));
    assert_eq!(run(&mut stage, "upload").await.unwrap_err().disposition, Disposition::Ambiguous);
    assert_eq!(provider.seen().len(), 12);
}

#[tokio::test]
async fn a_stranger_s_session_is_not_spoken_to() {
    let elsewhere = answer(200, "location: https://evil.example.org/upload\r\n", "");
    let provider = Provider::start(vec![elsewhere]).await;
    let mut begun = stage(upload("a.txt"), &provider);
    begun.memo = Some(json!({ "file_id": "F1", "spare": ["S1"] }));
    assert_eq!(step(&mut begun, "upload").await.unwrap_err().disposition, Disposition::Transient, "nothing was begun");

    let moved = answer(308, "location: http://127.0.0.1:1/elsewhere\r\n", "");
    let provider = Provider::start(vec![moved]).await;
    assert_eq!(step(&mut with_session(&provider), "upload").await.unwrap_err().disposition, Disposition::Ambiguous);
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn before_a_session_nothing_that_is_lost_can_have_been_an_effect() {
    let provider = Provider::start(vec![Script::HangUp]).await;
    let error = step(&mut stage(upload("a/b.txt"), &provider), "upload").await.unwrap_err();
    assert_eq!(error.disposition, Disposition::Transient);
    for memo in [
        json!({ "file_id": "F1", "spare": ["S1"] }),
        json!({ "file_id": "F1", "spare": ["S1"], "walk": { "make": "A1" } }),
        json!({ "file_id": "F1", "spare": ["S1"], "walk": { "parent": "A1", "depth": 1 } }),
    ] {
        for script in [Script::HangUp, Script::text(503, "")] {
            let provider = Provider::start(vec![script]).await;
            let mut stage = stage(upload("a/b.txt"), &provider);
            stage.memo = Some(memo.clone());
            assert_eq!(step(&mut stage, "upload").await.unwrap_err().disposition, Disposition::Transient);
        }
    }
}

#[tokio::test]
async fn an_empty_file_is_one_put_without_a_range() {
    let mut whole = file_json("F1");
    whole["size"] = json!("0");
    whole["sha256Checksum"] = json!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let provider = Provider::start(vec![Script::text(200, &whole.to_string())]).await;
    let mut stage = with_session(&provider);
    let Payload::Upload(upload) = &mut stage.payload else { unreachable!() };
    upload.content_base64 = Some(String::new());
    succeeded(&go(&mut stage).await);
    assert!(!provider.seen()[0].headers.iter().any(|header| header.starts_with("content-range")));
}

#[tokio::test]
async fn what_cannot_be_uploaded_is_refused_before_anything_is_asked() {
    let provider = Provider::start(vec![Script::text(500, "")]).await;
    let refused = async |upload: Upload| run(&mut stage(Payload::Upload(upload), &provider), "upload").await.unwrap_err();
    let file = Upload { destination: "a".to_owned(), content_type: None, content_base64: Some(String::new()), blob: None };
    let blob = Upload { content_base64: None, blob: Some("b".to_owned()), ..file.clone() };
    assert_eq!(refused(blob).await.disposition, Disposition::Unsupported);
    let bad = Upload { destination: "../a".to_owned(), ..file.clone() };
    assert_eq!(refused(bad).await.problem, Some(Code::InvalidPath));
    let bad = Upload { content_base64: Some("!".to_owned()), ..file };
    assert_eq!(refused(bad).await.problem, Some(Code::InvalidValue));
    assert!(provider.seen().is_empty());
    assert_eq!(BYTES.len(), 5);
}
