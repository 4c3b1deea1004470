use proptest::prelude::*;
use serde_json::json;
use tarishi_protocol::{OnFailure, OperationId};

use super::*;
use crate::store::Actor;

const NOW: Ms = 1_000_000_000;

fn attempt() -> Uuid {
    Uuid::from_u128(7)
}

fn row(state: State) -> OperationRow {
    OperationRow {
        tenant: "t".to_owned(),
        id: OperationId(Uuid::from_u128(1)),
        account: "a".to_owned(),
        actor: Actor::Operator,
        idempotency_key: "k".to_owned(),
        ordering_key: None,
        on_failure: OnFailure::Continue,
        adapter: "mpesa".to_owned(),
        action: "charge".to_owned(),
        version: 1,
        payload: "{}".to_owned(),
        state,
        outcome: None,
        problem: None,
        reference: None,
        memo: None,
        effect_number: 0,
        attempts: 1,
        polls: 0,
        attempt_id: Some(attempt()),
        first_opened_at: Some(NOW - 1_000),
        ambiguous_at: None,
        earlier_unknown: false,
        created_at: NOW - 2_000,
        expires_at: NOW + 1_000_000,
        next_at: Some(NOW),
        ended_at: None,
        parent: None,
    }
}

fn rules(recovery: Recovery) -> Rules {
    Rules {
        recovery,
        has_effect: true,
        money: true,
        retry: Retry { attempts_max: 3, base_ms: 1_000, factor: 2.0, cap_ms: 10_000, ..Retry::DEFAULT },
        max_hold_ms: 72 * 3_600_000,
        max_wait_ms: 72 * 3_600_000,
        look_for: "look in the portal",
        jitter: 1.0,
    }
}

const MONEY: Recovery = Recovery::Receipts { wait: Duration::from_secs(900), then: Then::Unresolved };
const MESSAGE: Recovery = Recovery::Receipts { wait: Duration::from_secs(120), then: Then::Resend };

fn call() -> Source {
    Source::Call { attempt: attempt() }
}

fn webhook() -> Source {
    Source::Webhook { attempt: Some(attempt()) }
}

fn failure(disposition: Disposition) -> Evidence {
    Evidence::Failure(AdapterError::new(disposition, "text").into())
}

fn state_after(row: &OperationRow, source: &Source, evidence: &Evidence, recovery: Recovery) -> Option<State> {
    decide(row, source, evidence, &rules(recovery), NOW).map(|decision| decision.state.unwrap_or(row.state))
}

#[test]
fn a_report_of_a_lost_step_lets_the_next_one_begin_and_nothing_else_does() {
    let next = Evidence::Answer(Answer::Next { memo: json!({ "messages": [1] }) });
    let lost = OperationRow { ambiguous_at: Some(NOW - 500), ..row(State::Waiting) };
    let decision = decide(&lost, &webhook(), &next, &rules(MESSAGE), NOW).unwrap();
    assert_eq!((decision.state, decision.memo), (Some(State::Ready), Some(json!({ "messages": [1] }))));
    for (row, source) in [
        (row(State::Waiting), webhook()),
        (OperationRow { ambiguous_at: Some(NOW - 500), ..row(State::Unresolved) }, webhook()),
        (row(State::Succeeded), webhook()),
        (row(State::Ready), webhook()),
        (lost, Source::Poll),
    ] {
        assert_eq!(state_after(&row, &source, &next, MESSAGE), None, "{:?} {source:?}", row.state);
    }
}

#[test]
fn an_unknown_answer_about_money_waits_and_is_never_sent_again() {
    let calling = row(State::Calling);
    for evidence in [failure(Disposition::Ambiguous), Evidence::Lost] {
        let decision = decide(&calling, &call(), &evidence, &rules(MONEY), NOW).unwrap();
        assert_eq!(decision.state, Some(State::Waiting));
        assert!(decision.ambiguous);
        assert_eq!(decision.next_at, Some(NOW + 900_000));
    }

    let waiting = OperationRow { ambiguous_at: Some(NOW), ..row(State::Waiting) };
    assert_eq!(state_after(&waiting, &Source::Poll, &Evidence::ReceiptOverdue, MONEY), Some(State::Unresolved));
}

#[test]
fn a_message_without_receipt_is_sent_again_but_not_more_often_than_allowed() {
    let waiting = OperationRow { ambiguous_at: Some(NOW), ..row(State::Waiting) };
    assert_eq!(state_after(&waiting, &Source::Poll, &Evidence::ReceiptOverdue, MESSAGE), Some(State::Ready));

    let tired = OperationRow { attempts: 3, ..waiting };
    assert_eq!(state_after(&tired, &Source::Poll, &Evidence::ReceiptOverdue, MESSAGE), Some(State::Unresolved));
}

#[test]
fn used_up_tries_are_failed_only_if_none_of_them_can_have_done_it() {
    let tired = OperationRow { attempts: 3, ..row(State::Calling) };
    let decision = decide(&tired, &call(), &failure(Disposition::Transient), &rules(MONEY), NOW).unwrap();
    assert_eq!(decision.state, Some(State::Failed));
    assert!(decision.problem.unwrap().is(Code::AttemptsExhausted));

    let doubtful = OperationRow { earlier_unknown: true, ..tired };
    assert_eq!(state_after(&doubtful, &call(), &failure(Disposition::Transient), MESSAGE), Some(State::Unresolved));
}

#[test]
fn a_token_or_a_setting_says_nothing_about_what_an_earlier_call_may_have_done() {
    let again = Recovery::ResendSameKey { window: Duration::from_secs(3_600) };
    for disposition in [Disposition::Unauthorized, Disposition::Misconfigured] {
        let second = OperationRow { attempts: 2, ..row(State::Calling) };
        assert_eq!(state_after(&second, &call(), &failure(disposition), again), Some(State::Failed));
        let doubtful = OperationRow { earlier_unknown: true, ..second };
        assert_eq!(state_after(&doubtful, &call(), &failure(disposition), again), Some(State::Ready));
        let tired = OperationRow { attempts: 3, ..doubtful };
        assert_eq!(state_after(&tired, &call(), &failure(disposition), again), Some(State::Unresolved));
    }
}

#[test]
fn an_answer_that_only_a_human_can_judge_goes_to_one_at_once() {
    let half = AdapterError::new(Disposition::Ambiguous, "half of it came in").with_problem(Code::OutcomeUnknown);
    let decision = decide(&row(State::Waiting), &Source::Poll, &Evidence::Failure(half.into()), &rules(MONEY), NOW).unwrap();
    assert_eq!(decision.state, Some(State::Unresolved));
    assert_eq!(decision.problem.unwrap().detail, "half of it came in");
}

#[test]
fn a_question_that_panics_is_asked_twenty_times_and_then_a_human_is() {
    let panicked = AdapterError::new(Disposition::Ambiguous, "the adapter panicked").with_problem(Code::Internal);
    let after = |polls| {
        let waiting = OperationRow { polls, ..row(State::Waiting) };
        state_after(&waiting, &Source::Poll, &Evidence::Failure(panicked.clone().into()), MONEY)
    };
    assert_eq!(after(PANICS_MAX - 2), Some(State::Waiting));
    assert_eq!(after(PANICS_MAX - 1), Some(State::Unresolved));
}

#[test]
fn an_odd_answer_of_a_message_provider_is_shown_to_a_human_and_not_sent_again() {
    let held = AdapterError::new(Disposition::Ambiguous, "held by the fraud check").with_code("401");
    assert_eq!(state_after(&row(State::Calling), &call(), &Evidence::Failure(held.into()), MESSAGE), Some(State::Unresolved));
}

#[test]
fn a_harmless_repeat_is_made_within_its_window_only() {
    let within = Recovery::ResendSameKey { window: Duration::from_secs(60) };
    assert_eq!(state_after(&row(State::Calling), &call(), &Evidence::Lost, within), Some(State::Ready));
    let over = Recovery::ResendSameKey { window: Duration::from_millis(500) };
    assert_eq!(state_after(&row(State::Calling), &call(), &Evidence::Lost, over), Some(State::Unresolved));
}

#[test]
fn a_harmless_repeat_waits_as_long_as_the_provider_says() {
    let within = Recovery::ResendSameKey { window: Duration::from_secs(60) };
    let unknown = |wait: Option<u64>| {
        let error = AdapterError::new(Disposition::Ambiguous, "unavailable").with_code("UNAVAILABLE");
        let wait = wait.map(Duration::from_secs);
        let error = wait.into_iter().fold(error, AdapterError::with_retry_after);
        decide(&row(State::Calling), &call(), &Evidence::Failure(error.into()), &rules(within), NOW).unwrap()
    };
    assert_eq!((unknown(None).state, unknown(None).next_at), (Some(State::Ready), Some(NOW + 1_000)));
    assert_eq!(unknown(Some(30)).next_at, Some(NOW + 30_000));
    assert_eq!(unknown(Some(7_200)).next_at, Some(NOW + 3_600_000), "an hour at most");
}

#[test]
fn not_found_is_believed_only_after_the_settle_time() {
    let query = Recovery::Query { settle_after: Duration::from_secs(60) };
    let not_found = Evidence::Answer(Answer::NotFound);
    let early = OperationRow { ambiguous_at: Some(NOW - 59_000), ..row(State::Waiting) };
    assert_eq!(state_after(&early, &Source::Poll, &not_found, query), Some(State::Waiting));
    let late = OperationRow { ambiguous_at: Some(NOW - 60_000), ..row(State::Waiting) };
    assert_eq!(state_after(&late, &Source::Poll, &not_found, query), Some(State::Ready));
}

#[test]
fn what_grew_too_old_while_nobody_knew_is_not_begun_again() {
    let query = Recovery::Query { settle_after: Duration::from_secs(60) };
    let not_found = Evidence::Answer(Answer::NotFound);
    let old = OperationRow { ambiguous_at: Some(NOW - 60_000), expires_at: NOW, ..row(State::Waiting) };
    let decision = decide(&old, &Source::Poll, &not_found, &rules(query), NOW).unwrap();
    assert_eq!((decision.state, decision.problem.unwrap().code.as_str()), (Some(State::Failed), "expired"));
}

#[test]
fn not_found_of_what_the_provider_took_or_told_of_sends_nothing_again() {
    let query = Recovery::Query { settle_after: Duration::from_millis(500) };
    let not_found = Evidence::Answer(Answer::NotFound);
    let taken = row(State::Waiting);
    assert_eq!(state_after(&taken, &Source::Poll, &not_found, query), Some(State::Waiting));
    let old = OperationRow { first_opened_at: Some(NOW - 73 * 3_600_000), ..taken };
    assert_eq!(state_after(&old, &Source::Poll, &not_found, query), Some(State::Unresolved));
}

#[test]
fn what_certainly_did_nothing_is_tried_again_until_its_tries_are_used_up() {
    let transient = failure(Disposition::Transient);
    let decision = decide(&row(State::Calling), &call(), &transient, &rules(MONEY), NOW).unwrap();
    assert_eq!((decision.state, decision.next_at), (Some(State::Ready), Some(NOW + 1_000)));
    assert_eq!(decision.lane, LaneNews::Failing);

    let tired = OperationRow { attempts: 3, ..row(State::Calling) };
    assert_eq!(state_after(&tired, &call(), &transient, MONEY), Some(State::Failed));
}

#[test]
fn a_rate_limit_closes_the_lane_and_costs_no_try() {
    let error = AdapterError::new(Disposition::RateLimited, "slow down").with_retry_after(Duration::from_secs(7));
    let decision = decide(&row(State::Calling), &call(), &Evidence::Failure(error.into()), &rules(MONEY), NOW).unwrap();
    assert!(decision.uncounted);
    assert_eq!(decision.next_at, Some(NOW + 7_000));
    assert_eq!(decision.lane, LaneNews::ClosedFor(Duration::from_secs(7)));
    let decision = decide(&row(State::Calling), &call(), &failure(Disposition::RateLimited), &rules(MONEY), NOW).unwrap();
    assert_eq!((decision.next_at, decision.lane), (Some(NOW + LIMIT_BASE_MS), LaneNews::Limited { chance: 1.0 }));
}

#[test]
fn what_may_have_been_done_and_is_only_turned_away_since_is_a_human_s_in_the_end() {
    let limited = failure(Disposition::RateLimited);
    let started = |ago: Ms, doubtful| {
        let row = OperationRow { first_opened_at: Some(NOW - ago), earlier_unknown: doubtful, ..row(State::Calling) };
        state_after(&row, &call(), &limited, MESSAGE)
    };
    let longest = rules(MESSAGE).max_wait_ms;
    assert_eq!((started(longest, true), started(longest + 1, true)), (Some(State::Ready), Some(State::Unresolved)));
    assert_eq!(started(longest + 1, false), Some(State::Ready), "it ends by its age");
}

#[test]
fn a_refused_token_is_replaced_once() {
    let refused = failure(Disposition::Unauthorized);
    assert_eq!(state_after(&row(State::Calling), &call(), &refused, MONEY), Some(State::Ready));
    let again = OperationRow { attempts: 2, ..row(State::Calling) };
    assert_eq!(state_after(&again, &call(), &refused, MONEY), Some(State::Failed));
}

#[test]
fn the_answer_of_an_older_call_retries_nothing() {
    let older = Source::Call { attempt: Uuid::from_u128(99) };
    for disposition in [Disposition::Transient, Disposition::Rejected, Disposition::Ambiguous, Disposition::Misconfigured] {
        assert!(decide(&row(State::Calling), &older, &failure(disposition), &rules(MONEY), NOW).is_none());
        assert!(decide(&row(State::Waiting), &call(), &failure(disposition), &rules(MONEY), NOW).is_none());
    }
}

#[test]
fn that_an_earlier_call_came_to_nothing_says_nothing_of_the_present_one() {
    let other = Uuid::from_u128(99);
    let failed = Answer::Failed { code: "1032".to_owned(), message: "cancelled".to_owned() };
    let not_reached =
        Answer::Waiting { reference: Some(Reference::new("A")), poll_after: Duration::from_secs(15), interim: None };
    for state in [State::Calling, State::Waiting, State::Unresolved] {
        for said in [&failed, &not_reached, &Answer::NotFound] {
            let said = Evidence::Answer(said.clone());
            for source in
                [Source::Webhook { attempt: Some(other) }, Source::Webhook { attempt: None }, Source::Call { attempt: other }]
            {
                assert_eq!(state_after(&row(state), &source, &said, MONEY), None, "{state:?} {source:?} {said:?}");
            }
        }
        let said = Evidence::Answer(failed.clone());
        assert_eq!(state_after(&row(state), &webhook(), &said, MONEY), Some(State::Failed), "{state:?}");
    }
    assert_eq!(state_after(&row(State::Ready), &webhook(), &Evidence::Answer(failed), MONEY), None, "none is under way");
}

#[test]
fn what_a_callback_says_of_an_unresolved_payment_makes_it_be_asked_about_again() {
    let over = Evidence::Answer(Answer::Waiting { reference: None, poll_after: Duration::from_secs(15), interim: None });
    assert_eq!(state_after(&row(State::Unresolved), &webhook(), &over, MONEY), Some(State::Waiting));
    assert_eq!(state_after(&row(State::Unresolved), &Source::Poll, &over, MONEY), Some(State::Unresolved));
    let old = OperationRow { first_opened_at: Some(NOW - 73 * 3_600_000), ..row(State::Unresolved) };
    assert_eq!(state_after(&old, &webhook(), &over, MONEY), Some(State::Unresolved));
}

#[test]
fn money_besides_what_a_charge_was_told_with_is_told_and_changes_nothing() {
    let paid = |receipt: Option<&str>| Answer::Succeeded {
        outcome: json!({ "receipt": receipt }),
        reference: None,
        receipt: receipt.map(str::to_owned),
    };
    let told = OperationRow { outcome: Some(json!({ "receipt": "B" })), ..row(State::Succeeded) };
    let besides = |row: &OperationRow, evidence: &Evidence| {
        let decision = decide(row, &Source::Poll, evidence, &rules(MONEY), NOW)?;
        assert_eq!((decision.state, decision.outcome, decision.problem), (None, None, None));
        Some(decision.besides.unwrap().receipt)
    };
    for (receipt, tells) in [(Some("A"), Some(Some("A".to_owned()))), (Some("B"), None)] {
        assert_eq!(besides(&told, &Evidence::Answer(paid(receipt))), tells);
        assert_eq!(besides(&told, &Evidence::Claimed(paid(receipt))), tells);
    }
    assert_eq!(besides(&told, &Evidence::Claimed(paid(None))), Some(None), "money without a receipt is money");
    assert_eq!(besides(&told, &Evidence::Answer(paid(None))), None);
    assert_eq!(besides(&row(State::Failed), &Evidence::Claimed(paid(Some("A")))), Some(Some("A".to_owned())));
    assert_eq!(besides(&row(State::Waiting), &Evidence::Claimed(paid(Some("A")))), None, "it is asked about itself");
    let refund = OperationRow { action: "refund".to_owned(), ..told };
    assert_eq!(besides(&refund, &Evidence::Claimed(paid(Some("A")))), None);
}

#[test]
fn money_that_went_back_is_marked_on_the_success_and_never_makes_it_a_failure() {
    let reversed = Evidence::Claimed(Answer::Failed { code: "reversed".to_owned(), message: String::new() });
    let told = OperationRow { outcome: Some(json!({ "receipt": "B" })), ..row(State::Succeeded) };
    let decision = decide(&told, &Source::Poll, &reversed, &rules(MONEY), NOW).unwrap();
    assert_eq!((decision.state, decision.reversed), (None, true));
    assert_eq!(decision.outcome, Some(json!({ "receipt": "B", "reversed": true })));
    let again = OperationRow { outcome: decision.outcome, ..told };
    assert!(decide(&again, &Source::Poll, &reversed, &rules(MONEY), NOW).is_none());
    assert!(decide(&row(State::Failed), &Source::Poll, &reversed, &rules(MONEY), NOW).is_none());
}

#[test]
fn a_claim_is_asked_about_until_it_is_answered_or_has_been_waited_for_as_long_as_a_payment() {
    let rules = rules(MONEY);
    let waits = Evidence::Answer(Answer::Waiting { reference: None, poll_after: Duration::ZERO, interim: None });
    for said in [waits, failure(Disposition::Ambiguous), failure(Disposition::Unauthorized)] {
        assert_eq!(claimed(said.clone(), rules.max_wait_ms - 1, &rules), Claimed::Later);
        assert_eq!(claimed(said, rules.max_wait_ms, &rules), Claimed::GivenUp);
    }
    let said = Evidence::Answer(Answer::NotFound);
    assert_eq!(claimed(said, rules.max_wait_ms, &rules), Claimed::Answered(Answer::NotFound));
}

#[test]
fn money_of_an_earlier_call_always_counts() {
    let older = Source::Webhook { attempt: Some(Uuid::from_u128(99)) };
    let paid = Evidence::Answer(Answer::Succeeded { outcome: json!({}), reference: None, receipt: None });
    let claim = Evidence::Answer(Answer::Waiting { reference: None, poll_after: Duration::ZERO, interim: None });
    for state in [State::Ready, State::Calling, State::Waiting, State::Unresolved, State::Failed] {
        assert_eq!(state_after(&row(state), &older, &paid, MONEY), Some(State::Succeeded), "{state:?}");
        assert_eq!(state_after(&row(state), &older, &claim, MONEY), Some(State::Waiting), "{state:?}");
    }
}

#[test]
fn a_late_success_is_taken_whatever_was_told_before() {
    let paid = Evidence::Answer(Answer::Succeeded { outcome: json!({}), reference: None, receipt: None });
    for state in State::ALL {
        let wanted = if state == State::Succeeded { None } else { Some(State::Succeeded) };
        assert_eq!(state_after(&row(state), &webhook(), &paid, MONEY), wanted, "{state:?}");
    }
}

#[test]
fn a_claim_of_payment_reopens_what_was_told_failed_so_that_it_can_be_confirmed() {
    let claim = Evidence::Answer(Answer::Waiting { reference: None, poll_after: Duration::ZERO, interim: None });
    assert_eq!(state_after(&row(State::Failed), &webhook(), &claim, MONEY), Some(State::Waiting));
    assert_eq!(state_after(&row(State::Unresolved), &webhook(), &claim, MONEY), Some(State::Waiting));
    assert_eq!(state_after(&row(State::Succeeded), &webhook(), &claim, MONEY), None);
}

#[test]
fn a_failed_poll_moves_only_the_time_of_the_next_one() {
    let decision = decide(&row(State::Waiting), &Source::Poll, &failure(Disposition::Rejected), &rules(MONEY), NOW).unwrap();
    assert_eq!(decision.state, None);
    assert!(decision.next_at.unwrap() > NOW);
}

#[test]
fn waiting_too_long_is_shown_to_a_human() {
    let old = OperationRow { first_opened_at: Some(NOW - 73 * 3_600_000), ..row(State::Waiting) };
    let waits = Evidence::Answer(Answer::Waiting { reference: None, poll_after: Duration::from_secs(60), interim: None });
    assert_eq!(state_after(&old, &Source::Poll, &waits, MONEY), Some(State::Unresolved));
    assert_eq!(state_after(&old, &Source::Poll, &failure(Disposition::Ambiguous), MONEY), Some(State::Unresolved));
}

#[test]
fn a_breaker_opens_after_five_failures_and_doubles_to_its_cap() {
    assert_eq!([4, 5, 6, 7].map(breaker_ms), [0, 5_000, 10_000, 20_000]);
    assert_eq!(breaker_ms(1_000), BREAKER_CAP_MS);
}

#[test]
fn only_an_unresolved_operation_can_be_resolved() {
    let failed = Evidence::Resolve(Resolution::Failed { reason: "not in the portal".to_owned() });
    let who = Source::Operator { who: "amina".to_owned() };
    for state in State::ALL {
        let wanted = (state == State::Unresolved).then_some(State::Failed);
        assert_eq!(state_after(&row(state), &who, &failed, MONEY), wanted, "{state:?}");
    }
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let answers = prop_oneof![
        Just(Answer::NotFound),
        Just(Answer::Next { memo: json!(1) }),
        Just(Answer::Looked { memo: json!(1) }),
        Just(Answer::Succeeded { outcome: json!({}), reference: None, receipt: None }),
        Just(Answer::Failed { code: "1".to_owned(), message: String::new() }),
        (0_u64..100_000).prop_map(|wait| Answer::Waiting {
            reference: None,
            poll_after: Duration::from_millis(wait),
            interim: None
        }),
    ];
    let dispositions = prop_oneof![
        Just(Disposition::Transient),
        Just(Disposition::RateLimited),
        Just(Disposition::Ambiguous),
        Just(Disposition::Rejected),
        Just(Disposition::Unauthorized),
        Just(Disposition::Misconfigured),
        Just(Disposition::Unsupported),
    ];
    prop_oneof![
        answers.prop_map(Evidence::Answer),
        dispositions.prop_map(failure),
        Just(Evidence::Lost),
        Just(Evidence::ReceiptOverdue)
    ]
}

proptest! {
    /// Nothing leads out of succeeded; nothing that may have had an effect about money goes back to ready, except by what
    /// certainly did nothing; whatever has not ended has a time at which somebody looks.
    #[test]
    fn evidence_never_undoes_a_success_and_never_repeats_a_payment_of_unknown_outcome(
        state in proptest::sample::select(State::ALL.to_vec()),
        evidence in any_evidence(),
        source in prop_oneof![Just(call()), Just(Source::Poll), Just(webhook())],
        attempts in 0_u32..5,
    ) {
        let before = OperationRow { attempts, ..row(state) };
        let decided = decide(&before, &source, &evidence, &rules(MONEY), NOW);
        if let Some(decision) = decided {
            let after = decision.state.unwrap_or(state);
            prop_assert!(state != State::Succeeded);
            if after == State::Ready {
                let certain = matches!(&evidence, Evidence::Failure(failure) if failure.disposition != Disposition::Ambiguous)
                    || matches!(&evidence, Evidence::Answer(Answer::Next { .. } | Answer::Looked { .. }));
                prop_assert!(certain && state == State::Calling, "{state:?} {evidence:?}");
            }
            if !after.is_ended() && after != state {
                prop_assert!(decision.next_at.is_some());
            }
        }
    }
}

mod settings;
