use tarishi_protocol::{Cancellation, Code, Origin};

use super::*;

fn id(n: u128) -> OperationId {
    OperationId(uuid::Uuid::from_u128(n))
}

fn receipt(id: OperationId, status: ReceiptStatus) -> Receipt {
    Receipt { id, status, state: None, outcome: None, problem: None, retry_after_ms: None }
}

fn change(id: OperationId, state: State) -> Change {
    Change {
        seq: 1,
        id,
        origin: Origin::Device,
        state,
        outcome: None,
        problem: None,
        at: chrono::DateTime::UNIX_EPOCH,
        adapter: None,
        action: None,
    }
}

fn moves(effects: &[Effect<'_>]) -> Vec<(OperationId, DeviceState)> {
    let moved = effects.iter().filter_map(|effect| match effect {
        Effect::Move { id, to, .. } => Some((*id, *to)),
        Effect::Grow { .. } | Effect::Park { .. } | Effect::TooLate { .. } | Effect::Stub { .. } => None,
    });
    moved.collect()
}

#[test]
fn a_missing_receipt_and_an_unknown_status_are_later() {
    let unknown: Receipt = serde_json::from_str(&format!(r#"{{"id":"{}","status":"pondering"}}"#, id(2))).unwrap();
    let response = SyncResponse { receipts: vec![unknown], ..SyncResponse::default() };
    let known = HashMap::from([(id(1), DeviceState::InFlight), (id(2), DeviceState::InFlight)]);
    let (effects, counts) = plan(known, &[id(1), id(2)], &response);
    assert_eq!(counts, Counts { later: 2, ..Counts::default() });
    let parked = |id| Effect::Park { id, wait_ms: LATER_MS_DEFAULT, problem: None };
    assert_eq!(effects, [parked(id(1)), parked(id(2))]);
}

#[test]
fn a_duplicate_takes_over_the_state_and_the_outcome() {
    let outcome = serde_json::json!({"receipt": "QX1"});
    let receipts = vec![Receipt {
        state: Some(State::Succeeded),
        outcome: Some(outcome.clone()),
        ..receipt(id(1), ReceiptStatus::Duplicate)
    }];
    let response = SyncResponse { receipts, ..SyncResponse::default() };
    let (effects, _) = plan(HashMap::from([(id(1), DeviceState::InFlight)]), &[id(1)], &response);
    let expected = Effect::Move { id: id(1), to: DeviceState::Succeeded, outcome: Some(&outcome), problem: None };
    assert_eq!(effects, [expected]);
}

#[test]
fn a_late_receipt_does_not_take_back_what_the_feed_told() {
    let response = SyncResponse { receipts: vec![receipt(id(1), ReceiptStatus::Accepted)], ..SyncResponse::default() };
    for state in [DeviceState::Waiting, DeviceState::Succeeded, DeviceState::Failed] {
        let (effects, _) = plan(HashMap::from([(id(1), state)]), &[id(1)], &response);
        assert_eq!(effects, []);
    }
}

#[test]
fn a_refusal_ends_the_operation_with_its_problem() {
    let problem = Problem::new(Code::Forbidden, "no scope");
    let receipts = vec![Receipt { problem: Some(problem.clone()), ..receipt(id(1), ReceiptStatus::Refused) }];
    let response = SyncResponse { receipts, ..SyncResponse::default() };
    let (effects, counts) = plan(HashMap::from([(id(1), DeviceState::InFlight)]), &[id(1)], &response);
    assert_eq!(counts.refused, 1);
    let expected = Effect::Move { id: id(1), to: DeviceState::Refused, outcome: None, problem: Some(&problem) };
    assert_eq!(effects, [expected]);
}

#[test]
fn the_feed_is_applied_in_order_and_nothing_leaves_succeeded() {
    let changes = vec![change(id(1), State::Failed), change(id(1), State::Succeeded), change(id(1), State::Waiting)];
    let response = SyncResponse { changes, ..SyncResponse::default() };
    let (effects, _) = plan(HashMap::from([(id(1), DeviceState::Accepted)]), &[], &response);
    assert_eq!(moves(&effects), [(id(1), DeviceState::Failed), (id(1), DeviceState::Succeeded)]);
}

#[test]
fn a_success_that_is_told_again_may_grow_and_a_failure_after_it_is_nothing() {
    let outcome = serde_json::json!({"receipt": "QX1"});
    let told = |state, outcome| Change { outcome, ..change(id(1), state) };
    let changes = vec![
        told(State::Succeeded, Some(outcome.clone())),
        told(State::Succeeded, None),
        told(State::Failed, Some(outcome.clone())),
        told(State::Waiting, Some(outcome.clone())),
    ];
    let response = SyncResponse { changes, ..SyncResponse::default() };
    let (effects, _) = plan(HashMap::from([(id(1), DeviceState::Succeeded)]), &[], &response);
    assert_eq!(effects, [Effect::Grow { id: id(1), outcome: &outcome }]);
}

#[test]
fn an_operation_of_the_server_comes_as_a_stub_once() {
    let changes = vec![change(id(7), State::Waiting), change(id(7), State::Succeeded)];
    let response = SyncResponse { changes, ..SyncResponse::default() };
    let (effects, _) = plan(HashMap::new(), &[], &response);
    assert_eq!(effects.len(), 2);
    assert!(matches!(effects[0], Effect::Stub { .. }));
    assert_eq!(moves(&effects), [(id(7), DeviceState::Succeeded)]);
}

#[test]
fn a_wish_is_granted_or_ended_but_never_against_a_success() {
    let answers = vec![
        Cancellation { id: id(1), result: CancellationResult::Cancelled },
        Cancellation { id: id(2), result: CancellationResult::TooLate },
        Cancellation { id: id(3), result: CancellationResult::Cancelled },
    ];
    let response = SyncResponse { cancellations: answers, ..SyncResponse::default() };
    let known =
        HashMap::from([(id(1), DeviceState::InFlight), (id(2), DeviceState::InFlight), (id(3), DeviceState::Succeeded)]);
    let (effects, _) = plan(known, &[], &response);
    assert_eq!(moves(&effects), [(id(1), DeviceState::Cancelled)]);
    assert!(effects.contains(&Effect::TooLate { id: id(2) }));
}

#[test]
fn a_receipt_for_something_not_sent_is_ignored() {
    let response = SyncResponse { receipts: vec![receipt(id(1), ReceiptStatus::Accepted)], ..SyncResponse::default() };
    let (effects, counts) = plan(HashMap::from([(id(1), DeviceState::Pending)]), &[], &response);
    assert_eq!((effects, counts), (Vec::new(), Counts::default()));
}

#[test]
fn an_endless_later_is_bounded() {
    let receipts = vec![Receipt { retry_after_ms: Some(u64::MAX), ..receipt(id(1), ReceiptStatus::Later) }];
    let response = SyncResponse { receipts, ..SyncResponse::default() };
    let (effects, _) = plan(HashMap::from([(id(1), DeviceState::InFlight)]), &[id(1)], &response);
    assert_eq!(effects, [Effect::Park { id: id(1), wait_ms: LATER_MS_MAX, problem: None }]);
}
