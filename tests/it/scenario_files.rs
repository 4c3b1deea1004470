//! The scenario files that Rust, Kotlin and Swift run alike, here on two roads, and what the folder must hold.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use tarishi_tests::{
    scenario::{self, Road},
    scripted::Scripted,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout},
};

/// Scenarios that run at a time: most of their time they wait.
const AT_A_TIME: usize = 4;
/// No scenario takes longer.
const LONGEST: Duration = Duration::from_secs(30);

#[expect(clippy::unwrap_used, clippy::print_stdout, reason = "a part of two tests, which names every scenario")]
async fn all_pass(road: Road) {
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let mut running = JoinSet::new();
    for found in scenario::all().unwrap() {
        let (gate, road) = (Arc::clone(&gate), road.clone());
        running.spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            let began = Instant::now();
            let ran = timeout(LONGEST, scenario::run(&found.scenario, &road)).await;
            let ran = ran.unwrap_or_else(|_| Err("it takes too long".into()));
            (found.stem, began.elapsed(), ran.map_err(|error| error.to_string()))
        });
    }
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (stem, took, ran) = ended.unwrap();
        let word = if ran.is_ok() { "ok" } else { "FAILED" };
        println!("{word:6} {:5} ms  {stem}", took.as_millis());
        if let Err(error) = ran {
            failed.push(format!("{stem}: {error}"));
        }
    }
    failed.sort();
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_passes_in_memory() {
    all_pass(Road::Memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_passes_over_http() {
    let server = Scripted::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    all_pass(Road::Http(Arc::new(server))).await;
}

#[test]
fn there_are_many_scenarios_and_each_is_named_by_a_sentence() {
    let all = scenario::all().unwrap();
    assert!(all.len() >= 25, "{}", all.len());
    let mut names = BTreeSet::new();
    for found in &all {
        let name = &found.scenario.name;
        assert!(name.split_whitespace().count() >= 4, "{}: {name} is no sentence", found.stem);
        assert!(
            !name.ends_with('.') && name.starts_with(|first: char| first.is_lowercase() || first.is_ascii_digit()),
            "{name}"
        );
        assert!(names.insert(name.clone()), "{name} twice");
        assert!(found.scenario.why.split_whitespace().count() >= 4, "{}: why?", found.stem);
        assert!(!found.scenario.steps.is_empty(), "{}", found.stem);
    }
}

#[test]
fn every_verb_of_the_readme_is_used_and_no_other() {
    let readme = std::fs::read_to_string(scenario::folder().join("README.md")).unwrap();
    let verbs = readme.split("\n## ").find(|part| part.starts_with("Verbs")).unwrap();
    let rows = verbs.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let described: BTreeSet<String> = rows.map(|(verb, _)| verb.to_owned()).collect();
    let used: BTreeSet<String> = scenario::all().unwrap().into_iter().flat_map(|found| found.verbs).collect();
    assert_eq!(used, described);
}

#[test]
fn what_no_runner_understands_is_refused() {
    let refused = |step: &str| {
        let text = format!(r#"{{"name": "a", "why": "b", "steps": [{step}]}}"#);
        scenario::file::parse(&text).unwrap_err().to_string()
    };
    assert!(refused(r#"{"do": "dance"}"#).contains("step 1: unknown variant `dance`"));
    assert!(refused(r#"{"do": "stats", "of": "a"}"#).contains("unknown field `of`"));
    assert!(refused(r#"{"do": "sync", "deadline": 1}"#).contains("unknown field `deadline`"));
}

/// What Kotlin and Swift start.
#[tokio::test]
async fn the_server_for_other_languages_says_where_it_is_and_ends_with_its_input() {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_scripted"));
    command.args(["--listen", "127.0.0.1:0"]).kill_on_drop(true);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.strip_prefix("listening on http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /_sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    let answer = BufReader::new(stream).lines().next_line().await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(child.stdin.take());
    assert!(timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap().success());
}
