//! The real binary, offline: what scripts rest on.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work is a failed test")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

const SMS: &str = r#"{"to":"+254711000111","message":"School is closed"}"#;
const CHARGE: &str = r#"{"amount":{"amount":"1000.00","currency":"KES"},"phone":"+254712345678","reference":"FEE-1"}"#;

/// One phone: a database in a folder of its own.
struct Phone {
    folder: TempDir,
}

/// What a run of the binary left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Phone {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tarishi"));
        for name in ["TARISHI_DB", "TARISHI_SERVER", "TARISHI_TOKEN", "TARISHI_FAILPOINT", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.arg("--db").arg(self.folder.path().join("phone.db")).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Enqueues one text message with this key and gives its id.
    fn enqueue(&self, key: &str) -> String {
        let ran = self.run(&["--json", "enqueue", "sms", "send", SMS, "--key", key]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.objects()[0]["id"].as_str().unwrap().to_owned()
    }

    fn state(&self, id: &str) -> String {
        self.run(&["--json", "show", id]).objects()[0]["state"].as_str().unwrap().to_owned()
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn an_enqueued_operation_is_listed_and_shown() {
    let phone = Phone::new();

    let enqueued =
        phone.run(&["--json", "enqueue", "mpesa", "charge", CHARGE, "--key", "fee-1", "--ordering-key", "student:1"]);

    assert_eq!((enqueued.code, enqueued.err.as_str()), (0, ""));
    let object = &enqueued.objects()[0];
    for field in ["id", "key", "adapter", "action", "state", "ordering_key", "created_at", "outcome", "problem"] {
        assert!(object.get(field).is_some(), "{field}");
    }
    assert_eq!(
        (&object["key"], &object["state"], &object["ordering_key"]),
        (&json!("fee-1"), &json!("pending"), &json!("student:1"))
    );
    assert_eq!(phone.run(&["list", "--json"]).objects(), enqueued.objects());
    let shown = phone.run(&["--json", "show", object["id"].as_str().unwrap()]);
    assert_eq!((shown.code, &shown.objects()[0]["payload"]["reference"]), (0, &json!("FEE-1")));
}

#[test]
fn words_for_people_are_short_and_begin_with_the_id() {
    let phone = Phone::new();
    let enqueued = phone.run(&["enqueue", "sms", "send", SMS]);
    let id = enqueued.out.split_whitespace().next().unwrap();

    assert_eq!(enqueued.out.lines().count(), 1);
    assert_eq!(phone.run(&["list"]).out, enqueued.out);
    assert!(phone.run(&["show", id]).out.contains("sms.send"));
    assert!(phone.run(&["stats"]).out.contains("pending"));
    assert_eq!(phone.run(&["why", id]).out.lines().count(), 1);
}

#[test]
fn a_known_key_gives_the_existing_operation_and_another_payload_is_refused() {
    let phone = Phone::new();
    let id = phone.enqueue("k");

    assert_eq!(phone.enqueue("k"), id);
    let other = phone.run(&["enqueue", "sms", "send", r#"{"to":"+254711000111","message":"other"}"#, "--key", "k"]);

    assert_eq!((other.code, other.out.as_str()), (1, ""));
    assert!(other.err.contains("key"), "{}", other.err);
    assert_eq!(phone.run(&["list", "--json"]).objects().len(), 1);
}

#[test]
fn a_refused_operation_names_its_field_and_exits_with_1() {
    let phone = Phone::new();
    for (args, field) in [
        (["enqueue", "sms", "send", r#"{"to":"12","message":"x"}"#], "payload.to"),
        (["enqueue", "sms", "send", r#"{"to":"+254711000111","message":"x","colour":1}"#], "payload.colour"),
        (["enqueue", "sms", "shout", "{}"], "action"),
        (["enqueue", "sms", "send", "not json"], "payload"),
        (["enqueue", "mpesa", "charge", CHARGE], "key: "),
    ] {
        let ran = phone.run(&args);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}");
        assert!(ran.err.contains(field), "{args:?}: {}", ran.err);
    }
    assert_eq!(phone.run(&["list"]).out, "");
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let phone = Phone::new();
    for args in [
        &["fly"][..],
        &[],
        &["enqueue", "sms", "send"],
        &["enqueue", "sms", "send", SMS, "--ttl", "soon"],
        &["enqueue", "sms", "send", SMS, "--on-failure", "explode"],
        &["enqueue", "sms", "send", SMS, "--after", "x:succeeded"],
        &["list", "--state", "asleep"],
        &["show", "not-an-id"],
        &["init", "--server", "ftp://x", "--token", "t"],
    ] {
        assert_eq!(phone.run(args).code, 2, "{args:?}");
    }
    let mut without_db = Command::new(env!("CARGO_BIN_EXE_tarishi"));
    assert_eq!(Ran::of(without_db.env_remove("TARISHI_DB").arg("list").output().unwrap()).code, 2);
    assert_eq!(phone.run(&["--help"]).code, 0);
}

#[test]
fn an_unknown_id_exits_with_1() {
    let phone = Phone::new();
    let id = "0198c0de-0000-7000-8000-000000000001";
    for verb in ["show", "why", "cancel", "retry"] {
        assert_eq!(phone.run(&[verb, id]).code, 1, "{verb}");
    }
    assert_eq!(phone.run(&["replace", id, SMS]).code, 1);
}

#[test]
fn list_takes_states_and_a_limit() {
    let phone = Phone::new();
    let ids: Vec<String> = ["a", "b", "c"].into_iter().map(|key| phone.enqueue(key)).collect();
    assert_eq!(phone.run(&["cancel", &ids[1]]).code, 0);

    let listed = |args: &[&str]| -> Vec<String> {
        let objects = phone.run(args).objects();
        objects.iter().map(|object| object["key"].as_str().unwrap().to_owned()).collect()
    };

    assert_eq!(listed(&["list", "--json"]), ["a", "b", "c"]);
    assert_eq!(listed(&["list", "--json", "--limit", "2"]), ["a", "b"]);
    assert_eq!(listed(&["list", "--json", "--state", "pending"]), ["a", "c"]);
    assert_eq!(listed(&["list", "--json", "--state", "pending", "--state", "cancelled"]), ["a", "b", "c"]);
    assert_eq!(listed(&["list", "--json", "--state", "succeeded"]), [""; 0]);
}

#[test]
fn a_pending_operation_is_cancelled_at_once_and_a_second_cancel_changes_nothing() {
    let phone = Phone::new();
    let id = phone.enqueue("k");

    let ran = phone.run(&["--json", "cancel", &id]);

    assert_eq!((ran.code, ran.objects()), (0, vec![json!({ "id": id, "result": "cancelled" })]));
    assert_eq!(phone.state(&id), "cancelled");
    phone.run(&["cancel", &id]);
    assert_eq!(phone.state(&id), "cancelled");
}

#[test]
fn a_replacement_cancels_the_first_and_queues_the_second() {
    let phone = Phone::new();
    let id = phone.enqueue("k");

    let ran = phone.run(&["--json", "replace", &id, r#"{"to":"+254711000111","message":"open again"}"#]);

    assert_eq!(ran.code, 0, "{}", ran.err);
    let replacement = &ran.objects()[0];
    assert_ne!(replacement["id"], json!(id));
    assert_eq!((&replacement["state"], &replacement["replaces"]), (&json!("pending"), &json!(id)));
    assert_eq!(phone.state(&id), "cancelled");
}

#[test]
fn a_retry_is_for_what_ended_and_asking_twice_gives_the_same() {
    let phone = Phone::new();
    let id = phone.enqueue("k");
    assert_eq!(phone.run(&["retry", &id]).code, 1);
    assert_eq!(phone.run(&["cancel", &id]).code, 0);

    let first = phone.run(&["--json", "retry", &id]);
    let second = phone.run(&["--json", "retry", &id]);

    assert_eq!((first.code, second.code), (0, 0), "{}", first.err);
    assert_eq!(first.objects(), second.objects());
    assert_eq!((&first.objects()[0]["state"], &first.objects()[0]["retry_of"]), (&json!("pending"), &json!(id)));
}

#[test]
fn why_has_a_reason() {
    let phone = Phone::new();
    let first = phone.run(&["--json", "enqueue", "sms", "send", SMS, "--key", "a", "--ordering-key", "o"]).objects()[0].clone();
    let second =
        phone.run(&["--json", "enqueue", "sms", "send", SMS, "--key", "b", "--ordering-key", "o"]).objects()[0].clone();

    let why = phone.run(&["--json", "why", second["id"].as_str().unwrap()]);

    assert_eq!((why.code, &why.objects()[0]["reason"], &why.objects()[0]["behind"]), (0, &json!("behind"), &first["id"]));
    let id = first["id"].as_str().unwrap();
    assert_eq!(phone.run(&["cancel", id]).code, 0);
    assert_eq!(phone.run(&["--json", "why", id]).objects()[0]["reason"], json!("not_waiting"));
}

#[test]
fn a_notification_is_new_once_and_an_id_that_is_none_exits_with_1() {
    let phone = Phone::new();
    let received = || phone.run(&["--json", "notification", "received", "n-1"]).objects();
    assert_eq!(
        (received(), received()),
        (vec![json!({ "id": "n-1", "new": true })], vec![json!({ "id": "n-1", "new": false })])
    );
    let opened = phone.run(&["notification", "opened", "n-1"]);
    assert_eq!((opened.code, opened.out.as_str()), (0, "n-1  opened\n"));
    let refused = phone.run(&["notification", "received", ""]);
    assert!(refused.code == 1 && refused.err.contains("id: must have 1 to 64 bytes"), "{}", refused.err);
}

#[test]
fn stats_count_by_state() {
    let phone = Phone::new();
    phone.enqueue("a");
    phone.enqueue("b");
    let cancelled = phone.enqueue("c");
    phone.run(&["cancel", &cancelled]);

    let stats = phone.run(&["--json", "stats"]).objects();

    assert_eq!((&stats[0]["pending"], &stats[0]["cancelled"]), (&json!(2), &json!(1)));
}

#[test]
fn an_import_reports_bad_lines_and_takes_the_rest() {
    let phone = Phone::new();
    phone.enqueue("taken");
    let good = |key: &str| format!(r#"{{"adapter":"sms","action":"send","payload":{SMS},"key":"{key}"}}"#);
    let lines = [
        good("one"),
        "{".to_owned(),
        String::new(),
        r#"{"adapter":"sms","action":"send"}"#.to_owned(),
        r#"{"adapter":"sms","action":"send","payload":{"to":"12","message":"x"}}"#.to_owned(),
        r#"{"adapter":"sms","action":"send","payload":{"to":"+254711000111","message":"x"},"key":"taken"}"#.to_owned(),
        r#"{"adapter":"sms","action":"send","payload":{},"ttl":"soon"}"#.to_owned(),
        good("two"),
    ];
    let file = phone.file("operations.jsonl", &lines.join("\n"));

    let ran = phone.run(&["--json", "import", file.to_str().unwrap()]);

    assert_eq!(ran.code, 1);
    assert_eq!(ran.objects(), [json!({ "imported": 2, "refused": 5, "lines": 8 })]);
    let reported: Vec<&str> = ran.err.lines().collect();
    let heads = ["line 2: line: ", "line 4: payload: ", "line 5: payload.to", "line 6: key: ", "line 7: ttl: "];
    assert_eq!(reported.len(), heads.len(), "{}", ran.err);
    for (line, head) in reported.iter().zip(heads) {
        assert!(line.starts_with(head), "{line} / {head}");
    }
    assert_eq!(phone.run(&["list", "--json"]).objects().len(), 3);
}

#[test]
fn a_clean_import_exits_with_0_and_a_second_one_stores_nothing_new() {
    let phone = Phone::new();
    let lines: Vec<String> = (0..1_201)
        .map(|i| format!(r#"{{"adapter":"sms","action":"send","payload":{SMS},"key":"k{i}","ttl":"7d","priority":"high"}}"#))
        .collect();
    let file = phone.file("operations.jsonl", &lines.join("\n"));
    let file = file.to_str().unwrap();

    let first = phone.run(&["import", file]);
    let second = phone.run(&["import", file]);

    assert_eq!((first.code, first.err.as_str(), first.out.as_str()), (0, "", "1201 imported, 0 refused\n"));
    assert_eq!(second.code, 0);
    let listed = phone.run(&["list", "--json"]).objects();
    assert_eq!(listed.len(), 1_201);
    assert_eq!((&listed[0]["key"], &listed[1_200]["key"]), (&json!("k0"), &json!("k1200")));
}

#[test]
fn an_import_reads_standard_input_and_a_missing_file_exits_with_1() {
    let phone = Phone::new();
    let mut child =
        phone.command(&["import", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, r#"{{"adapter":"sms","action":"send","payload":{SMS}}}"#).unwrap();
    drop(stdin);

    let ran = Ran::of(child.wait_with_output().unwrap());

    assert_eq!((ran.code, ran.out.as_str()), (0, "1 imported, 0 refused\n"));
    assert_eq!(phone.run(&["import", "/nowhere/at/all.jsonl"]).code, 1);
}

#[test]
fn a_child_waits_for_the_operation_it_names() {
    let phone = Phone::new();
    let parent = phone.enqueue("parent");

    let child =
        phone.run(&["--json", "enqueue", "sms", "send", SMS, "--key", "child", "--after", &format!("{parent}:succeeded")]);

    assert_eq!(child.code, 0, "{}", child.err);
    let id = child.objects()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(phone.run(&["cancel", &parent]).code, 0);
    assert_eq!(phone.state(&id), "failed");
}

#[test]
fn a_sync_without_a_server_says_what_to_do() {
    let phone = Phone::new();
    phone.enqueue("k");
    for verb in [&["sync"][..], &["watch"]] {
        let ran = phone.run(verb);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("init"), "{}", ran.err);
    }
}

#[test]
fn a_sync_that_reaches_nobody_exits_with_3_and_keeps_everything() {
    let phone = Phone::new();
    let id = phone.enqueue("k");
    assert_eq!(phone.run(&["init", "--server", "http://127.0.0.1:9/", "--token", "td_test"]).code, 0);

    let ran = phone.run(&["sync", "--json", "--deadline", "300ms"]);

    assert_eq!(ran.code, 3, "{} {}", ran.out, ran.err);
    assert!(["pending", "in_flight"].contains(&phone.state(&id).as_str()));
}

#[test]
fn init_and_report_never_print_the_token_or_a_phone() {
    let phone = Phone::new();
    phone.enqueue("k");

    let init = phone.run(&["--json", "init", "--server", "https://pay.example.org/", "--token", "td_secret"]);
    let report = phone.run(&["report"]);

    assert_eq!((init.code, init.objects()), (0, vec![json!({ "server": "https://pay.example.org" })]));
    assert_eq!(report.code, 0);
    for text in [&init.out, &init.err, &report.out, &report.err] {
        assert!(!text.contains("td_secret") && !text.contains("254711"), "{text}");
    }
    assert!(!report.out.trim().is_empty());
}

#[test]
#[cfg(unix)]
fn a_watch_owns_the_database_and_ends_cleanly_on_sigterm() {
    let phone = Phone::new();
    phone.enqueue("k");
    assert_eq!(phone.run(&["init", "--server", "http://127.0.0.1:9", "--token", "td_test"]).code, 0);
    let mut watch = phone.command(&["--json", "watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), r#"{"event":"watching"}"#);

    let other = phone.run(&["list"]);
    assert!(Command::new("kill").args(["-TERM", &watch.id().to_string()]).status().unwrap().success());

    assert_eq!(watch.wait().unwrap().code(), Some(0));
    assert_eq!(other.code, 1);
    assert!(other.err.contains("another process"), "{}", other.err);
    assert_eq!(phone.run(&["list", "--json"]).objects().len(), 1);
}
