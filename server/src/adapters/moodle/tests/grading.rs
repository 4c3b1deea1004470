//! Grades: to the gradebook and from it.

use serde_json::json;
use tarishi_protocol::Code;

use super::super::super::Disposition;
use super::*;

fn math() -> Script {
    courses(&json!([{ "id": 7 }]))
}

/// Enrolled people with these numbers, from this id on.
fn people(from: usize, to: usize) -> Script {
    let list: Vec<Value> =
        (from..=to).map(|n| json!({ "id": 100 + n, "username": format!("s{n:04}"), "idnumber": format!("S{n:04}") })).collect();
    ok(&json!(list))
}

fn items_of(learners: &[(i64, Value)]) -> Script {
    let of = |(id, raw): &(i64, Value)| {
        json!({ "userid": id, "gradeitems": [
            { "id": 1, "itemtype": "course", "idnumber": "", "graderaw": 61.25, "grademin": 0, "grademax": 100 },
            { "id": 2, "itemtype": "mod", "itemmodule": "assign", "cmid": 71, "itemnumber": 0, "idnumber": "CAT-1", "graderaw": raw,
              "grademin": 0, "grademax": 100, "gradeisoverridden": *id == 103 },
            { "id": 3, "itemtype": "manual", "idnumber": "HAND", "graderaw": null },
        ] })
    };
    ok(&json!({ "usergrades": learners.iter().map(of).collect::<Vec<_>>(), "warnings": [] }))
}

#[tokio::test]
async fn grades_are_pushed_to_who_is_enrolled_and_read_back() {
    let grades = [("S0001", "72.5"), ("S0002", "101"), ("S0003", "40"), ("S0009", "50"), ("S0004", "72,5"), ("S0004", "1")];
    let all = [(101, json!(72.5)), (103, json!(90))];
    let script = vec![math(), people(1, 4), items_of(&[(101, Value::Null)]), ok(&json!(0)), items_of(&all)];
    let (end, seen) = run("sync_grades", Payload::SyncGrades(push(&grades)), script).await;
    let outcome = outcome(end);
    assert_eq!(outcome["grades"], json!([{ "user": "S0001", "grade": "72.5" }]));
    let skipped: Vec<(&str, &str)> = outcome["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|skipped| (skipped["user"].as_str().unwrap(), skipped["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(
        skipped,
        [
            ("S0009", "not enrolled in the course"),
            ("S0004", "named more than once"),
            ("S0002", "above the greatest grade, 100"),
            ("S0003", "a teacher has overridden the grade, and theirs stays"),
        ]
    );
    let update = &seen[3];
    for (name, value) in [
        ("source", "tarishi"),
        ("component", "mod_assign"),
        ("activityid", "71"),
        ("itemnumber", "0"),
        ("grades[0][studentid]", "101"),
        ("grades[0][grade]", "72.5"),
        ("grades[1][studentid]", "103"),
    ] {
        assert_eq!(field(update, name).as_deref(), Some(value), "{name}");
    }
    assert!(field(update, "grades[2][studentid]").is_none());
}

#[tokio::test]
async fn five_hundred_grades_go_in_parts_of_a_hundred_and_no_request_is_too_long() {
    let names: Vec<String> = (1..=450).map(|n| format!("S{n:04}")).collect();
    let grades: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "50")).collect();
    let mut script = vec![math(), people(1, 200), people(201, 400), people(401, 450), items_of(&[(101, json!(50))])];
    script.extend((0..5).map(|_| ok(&json!(0))));
    // Read back one by one: the same answer serves them all, and says nothing of the others.
    script.push(items_of(&[(101, json!(50))]));
    let (end, seen) = run("sync_grades", Payload::SyncGrades(push(&grades)), script).await;
    let outcome = outcome(end);
    assert_eq!((outcome["grades"].as_array().unwrap().len(), outcome["skipped"].as_array().unwrap().len()), (450, 0));
    let updates: Vec<&Seen> = seen.iter().filter(|seen| function(seen) == "core_grades_update_grades").collect();
    assert_eq!(updates.len(), 5);
    assert!(seen.iter().all(|seen| form(seen).len() <= 900));
    let students: std::collections::BTreeSet<String> = updates
        .iter()
        .flat_map(|seen| form(seen))
        .filter(|(name, _)| name.ends_with("[studentid]"))
        .map(|(_, id)| id)
        .collect();
    assert_eq!(students.len(), 450, "each once, none left out");
}

#[tokio::test]
async fn a_small_budget_makes_smaller_parts() {
    let provider = Provider::start(vec![math(), people(1, 60), items_of(&[(101, json!(1))]), ok(&json!(0))]).await;
    let names: Vec<String> = (1..=60).map(|n| format!("S{n:04}")).collect();
    let grades: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "50")).collect();
    let mut stage = stage(Payload::SyncGrades(push(&grades)), provider.url());
    stage.set("max_vars", "40");
    while let Ok(Answer::Next { memo }) = Moodle::default().execute(&stage.call("sync_grades")).await {
        let written = memo["written"].as_u64();
        stage.memo = Some(memo);
        if written == Some(60) {
            break;
        }
    }
    let updates: Vec<Seen> = provider.seen().into_iter().filter(|seen| function(seen) == "core_grades_update_grades").collect();
    assert_eq!(updates.len(), 4);
    assert!(updates.iter().all(|seen| form(seen).len() <= 40));
}

#[tokio::test]
async fn a_number_above_zero_is_a_refusal_that_looks_like_success() {
    for (number, code) in [(1, "GRADE_UPDATE_FAILED"), (2, "GRADE_ITEM_AMBIGUOUS"), (4, "GRADE_LOCKED")] {
        let script = vec![math(), people(1, 2), items_of(&[(101, Value::Null)]), ok(&json!(number))];
        let (end, _) = run("sync_grades", Payload::SyncGrades(push(&[("S0001", "5"), ("S0002", "6")])), script).await;
        assert!(matches!(end, Ok(Answer::Failed { code: found, .. }) if found == code), "{number}");
    }
    for odd in [json!(null), json!(3), json!("0"), json!([0]), json!(true)] {
        let script = vec![math(), people(1, 2), items_of(&[(101, Value::Null)]), ok(&odd)];
        let (end, _) = run("sync_grades", Payload::SyncGrades(push(&[("S0001", "5")])), script).await;
        assert_eq!(end.unwrap_err().disposition, Disposition::Ambiguous, "{odd}");
    }
}

#[tokio::test]
async fn a_part_that_is_locked_is_told_beside_what_was_written() {
    let names: Vec<String> = (1..=120).map(|n| format!("S{n:04}")).collect();
    let grades: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "50")).collect();
    let script =
        vec![math(), people(1, 120), items_of(&[(101, json!(1))]), ok(&json!(0)), ok(&json!(4)), items_of(&[(101, json!(50))])];
    let (end, _) = run("sync_grades", Payload::SyncGrades(push(&grades)), script).await;
    let outcome = outcome(end);
    assert_eq!(outcome["grades"].as_array().unwrap().len(), 100);
    assert_eq!(outcome["skipped"].as_array().unwrap().len(), 20);
    assert_eq!(outcome["skipped"][0]["reason"], "the grade item is locked");
}

#[tokio::test]
async fn nothing_is_written_where_nobody_can_write() {
    let bad = |item: Option<&str>| SyncGrades { item: item.map(str::to_owned), ..push(&[("S0001", "5")]) };
    let script = || vec![math(), people(1, 2), items_of(&[(101, Value::Null)])];
    for (payload, steps, problem, disposition) in [
        (bad(None), 0, Some(Code::MissingField), Disposition::Rejected),
        (bad(Some("EXAM")), 3, Some(Code::NotFound), Disposition::Rejected),
        (bad(Some("HAND")), 3, None, Disposition::Unsupported),
    ] {
        let (end, seen) = run("sync_grades", Payload::SyncGrades(payload), script()).await;
        let error = end.unwrap_err();
        assert_eq!((error.problem, error.disposition, seen.len()), (problem, disposition, steps));
    }
    // Nobody of those named is enrolled.
    let (end, seen) = run("sync_grades", Payload::SyncGrades(push(&[("S0077", "5")])), script()).await;
    assert_eq!(outcome(end)["skipped"][0]["user"], "S0077");
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn grades_are_pulled_by_item_or_as_the_total() {
    let all = [(101, json!(72.50)), (102, Value::Null)];
    for (item, grade) in [(Some("CAT-1"), "72.5"), (Some("71"), "72.5"), (None, "61.25")] {
        let (end, seen) = run("sync_grades", Payload::SyncGrades(pull(item)), vec![math(), people(1, 3), items_of(&all)]).await;
        let outcome = outcome(end);
        assert_eq!(outcome["grades"][0], json!({ "user": "S0001", "grade": grade }));
        assert_eq!(field(&seen[2], "userid").as_deref(), Some("0"), "a small course is read at once");
        let reasons: Vec<&str> =
            outcome["skipped"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
        let expected: &[&str] = if item.is_some() {
            &["not graded yet", "has no such grade, or it may not be seen"]
        } else {
            &["has no such grade, or it may not be seen"]
        };
        assert_eq!(reasons, expected);
    }
}

#[tokio::test]
async fn people_without_or_with_the_same_number_are_told_and_left_out() {
    let roster = ok(&json!([
        { "id": 101, "idnumber": "S0001" }, { "id": 102, "idnumber": "" }, { "id": 103, "idnumber": "S0002" }, { "id": 104, "idnumber": "S0002" },
    ]));
    let (end, _) =
        run("sync_grades", Payload::SyncGrades(pull(Some("CAT-1"))), vec![math(), roster, items_of(&[(101, json!(5))])]).await;
    let outcome = outcome(end);
    assert_eq!(outcome["grades"], json!([{ "user": "S0001", "grade": "5" }]));
    assert_eq!(
        outcome["skipped"],
        json!([
            { "user": "id 102", "reason": "has no idnumber" }, { "user": "S0002", "reason": "several enrolled people are named so" },
        ])
    );
}
