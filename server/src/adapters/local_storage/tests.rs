//! Files on a real disk.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tarishi_protocol::{Code, FileRef, ListFiles, Payload, Upload, limits};

use super::super::{
    Adapter as _, AdapterError, Answer, Disposition, Reference, Settings,
    contract::{Sample, Stage, Subject},
};
use super::LocalStorage;

pub(in crate::adapters) fn subject() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    Subject {
        adapter: Arc::new(LocalStorage::default()),
        settings: settings(folder.path()),
        calls: vec![
            Sample::new("upload", upload("a.txt", b"x")),
            Sample::new("download", Payload::Download(by_path("a.txt"))),
            Sample::new("delete", Payload::Delete(by_path("a.txt"))),
            Sample::new("list", list("", None, None)),
        ],
        speaks_http: false,
        effects: &[],
        known: Reference::new("YS50eHQ"),
        folder: Some(folder),
    }
}

fn settings(root: &Path) -> Settings {
    Settings::of(&[("root", root.to_str().unwrap())])
}

fn upload(destination: &str, bytes: &[u8]) -> Payload {
    let content_base64 = Some(STANDARD.encode(bytes));
    Payload::Upload(Upload { destination: destination.to_owned(), content_type: None, content_base64, blob: None })
}

fn by_path(path: &str) -> FileRef {
    FileRef { path: Some(path.to_owned()), file_id: None }
}

fn by_id(id: &Value) -> FileRef {
    FileRef { path: None, file_id: Some(id.as_str().unwrap().to_owned()) }
}

fn list(path: &str, limit: Option<u32>, cursor: Option<&str>) -> Payload {
    Payload::List(ListFiles { path: path.to_owned(), limit, cursor: cursor.map(str::to_owned) })
}

async fn run(root: &Path, payload: Payload) -> Result<Answer, AdapterError> {
    let stage = Stage::new(payload, settings(root));
    LocalStorage::default().execute(&stage.call("any")).await
}

async fn done(root: &Path, payload: Payload) -> Value {
    match run(root, payload).await.unwrap() {
        Answer::Succeeded { outcome, receipt: None, .. } => outcome,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stored_file_is_fetched_by_path_and_by_id_and_deleted() {
    let root = tempfile::tempdir().unwrap();
    let stored = done(root.path(), upload("reports/4b/term 1.txt", b"hello")).await;
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(
        (&stored["path"], &stored["size"], &stored["sha256"]),
        (&json!("reports/4b/term 1.txt"), &json!(5), &json!(sha256))
    );
    assert_eq!(fs::read(root.path().join("default/reports/4b/term 1.txt")).unwrap(), b"hello");
    for file in [by_path("reports/4b/term 1.txt"), by_id(&stored["file_id"])] {
        let fetched = done(root.path(), Payload::Download(file)).await;
        assert_eq!(fetched, json!({ "content_base64": "aGVsbG8=", "size": 5, "sha256": sha256 }));
    }
    assert_eq!(done(root.path(), Payload::Delete(by_id(&stored["file_id"]))).await, json!({}));
    let answer = run(root.path(), Payload::Download(by_path("reports/4b/term 1.txt"))).await.unwrap();
    assert!(matches!(answer, Answer::Failed { code, .. } if code == "not_found"));
    assert_eq!(done(root.path(), Payload::Delete(by_path("reports/4b/term 1.txt"))).await, json!({}), "deleted already");
    assert_eq!(done(root.path(), Payload::Delete(by_path("nowhere/at/all"))).await, json!({}));
}

#[tokio::test]
async fn storing_again_gives_the_same_and_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let first = done(root.path(), upload("a.txt", b"one")).await;
    assert_eq!(done(root.path(), upload("a.txt", b"one")).await, first);
    // An interrupted try of the same effect.
    let key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    fs::write(root.path().join(format!("default/.tarishi-{key}")), b"half").unwrap();
    let replaced = done(root.path(), upload("a.txt", b"two")).await;
    assert_eq!(replaced["file_id"], first["file_id"]);
    assert_eq!(fs::read(root.path().join("default/a.txt")).unwrap(), b"two");
    assert_eq!(fs::read_dir(root.path().join("default")).unwrap().count(), 1);
}

#[tokio::test]
async fn no_path_leads_outside() {
    let root = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), b"s").unwrap();
    done(root.path(), upload("folder/a.txt", b"x")).await;
    let tenant = root.path().join("default");
    symlink(outside.path(), tenant.join("link")).unwrap();
    symlink(outside.path().join("secret"), tenant.join("file")).unwrap();
    symlink(outside.path().join("new"), tenant.join("dangling")).unwrap();
    let bad = [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "./a",
        "a/.",
        "",
        "a\\b",
        "a\nb",
        ".tarishi-x",
        "link/secret",
        "link/new",
        "file",
        "dangling",
        "folder",
        "folder/a.txt/b",
    ];
    for path in bad {
        for payload in [upload(path, b"x"), Payload::Download(by_path(path)), Payload::Delete(by_path(path))] {
            let error = run(root.path(), payload.clone()).await.unwrap_err();
            assert_eq!(
                (error.disposition, error.problem),
                (Disposition::Rejected, Some(Code::InvalidPath)),
                "{path:?} {payload:?}"
            );
        }
    }
    for id in ["Li4vc2VjcmV0", "not base64!", ""] {
        assert!(run(root.path(), Payload::Download(by_id(&json!(id)))).await.is_err(), "{id}");
    }
    assert!(run(root.path(), list("link", None, None)).await.is_err());
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"s");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    let listed = done(root.path(), list("", None, None)).await;
    assert_eq!(listed["files"].as_array().unwrap().len(), 1, "links are not shown: {listed}");
}

#[tokio::test]
async fn a_folder_is_listed_page_by_page() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(done(root.path(), list("", None, None)).await, json!({ "files": [] }), "a tenant without files");
    for path in ["d/c.txt", "d/a.txt", "d/b/deep.txt", "e.txt"] {
        done(root.path(), upload(path, b"xy")).await;
    }
    let first = done(root.path(), list("d", Some(2), None)).await;
    let names = |page: &Value| page["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&first), ["d/a.txt", "d/b"]);
    assert_eq!((&first["files"][0]["size"], &first["files"][1]["folder"]), (&json!(2), &json!(true)));
    let second = done(root.path(), list("d", Some(2), first["cursor"].as_str())).await;
    assert_eq!((names(&second), &second["cursor"]), (vec![json!("d/c.txt")], &Value::Null));
    assert!(
        matches!(run(root.path(), list("nowhere", None, None)).await, Ok(Answer::Failed { code, .. }) if code == "not_found")
    );
}

#[tokio::test]
async fn a_file_is_inline_up_to_the_limit() {
    let root = tempfile::tempdir().unwrap();
    let full = vec![7; limits::INLINE_FILE_BYTES_MAX];
    done(root.path(), upload("full", &full)).await;
    done(root.path(), Payload::Download(by_path("full"))).await;
    let over = vec![7; limits::INLINE_FILE_BYTES_MAX + 1];
    assert_eq!(run(root.path(), upload("over", &over)).await.unwrap_err().problem, Some(Code::PayloadTooLarge));
    fs::write(root.path().join("default/over"), &over).unwrap();
    let error = run(root.path(), Payload::Download(by_path("over"))).await.unwrap_err();
    assert_eq!(error.disposition, Disposition::Unsupported);
    let blob = Upload { destination: "b".to_owned(), content_type: None, content_base64: None, blob: Some("x".to_owned()) };
    assert_eq!(run(root.path(), Payload::Upload(blob)).await.unwrap_err().disposition, Disposition::Unsupported);
}

#[tokio::test]
async fn tenants_have_folders_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let stage = Stage::new(upload("a.txt", b"x"), settings(root.path()));
    for (tenant, good) in [("school-1", true), ("..", false), ("a/b", false), ("", false), (".hidden", false)] {
        let answer = LocalStorage::default().execute(&super::Call { tenant, ..stage.call("upload") }).await;
        assert_eq!(answer.is_ok(), good, "{tenant}");
    }
    assert!(root.path().join("school-1/a.txt").exists());
    let read = run(root.path(), Payload::Download(by_path("a.txt"))).await.unwrap();
    assert!(matches!(read, Answer::Failed { .. }), "another tenant's file");
}

#[tokio::test]
async fn the_root_is_made_but_not_its_parents() {
    let folder = tempfile::tempdir().unwrap();
    done(&folder.path().join("root"), upload("a.txt", b"x")).await;
    let error = run(&folder.path().join("no/root"), upload("a.txt", b"x")).await.unwrap_err();
    assert_eq!(error.disposition, Disposition::Misconfigured);
    for (path, ok) in [("root", true), ("no/root", false)] {
        let settings = settings(&folder.path().join(path));
        let stage = Stage::new(upload("a", b""), settings);
        assert_eq!(LocalStorage::default().health(&stage.health()).await.ok, ok, "{path}");
    }
}
