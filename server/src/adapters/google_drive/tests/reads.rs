//! Fetching and listing against a scripted Drive.

use serde_json::{Value, json};
use tarishi_protocol::{Code, FileRef, Payload};

use super::super::super::{Adapter as _, Answer, Disposition, HealthCall, contract::Provider};
use super::super::GoogleDrive;
use super::{SHA256, by_id, by_path, file_json, list, run, stage, upload, whole};

fn outcome(answer: Answer) -> Value {
    match answer {
        Answer::Succeeded { outcome, reference: None, receipt: None } => outcome,
        other => panic!("{other:?}"),
    }
}

async fn download(provider: &Provider, file: FileRef) -> Answer {
    run(&mut stage(Payload::Download(file), provider), "download").await.unwrap()
}

#[tokio::test]
async fn a_file_is_fetched_by_id_and_by_path_and_compared() {
    let fetched = json!({ "content_base64": "aGVsbG8=", "size": 5, "sha256": SHA256 });
    let by_its_id = Provider::saying(&[(200, &whole("F1")), (200, "hello")]).await;
    assert_eq!(outcome(download(&by_its_id, by_id("F1")).await), fetched);
    let seen = by_its_id.seen();
    assert_eq!((seen[1].path.as_str(), seen[1].query.as_str()), ("/drive/v3/files/F1", "alt=media&supportsAllDrives=true"));

    let folder = r#"{"files":[{"id":"R1","name":"reports"}]}"#;
    let files = r#"{"files":[{"id":"OLD","name":"a.txt","createdTime":"1"},{"id":"F1","name":"a.txt","createdTime":"2"}]}"#;
    let by_its_path = Provider::saying(&[(200, folder), (200, files), (200, &whole("F1")), (200, "hello")]).await;
    assert_eq!(outcome(download(&by_its_path, by_path("reports/a.txt")).await), fetched);
    assert_eq!(by_its_path.seen()[2].path, "/drive/v3/files/F1", "the newest");
}

#[tokio::test]
async fn what_cannot_be_fetched_says_why() {
    let changed = |name: &str, value: Value| {
        let mut file = file_json("F1");
        file[name] = value;
        file.to_string()
    };
    for (file, code) in [
        (changed("trashed", json!(true)), "not_found"),
        (changed("mimeType", json!("application/vnd.google-apps.document")), "fileNotDownloadable"),
    ] {
        let provider = Provider::saying(&[(200, &file)]).await;
        assert!(matches!(download(&provider, by_id("F1")).await, Answer::Failed { code: told, .. } if told == code), "{code}");
    }
    for lines in [&[(404, "{}")][..], &[(200, r#"{"files":[]}"#)]] {
        let file = if lines[0].0 == 404 { by_id("F1") } else { by_path("a.txt") };
        assert!(
            matches!(download(&Provider::saying(lines).await, file).await, Answer::Failed { code, .. } if code == "not_found")
        );
    }
    let large = Provider::saying(&[(200, &changed("size", json!("16385")))]).await;
    let error = run(&mut stage(Payload::Download(by_id("F1")), &large), "download").await.unwrap_err();
    assert_eq!(error.disposition, Disposition::Unsupported);
    let folder = Provider::saying(&[(200, &changed("mimeType", json!("application/vnd.google-apps.folder")))]).await;
    let error = run(&mut stage(Payload::Download(by_id("F1")), &folder), "download").await.unwrap_err();
    assert_eq!(error.problem, Some(Code::InvalidPath));
}

#[tokio::test]
async fn a_shortcut_is_followed_once() {
    let shortcut =
        json!({ "id": "S", "mimeType": "application/vnd.google-apps.shortcut", "shortcutDetails": { "targetId": "F1" } });
    let provider_ = Provider::saying(&[(200, &shortcut.to_string()), (200, &whole("F1")), (200, "hello")]).await;
    assert_eq!(outcome(download(&provider_, by_id("S")).await)["size"], 5);
    let endless = Provider::saying(&[(200, &shortcut.to_string())]).await;
    assert!(matches!(download(&endless, by_id("S")).await, Answer::Failed { .. }));
}

#[tokio::test]
async fn bytes_that_are_not_those_promised_are_fetched_again_once() {
    let good = Provider::saying(&[(200, &whole("F1")), (200, "damaged"), (200, &whole("F1")), (200, "hello")]).await;
    assert_eq!(outcome(download(&good, by_id("F1")).await)["sha256"], SHA256);
    let bad = Provider::saying(&[(200, &whole("F1")), (200, "hellO"), (200, &whole("F1")), (200, "hellO")]).await;
    assert!(matches!(download(&bad, by_id("F1")).await, Answer::Failed { code, .. } if code == "checksum_mismatch"));
}

#[tokio::test]
async fn a_folder_is_listed_page_by_page() {
    let page = include_str!("../fixtures/page.json");
    let first = Provider::saying(&[(200, r#"{"files":[{"id":"R1","name":"reports"}]}"#), (200, page)]).await;
    let listed = outcome(run(&mut stage(list("reports", Some(2), Some("T1")), &first), "list").await.unwrap());
    assert_eq!(
        listed,
        json!({ "cursor": "T2", "files": [
            { "file_id": "D", "path": "reports/deep", "size": 0, "folder": true },
            { "file_id": "F1", "path": "reports/a.txt", "size": 5, "folder": false },
        ] })
    );
    let query = &first.seen()[1].query;
    for part in ["pageSize=2", "pageToken=T1", "orderBy=name", "q=%27R1%27+in+parents+and+trashed+%3D+false"] {
        assert!(query.contains(part), "{part}: {query}");
    }
    // A page may be empty although there are more.
    let empty = Provider::saying(&[(200, r#"{"files":[],"nextPageToken":"T3"}"#)]).await;
    let listed = outcome(run(&mut stage(list("", None, None), &empty), "list").await.unwrap());
    assert_eq!(listed, json!({ "cursor": "T3", "files": [] }));
    assert!(empty.seen()[0].query.contains("pageSize=1000"));
}

#[tokio::test]
async fn a_folder_that_is_not_there_and_a_cursor_that_is_none_are_told() {
    let nowhere = Provider::saying(&[(200, r#"{"files":[]}"#)]).await;
    let answer = run(&mut stage(list("nowhere", None, None), &nowhere), "list").await.unwrap();
    assert!(matches!(answer, Answer::Failed { code, .. } if code == "not_found"));
    assert!(nowhere.seen().iter().all(|seen| seen.method == "GET"), "a look makes no folder");
    let stale = Provider::saying(&[(400, r#"{"error":{"errors":[{"reason":"invalid"}]}}"#)]).await;
    let error = run(&mut stage(list("", None, Some("x")), &stale), "list").await.unwrap_err();
    assert_eq!(error.problem, Some(Code::InvalidValue));
}

#[tokio::test]
async fn health_knows_whether_there_is_space() {
    let rows = [
        (200, r#"{"storageQuota":{"limit":"100000","usage":"1000"}}"#, true, false),
        (200, r#"{"storageQuota":{"limit":"100000","usage":"99000"}}"#, true, true),
        (200, r#"{"storageQuota":{"usage":"99000"}}"#, true, false),
        (200, "{}", false, false),
        (401, "{}", false, false),
        (503, "", false, false),
    ];
    for (status, body, ok, degraded) in rows {
        let provider = Provider::saying(&[(status, body)]).await;
        let stage = stage(upload("a"), &provider);
        let call = HealthCall { access_token: Some("t"), ..stage.health() };
        let health = GoogleDrive::default().health(&call).await;
        assert_eq!((health.ok, health.degraded), (ok, degraded), "{status} {body}");
    }
}
