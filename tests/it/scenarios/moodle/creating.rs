//! A course is made once, whatever is lost, late, taken or asked for twice.

use tarishi_protocol::State;
use tarishi_sandbox::CallbackFault;

use super::*;

fn course(key: &str, idnumber: &str, shortname: &str) -> NewOperation {
    operation("create_course", key, &json!({ "idnumber": idnumber, "fullname": "Mathematics 4B", "shortname": shortname }))
}

fn made(world: &World) -> Vec<LedgerEntry> {
    ledger(world, Effect::Course)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_course_is_made_and_one_that_is_there_is_found() {
    let world = World::start().await;
    let (phone, record) = succeeded(&world, course("c-1", "MATH-4B", "MATH4B")).await;
    let id = record.outcome.unwrap()["course_id"].clone();
    assert_eq!(made(&world)[0].provider_id.as_deref(), Some(id.to_string().as_str()));
    let again = enqueue(&phone, course("c-2", "MATH-4B", "math4b")).await;
    assert_eq!(ended(&phone, again.id).await.outcome.unwrap()["course_id"], id);
    let conflict = enqueue(&phone, course("c-3", "MATH-4B", "OTHER")).await;
    assert_eq!(ended(&phone, conflict.id).await.problem.unwrap().provider_code.as_deref(), Some("NAME_CONFLICT"));
    let taken = enqueue(&phone, course("c-4", "MATH-5B", "MATH4B")).await;
    assert_eq!(ended(&phone, taken.id).await.problem.unwrap().provider_code.as_deref(), Some("NAME_CONFLICT"));
    assert_eq!(made(&world).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_after_the_course_was_made_gives_exactly_one_course() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::CreateCourse).timeout_after().times(1));
    let (_, record) = succeeded(&world, course("c-1", "MATH-4B", "MATH4B")).await;
    let made = made(&world);
    assert_eq!((made.len(), effect_calls(&world, record.id).await), (1, 1), "it was found, not made again");
    assert_eq!(record.outcome.unwrap()["course_id"].to_string(), made[0].provider_id.clone().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_course_that_comes_after_its_caller_has_gone_is_waited_for() {
    let world = World::start().await;
    let late = fault(Call::CreateCourse).timeout_after().callback(CallbackFault::Late).delay_ms(2_500);
    world.hosted.sandbox.add_fault(late.times(1));
    let (_, record) = succeeded(&world, course("c-1", "MATH-4B", "MATH4B")).await;
    assert_eq!((made(&world).len(), effect_calls(&world, record.id).await), (1, 1));
    assert!(world.row(record.id).await.polls >= 2, "the first look found nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_course_that_was_surely_not_made_is_made_again() {
    for fault in [
        fault(Call::CreateCourse).timeout_before(),
        fault(Call::CreateCourse).status(503),
        fault(Call::CreateCourse).status(200),
        fault(Call::CreateCourse).result("php"),
        fault(Call::CreateCourse).result("dmlwriteexception"),
    ] {
        let world = World::start().await;
        set(&world, "settle_after_ms", "1000").await;
        world.hosted.sandbox.add_fault(fault.clone().times(1));
        let (_, record) = succeeded(&world, course("c-1", "MATH-4B", "MATH4B")).await;
        assert_eq!((made(&world).len(), effect_calls(&world, record.id).await), (1, 2), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_that_fails_before_or_after_changes_nothing() {
    for query in [fault(Call::Query).timeout_before(), fault(Call::Query).status(500), fault(Call::Query).status(200)] {
        let world = World::start().await;
        world.hosted.sandbox.add_fault(query.clone().times(1));
        world.hosted.sandbox.add_fault(fault(Call::CreateCourse).timeout_after().times(1));
        succeeded(&world, course("c-1", "MATH-4B", "MATH4B")).await;
        assert_eq!(made(&world).len(), 1, "{query:?}");
        // Only questions are lost from here on, so the answer of the create is what is asked for.
        let world = World::start().await;
        world.hosted.sandbox.add_fault(fault(Call::CreateCourse).timeout_after().times(1));
        let phone = world.phone("phone", "amina").await;
        let record = enqueue(&phone, course("c-1", "MATH-4B", "MATH4B")).await;
        until(&phone, record.id, |state| state != DeviceState::Pending).await;
        eventually("it was made", async || made(&world).len() == 1).await;
        world.hosted.sandbox.add_fault(query.clone().times(1));
        assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded);
        assert_eq!(made(&world).len(), 1);
    }
}

/// What somebody without our manners does.
async fn make_twins(world: &World) {
    let url = format!("{}/moodle/webservice/rest/server.php", world.hosted.sandbox.url());
    let form = [
        ("wstoken", credentials::MOODLE_TOKEN),
        ("wsfunction", "core_course_create_courses"),
        ("moodlewsrestformat", "json"),
        ("courses[0][fullname]", "Mathematics 4B"),
        ("courses[0][shortname]", "MATH4B"),
        ("courses[0][idnumber]", "MATH-4B"),
        ("courses[0][categoryid]", "1"),
    ];
    let call = || world.http.post(&url).form(&form).send();
    let (one, two) = tokio::join!(call(), call());
    assert!(one.unwrap().status().is_success() && two.unwrap().status().is_success());
    assert_eq!(made(world).len(), 2, "calls that run at once make twins, as at Moodle");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_that_want_one_course_at_once_get_one_course() {
    let world = World::start().await;
    let phones = [world.phone("one", "amina").await, world.phone("two", "juma").await, world.phone("three", "zawadi").await];
    let names = ["MATH-4B", "MATH-4B", "math-4b"];
    let mut records = Vec::new();
    for (number, phone) in phones.iter().enumerate() {
        records.push(enqueue(phone, course(&format!("c-{number}"), names[number], "MATH4B")).await);
    }
    let ends =
        tokio::join!(ended(&phones[0], records[0].id), ended(&phones[1], records[1].id), ended(&phones[2], records[2].id));
    let made = made(&world);
    assert_eq!(made.len(), 1);
    for (name, end) in names.iter().zip([ends.0, ends.1, ends.2]) {
        // Who came first has named it; who names it otherwise may be refused.
        let succeeded = end.state == DeviceState::Succeeded;
        assert!(succeeded || made[0].to.as_deref() != Some(*name), "{end:?}");
        if succeeded {
            let id = end.outcome.unwrap()["course_id"].to_string();
            assert_eq!(made[0].provider_id.as_deref(), Some(id.as_str()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_outcome_is_unknown_nobody_else_may_make_the_course() {
    let world = World::start().await;
    let late = fault(Call::CreateCourse).timeout_after().callback(CallbackFault::Late).delay_ms(2_000);
    world.hosted.sandbox.add_fault(late.times(1));
    let first = world.phone("one", "amina").await;
    let record = enqueue(&first, course("c-1", "MATH-4B", "MATH4B")).await;
    until(&first, record.id, |state| state == DeviceState::Accepted || state == DeviceState::Waiting).await;
    eventually("its answer was lost", async || world.row(record.id).await.state == State::Waiting).await;
    let key = world.key("office", &["moodle:*"]).await;
    let url = format!("{}/api/v2/integrations/moodle/create_course", world.url());
    let body = json!({ "idnumber": "MATH-4B", "fullname": "Mathematics 4B", "shortname": "MATH4B" });
    let answer =
        world.http.post(&url).bearer_auth(&key).header("Idempotency-Key", "office-1").json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.text().await.unwrap().contains("just being made"));
    assert_eq!(ended(&first, record.id).await.state, DeviceState::Succeeded);
    let answer =
        world.http.post(&url).bearer_auth(&key).header("Idempotency-Key", "office-1").json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(made(&world).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twins_that_somebody_else_made_meanwhile_are_shown_to_a_human() {
    let world = World::start().await;
    world.hosted.sandbox.add_fault(fault(Call::CreateCourse).timeout_before().times(1));
    let phone = world.phone("one", "amina").await;
    let record = enqueue(&phone, course("c-1", "MATH-4B", "MATH4B")).await;
    until(&phone, record.id, |state| state != DeviceState::Pending).await;
    eventually("its answer was lost", async || world.row(record.id).await.state == State::Waiting).await;
    make_twins(&world).await;
    let end = until(&phone, record.id, |state| state == DeviceState::Unresolved).await;
    assert!(end.problem.unwrap().detail.contains("several courses"));
    assert_eq!((made(&world).len(), effect_calls(&world, record.id).await), (2, 1), "it made none itself");
}
