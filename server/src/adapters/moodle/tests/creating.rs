//! Making a course: looked up before, looked up after, never twice.

use serde_json::json;
use tarishi_protocol::Code;

use super::super::super::{Disposition, Recovery};
use super::*;

fn made(id: i64, idnumber: &str, shortname: &str) -> Value {
    json!({ "id": id, "idnumber": idnumber, "shortname": shortname, "fullname": "x", "categoryid": 1 })
}

async fn create(script: Vec<Script>) -> (Result<Answer, AdapterError>, Vec<String>) {
    let (end, seen) = run("create_course", Payload::CreateCourse(course()), script).await;
    (end, seen.iter().map(function).collect())
}

#[tokio::test]
async fn a_course_is_looked_up_and_then_made_with_its_idnumber() {
    let script = vec![courses(&json!([])), ok(&json!([{ "id": 7, "shortname": "MATH4B" }]))];
    let (end, seen) = run("create_course", Payload::CreateCourse(course()), script).await;
    assert_eq!(outcome(end), json!({ "course_id": 7 }));
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (field(&seen[0], "field").unwrap().as_str(), field(&seen[0], "value").unwrap().as_str()),
        ("idnumber", "MATH-4B")
    );
    for (name, value) in [("fullname", "Mathematics 4B"), ("shortname", "MATH4B"), ("categoryid", "1"), ("idnumber", "MATH-4B")]
    {
        assert_eq!(field(&seen[1], &format!("courses[0][{name}]")).as_deref(), Some(value));
    }
    assert_eq!(field(&seen[1], "wstoken").as_deref(), Some(TOKEN));
    assert!(seen.iter().all(|seen| seen.query.is_empty() && seen.headers.iter().all(|line| !line.contains(TOKEN))));
}

#[tokio::test]
async fn a_course_that_is_there_is_not_made_again() {
    let (end, functions) = create(vec![courses(&json!([made(7, "MATH-4B", "math4b ")]))]).await;
    assert_eq!(outcome(end), json!({ "course_id": 7 }));
    assert_eq!(functions, ["core_course_get_courses_by_field"]);
    // A caller who may not see idnumbers finds by them all the same.
    let (end, _) = create(vec![courses(&json!([{ "id": 7, "shortname": "MATH4B" }]))]).await;
    assert_eq!(outcome(end), json!({ "course_id": 7 }));
}

#[tokio::test]
async fn another_course_of_the_idnumber_and_twins_are_refused() {
    for (found, code) in [
        (json!([made(7, "MATH-4B", "OTHER")]), "NAME_CONFLICT"),
        (json!([made(7, "MATH-4B", "MATH4B"), made(8, "MATH-4B", "MATH4B")]), "DUPLICATE_COURSES"),
    ] {
        let (end, functions) = create(vec![courses(&found)]).await;
        let error = end.unwrap_err();
        assert_eq!((error.disposition, error.code.as_deref()), (Disposition::Rejected, Some(code)));
        assert_eq!(functions.len(), 1);
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_looked_up_ours_is_success_and_anothers_a_conflict() {
    for code in ["shortnametaken", "courseidnumbertaken"] {
        let ours = courses(&json!([made(9, "MATH-4B", "MATH4B")]));
        let (end, _) = create(vec![courses(&json!([])), exception(code), ours]).await;
        assert_eq!(outcome(end), json!({ "course_id": 9 }));
        let (end, functions) = create(vec![courses(&json!([])), exception(code), courses(&json!([]))]).await;
        assert_eq!(end.unwrap_err().code.as_deref(), Some("NAME_CONFLICT"));
        assert_eq!(functions.iter().filter(|name| *name == "core_course_create_courses").count(), 1);
    }
}

#[tokio::test]
async fn a_category_is_named_by_its_idnumber_or_moodles_id() {
    for (found, text, id) in [(json!([{ "id": 4, "name": "x" }]), "2026", "4"), (json!([]), "12", "12")] {
        let payload = CreateCourse { category: Some(text.to_owned()), ..course() };
        let script = vec![ok(&found), courses(&json!([])), ok(&json!([{ "id": 7, "shortname": "MATH4B" }]))];
        let (_, seen) = run("create_course", Payload::CreateCourse(payload), script).await;
        assert_eq!(field(&seen[0], "criteria[0][value]").as_deref(), Some(text));
        assert_eq!(field(&seen[2], "courses[0][categoryid]").as_deref(), Some(id));
    }
    let payload = CreateCourse { category: Some("FORM-9".to_owned()), ..course() };
    let (end, seen) = run("create_course", Payload::CreateCourse(payload), vec![ok(&json!([]))]).await;
    assert_eq!((end.unwrap_err().problem, seen.len()), (Some(Code::NotFound), 1));
}

#[tokio::test]
async fn a_look_up_that_is_old_or_was_used_is_made_again_before_a_create() {
    let now: chrono::DateTime<chrono::Utc> = "2026-11-24T07:15:00Z".parse().unwrap();
    for (at, polls_then, polls_now) in
        [(now - chrono::TimeDelta::seconds(16), 0, 0), (now, 0, 1), (now + chrono::TimeDelta::hours(1), 0, 0)]
    {
        let provider = Provider::start(vec![courses(&json!([]))]).await;
        let mut stage = stage(Payload::CreateCourse(course()), provider.url());
        stage.memo = Some(json!({ "category": 1, "looked_up": [at, polls_then], "taken": false }));
        stage.polls = polls_now;
        let answer = Moodle::default().execute(&stage.call("create_course")).await.unwrap();
        assert!(matches!(answer, Answer::Next { .. }));
        assert_eq!(function(&provider.seen()[0]), "core_course_get_courses_by_field");
    }
}

#[tokio::test]
async fn after_a_lost_answer_one_is_adopted_none_is_not_found_and_several_are_a_persons() {
    let ask = async |script: Vec<Script>| {
        let provider = Provider::start(script).await;
        let stage = stage(Payload::CreateCourse(course()), provider.url());
        Moodle::default().recover(&stage.call("create_course"), None).await
    };
    assert_eq!(outcome(ask(vec![courses(&json!([made(7, "MATH-4B", "MATH4B")]))]).await), json!({ "course_id": 7 }));
    assert_eq!(ask(vec![courses(&json!([]))]).await.unwrap(), Answer::NotFound);
    // Found by its short name alone: ours unless it says that it is another's.
    let by_name = |idnumber: Value| {
        let mut course = made(7, "", "MATH4B");
        course["idnumber"] = idnumber;
        vec![courses(&json!([])), courses(&json!([course]))]
    };
    assert_eq!(outcome(ask(by_name(Value::Null)).await), json!({ "course_id": 7 }));
    assert_eq!(ask(by_name("ANOTHER".into())).await.unwrap(), Answer::NotFound);
    for found in [json!([made(7, "MATH-4B", "MATH4B"), made(8, "MATH-4B", "MATH4B")]), json!([made(7, "MATH-4B", "OTHER")])] {
        let error = ask(vec![courses(&found)]).await.unwrap_err();
        assert_eq!((error.disposition, error.problem), (Disposition::Ambiguous, Some(Code::OutcomeUnknown)));
    }
    assert!(ask(vec![exception("sitemaintenance")]).await.is_err());
}

#[test]
fn a_create_is_asked_about_and_all_else_may_be_repeated() {
    let moodle = Moodle::default();
    let wait = std::time::Duration::from_secs(180);
    assert_eq!(moodle.recovery("create_course", &settings()), Recovery::Query { settle_after: wait });
    for action in ["enroll", "sync_grades", "sync_courses"] {
        assert!(matches!(moodle.recovery(action, &settings()), Recovery::ResendSameKey { .. }), "{action}");
    }
}

#[tokio::test]
async fn a_course_without_a_name_is_never_sent() {
    for blank in [
        CreateCourse { idnumber: " ".to_owned(), ..course() },
        CreateCourse { fullname: String::new(), ..course() },
        CreateCourse { shortname: "\t".to_owned(), ..course() },
    ] {
        let (end, seen) = run("create_course", Payload::CreateCourse(blank), vec![Script::HangUp]).await;
        assert_eq!((end.unwrap_err().problem, seen.len()), (Some(Code::InvalidValue), 0));
    }
}
