//! Courses, category by category.

use serde_json::json;
use tarishi_protocol::Code;

use super::super::super::Disposition;
use super::*;

fn course_of(id: i64) -> Value {
    json!({ "id": id, "idnumber": format!("C{id}"), "shortname": format!("c{id}"), "fullname": "x", "summary": "<p>long</p>", "contacts": [] })
}

#[tokio::test]
async fn all_categories_are_read_one_by_one_and_the_front_page_is_no_course() {
    let script = vec![
        ok(&json!([{ "id": 1 }, { "id": 2 }])),
        courses(&json!([course_of(5), course_of(6)])),
        courses(&json!([course_of(1), course_of(7)])),
    ];
    let (end, seen) = run("sync_courses", Payload::SyncCourses(SyncCourses { category: None }), script).await;
    let outcome = outcome(end);
    let ids: Vec<i64> = outcome["courses"].as_array().unwrap().iter().map(|course| course["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [5, 6, 7]);
    assert_eq!(outcome["courses"][0], json!({ "id": 5, "idnumber": "C5", "shortname": "c5", "fullname": "x" }));
    assert_eq!((field(&seen[1], "field").as_deref(), field(&seen[1], "value").as_deref()), (Some("category"), Some("2")));
}

#[tokio::test]
async fn one_category_is_read_alone() {
    let payload = Payload::SyncCourses(SyncCourses { category: Some("2026".to_owned()) });
    let (end, seen) = run("sync_courses", payload, vec![ok(&json!([{ "id": 4 }])), courses(&json!([course_of(9)]))]).await;
    assert_eq!(outcome(end)["courses"].as_array().unwrap().len(), 1);
    assert_eq!((seen.len(), field(&seen[1], "value").as_deref()), (2, Some("4")));
    let (end, _) = run("sync_courses", Payload::SyncCourses(SyncCourses { category: None }), vec![ok(&json!([]))]).await;
    assert_eq!(outcome(end), json!({ "courses": [] }));
}

#[tokio::test]
async fn a_site_that_is_too_large_is_asked_for_by_category() {
    let many: Vec<Value> = (2..=1_100).map(course_of).collect();
    let (end, _) = run(
        "sync_courses",
        Payload::SyncCourses(SyncCourses { category: None }),
        vec![ok(&json!([{ "id": 1 }])), courses(&json!(many))],
    )
    .await;
    assert_eq!(end.unwrap_err().problem, Some(Code::PayloadTooLarge));
}

#[tokio::test]
async fn an_answer_of_another_shape_is_asked_for_again() {
    for odd in [
        ok(&json!([])),
        ok(&json!({ "courses": null })),
        ok(&json!({ "courses": ["x"] })),
        courses(&json!([{ "id": "5" }])),
        ok(&json!("ok")),
    ] {
        let (end, _) =
            run("sync_courses", Payload::SyncCourses(SyncCourses { category: None }), vec![ok(&json!([{ "id": 1 }])), odd])
                .await;
        assert_eq!(end.unwrap_err().disposition, Disposition::Transient);
    }
}
