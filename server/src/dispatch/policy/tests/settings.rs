//! What no operator can set.

use super::*;

proptest! {
    #[test]
    fn no_retry_setting_repeats_money_of_unknown_outcome(
        attempts_max in 0..1_000_u32, base_ms in 0..100_000_u64, factor in 1.0..100.0, jitter in 0.0..1.0, made in 0..2_000_u32,
        growth in 0..3_usize, which in 0..3_usize, lost in any::<bool>(),
    ) {
        let recovery = [MONEY, Recovery::Query { settle_after: Duration::from_secs(60) }, Recovery::Human][which];
        let retry = Retry { strategy: Growth::ALL[growth], attempts_max, base_ms, factor, cap_ms: base_ms, jitter };
        let rules = Rules { retry, ..rules(recovery) };
        let row = OperationRow { attempts: made, ..row(State::Calling) };
        let evidence = if lost {
            Evidence::Lost
        } else {
            Evidence::Failure(AdapterError::new(Disposition::Ambiguous, "no answer").into())
        };
        let decision = decide(&row, &Source::Call { attempt: attempt() }, &evidence, &rules, NOW).unwrap();
        prop_assert!(matches!(decision.state, Some(State::Waiting | State::Unresolved)), "{:?}", decision.state);
        prop_assert!(!decision.new_effect);
    }
}
