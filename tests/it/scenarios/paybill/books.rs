//! The provider's list against our books.

use super::*;

/// The differences of today, by the clocks of East Africa.
async fn reconcile(world: &World) -> Vec<String> {
    let zone = chrono::FixedOffset::east_opt(3 * 3_600).unwrap();
    let today = world.hosted.server.app().clock.now().with_timezone(&zone).date_naive().to_string();
    let done = command(world, &["reconcile", "--adapter", "mpesa", "--date", &today]).await;
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut lines = text.lines().map(str::to_owned);
    assert_eq!(lines.next().as_deref(), Some(tarishi_server::reconcile::HEADER));
    lines.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_books_differ_in_nothing_and_what_differs_is_told_by_its_receipt() {
    let world = registered().await;
    let phone = world.phone("phone", "amina").await;
    let charged = paid(&world, &phone, "1").await;
    let by_hand = pay(&world, 700, "ADM-0042").await.unwrap();
    event_of(&world, &by_hand).await;
    assert_eq!(reconcile(&world).await, Vec::<String>::new());

    // Told to nobody.
    world.hosted.sandbox.add_fault(fault(Call::Paybill).callback(CallbackFault::Lost).times(1));
    let untold = pay(&world, 900, "ADM-0007, B").await.unwrap();
    // Ours, and not in the list.
    let ours = charged.outcome.unwrap()["receipt"].as_str().unwrap().to_owned();
    world.hosted.sandbox.add_fault(fault(Call::Pull).result(ours.clone()).times(1));
    let lines = reconcile(&world).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    let line = lines.iter().find(|line| line.contains(&untold)).unwrap();
    assert!(line.starts_with(&format!("only_provider,{untold},KES 900.00,,")) && line.contains("\"ADM-0007, B\""), "{line}");
    let line = lines.iter().find(|line| line.contains(&ours)).unwrap();
    assert!(line.starts_with(&format!("only_ours,{ours},,KES 1250.00,")) && line.ends_with(&charged.id.to_string()), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_of_a_charge_that_nobody_could_be_asked_about_is_found_in_the_list() {
    let world = registered().await;
    world.hosted.sandbox.add_fault(fault(Call::Charge).timeout_after().callback(CallbackFault::Lost).times(1));
    let phone = world.phone("phone", "amina").await;
    let record = enqueue(&phone, charge("1")).await;
    until(&phone, record.id, |state| state == DeviceState::Unresolved).await;
    let receipt = money(&world, Effect::MoneyIn)[0].provider_id.clone().unwrap();
    let lines = reconcile(&world).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with(&format!("charge_not_succeeded,{receipt},KES 1250.00,,")), "{}", lines[0]);
    assert!(lines[0].ends_with(&record.id.to_string()), "{}", lines[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_cannot_be_had_is_a_failure_and_no_difference() {
    let world = registered().await;
    for fault in [fault(Call::Pull).status(500), fault(Call::Pull).status(200), fault(Call::Pull).timeout_after()] {
        world.hosted.sandbox.add_fault(fault.times(1));
        let zone = chrono::FixedOffset::east_opt(3 * 3_600).unwrap();
        let today = world.hosted.server.app().clock.now().with_timezone(&zone).date_naive().to_string();
        let done = command(&world, &["reconcile", "--adapter", "mpesa", "--date", &today]).await;
        assert!(!done.status.success() && done.stdout.is_empty());
    }
    let old = command(&world, &["reconcile", "--adapter", "mpesa", "--date", "2020-01-01"]).await;
    assert!(String::from_utf8_lossy(&old.stderr).contains("48 hours"));
    let none = command(&world, &["reconcile", "--adapter", "sms", "--date", "2020-01-01"]).await;
    assert!(String::from_utf8_lossy(&none.stderr).contains("no list of payments"));
    let date = command(&world, &["reconcile", "--adapter", "mpesa", "--date", "today"]).await;
    assert_eq!(date.status.code(), Some(2));
}
