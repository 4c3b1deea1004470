//! The rules of the chain, each by name, and what holds in every order of events.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::chain::Channel;

const START: Ms = 1_800_000_000_000;
const S: Ms = 1_000;

fn route(more: Value) -> Route {
    let mut text = json!({ "channels": [
        { "channel": "push", "wait_s": 300 },
        { "channel": "whatsapp", "wait_s": 900, "tariff": { "amount": "0.60", "currency": "KES" } },
        { "channel": "sms", "wait_s": 3600, "success": "delivered", "tariff": { "amount": "0.80", "currency": "KES" } },
    ] });
    if let (Some(all), Value::Object(more)) = (text.as_object_mut(), more) {
        all.extend(more);
    }
    serde_json::from_value::<Route>(text).unwrap().complete().unwrap()
}

fn delivery(leg: usize, standing: Standing, reach: Option<Reach>, after_s: Ms) -> Delivery {
    Delivery { leg, standing, reach, begun_at: START + after_s * S }
}

fn scene<'a>(route: &'a Route, deliveries: &'a [Delivery]) -> Scene<'a> {
    Scene { route, deliveries, closed: &[], deadline_at: START + route.deadline_ms(), quiet_until: None, spent_micros: 0 }
}

fn at(route: &Route, deliveries: &[Delivery], after_s: Ms) -> Next {
    next(&scene(route, deliveries), START + after_s * S)
}

#[test]
fn the_first_channel_is_first_and_each_next_one_follows_its_wait() {
    let route = route(json!({}));
    assert_eq!(at(&route, &[], 0), Next::Send { leg: 0 });
    let push = [delivery(0, Standing::Taken, Some(Reach::Accepted), 0)];
    assert_eq!(at(&route, &push, 299), Next::Wait { until: START + 300 * S });
    assert_eq!(at(&route, &push, 300), Next::Send { leg: 1 });
    let both = [push[0], delivery(1, Standing::Taken, Some(Reach::Sent), 300)];
    assert_eq!(at(&route, &both, 1_199), Next::Wait { until: START + 1_200 * S });
    assert_eq!(at(&route, &both, 1_200), Next::Send { leg: 2 });
}

#[test]
fn a_refusal_or_a_failure_is_followed_at_once() {
    let route = route(json!({}));
    assert_eq!(at(&route, &[delivery(0, Standing::Lost, None, 0)], 0), Next::Send { leg: 1 });
    // The provider took it and told later that it failed.
    assert_eq!(at(&route, &[delivery(0, Standing::Lost, Some(Reach::Accepted), 0)], 1), Next::Send { leg: 1 });
}

#[test]
fn what_is_enough_ends_it_whichever_channel_it_is_of_and_however_late() {
    let route = route(json!({}));
    let late =
        [delivery(0, Standing::Taken, Some(Reach::Delivered), 0), delivery(1, Standing::Taken, Some(Reach::Accepted), 300)];
    assert_eq!(at(&route, &late, 301), Next::Succeeded { leg: 0, reach: Reach::Delivered });
    let lost = [delivery(0, Standing::Lost, Some(Reach::Read), 0)];
    assert_eq!(at(&route, &lost, 9_999_999), Next::Succeeded { leg: 0, reach: Reach::Read });
}

#[test]
fn the_success_of_a_channel_is_what_its_leg_says() {
    let strict = route(json!({ "channels": [{ "channel": "whatsapp", "wait_s": 60, "success": "read" }] }));
    assert!(matches!(at(&strict, &[delivery(0, Standing::Taken, Some(Reach::Delivered), 0)], 1), Next::Wait { .. }));
    let easy = route(json!({ "channels": [{ "channel": "sms", "wait_s": 60, "success": "accepted" }] }));
    let taken = [delivery(0, Standing::Taken, Some(Reach::Accepted), 0)];
    assert_eq!(at(&easy, &taken, 1), Next::Succeeded { leg: 0, reach: Reach::Accepted });
}

#[test]
fn a_provider_that_cannot_be_reached_has_half_of_the_wait() {
    let route = route(json!({}));
    let retrying = [delivery(0, Standing::Retrying, None, 0)];
    assert_eq!(at(&route, &retrying, 149), Next::Wait { until: START + 150 * S });
    assert_eq!(at(&route, &retrying, 150), Next::Send { leg: 1 });
    // A call that is open is waited for.
    assert_eq!(at(&route, &[delivery(0, Standing::Calling, None, 0)], 150), Next::Wait { until: START + 300 * S });
}

#[test]
fn a_long_queue_of_ours_makes_no_channel_be_left_out_but_a_closed_provider_does() {
    let route = route(json!({}));
    let queued = [delivery(0, Standing::Queued, None, 0)];
    assert_eq!(at(&route, &queued, 1_000), Next::Wait { until: START + 1_150 * S });
    assert_eq!(at(&route, &queued, 7_199), Next::Wait { until: START + 7_200 * S });
    assert_eq!(at(&route, &queued, 7_200), Next::DeadlinePassed);
    assert_eq!(at(&route, &[delivery(0, Standing::Stuck, None, 0)], 1), Next::Send { leg: 1 });
}

#[test]
fn an_unknown_answer_is_followed_after_half_of_the_wait_or_all_of_it() {
    let route = |rule: &str| route(json!({ "on_uncertain": rule }));
    let unknown = [delivery(0, Standing::Uncertain { since: START + 10 * S }, None, 0)];
    assert_eq!(at(&route("escalate"), &unknown, 10), Next::Wait { until: START + 160 * S });
    assert_eq!(at(&route("escalate"), &unknown, 160), Next::Send { leg: 1 });
    for all_of_it in ["wait", "resend_once"] {
        assert_eq!(at(&route(all_of_it), &unknown, 160), Next::Wait { until: START + 300 * S });
    }
}

#[test]
fn an_unknown_answer_of_the_last_open_channel_has_all_of_its_wait() {
    let rule = route(json!({}));
    let unknown = [delivery(1, Standing::Uncertain { since: START }, None, 0)];
    assert_eq!(at(&rule, &unknown, 450), Next::Send { leg: 2 });
    let closed = [None, None, Some(Skip::NoAddress)];
    let alone = Scene { closed: &closed, ..scene(&rule, &unknown) };
    assert_eq!(next(&alone, START + 450 * S), Next::Wait { until: START + 900 * S });
    let strict = route(json!({ "fallback_allowed": false }));
    assert_eq!(at(&strict, &unknown, 450), Next::Wait { until: START + 900 * S });
}

#[test]
fn a_channel_that_is_closed_is_left_out() {
    let route = route(json!({}));
    let closed = [Some(Skip::NoAddress), None, None];
    let scene = Scene { closed: &closed, ..scene(&route, &[]) };
    assert_eq!(next(&scene, START), Next::Skip { leg: 0, why: Skip::NoAddress });
}

#[test]
fn a_type_without_fallback_has_its_first_channel_alone() {
    let route = route(json!({ "fallback_allowed": false }));
    assert_eq!(at(&route, &[], 0), Next::Send { leg: 0 });
    assert_eq!(at(&route, &[delivery(0, Standing::Lost, None, 0)], 0), Next::Exhausted);
    let taken = [delivery(0, Standing::Taken, Some(Reach::Accepted), 0)];
    assert_eq!(at(&route, &taken, 300), Next::Unconfirmed { leg: 0 });
}

#[test]
fn the_end_says_whether_a_provider_took_it() {
    let route = route(json!({ "channels": [{ "channel": "sms", "wait_s": 60 }] }));
    assert_eq!(at(&route, &[delivery(0, Standing::Lost, None, 0)], 60), Next::Exhausted);
    assert_eq!(at(&route, &[delivery(0, Standing::Lost, Some(Reach::Sent), 0)], 60), Next::Exhausted);
    assert_eq!(at(&route, &[delivery(0, Standing::Taken, Some(Reach::Sent), 0)], 60), Next::Unconfirmed { leg: 0 });
}

#[test]
fn no_channel_is_begun_after_the_deadline() {
    let route = route(json!({ "deadline_s": 300 }));
    assert_eq!(at(&route, &[delivery(0, Standing::Lost, None, 0)], 299), Next::Send { leg: 1 });
    assert_eq!(at(&route, &[delivery(0, Standing::Lost, None, 0)], 300), Next::DeadlinePassed);
    assert_eq!(at(&route, &[delivery(0, Standing::Taken, Some(Reach::Accepted), 0)], 300), Next::Unconfirmed { leg: 0 });
}

#[test]
fn quiet_hours_put_off_drop_or_mean_nothing() {
    let quiet = |rule: &str| route(json!({ "quiet_hours": { "from": "21:00", "until": "06:00", "rule": rule } }));
    for (rule, expected) in
        [("defer", Next::Defer { until: START + 5 * S }), ("drop", Next::Dropped), ("bypass", Next::Send { leg: 0 })]
    {
        let route = quiet(rule);
        let scene = Scene { quiet_until: Some(START + 5 * S), ..scene(&route, &[]) };
        assert_eq!(next(&scene, START), expected, "{rule}");
    }
}

#[test]
fn the_cap_is_never_passed() {
    let route = route(json!({ "max_cost": { "amount": "1.00", "currency": "KES" } }));
    let lost = [delivery(0, Standing::Lost, None, 0)];
    let with = |spent_micros| Scene { spent_micros, ..scene(&route, &lost) };
    assert_eq!(next(&with(400_000), START), Next::Send { leg: 1 });
    assert_eq!(next(&with(400_001), START), Next::Skip { leg: 1, why: Skip::Budget });
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        Just(Standing::Queued),
        Just(Standing::Stuck),
        Just(Standing::Retrying),
        Just(Standing::Calling),
        (0..400_i64).prop_map(|after| Standing::Uncertain { since: START + after * S }),
        Just(Standing::Taken),
        Just(Standing::Lost),
    ]
}

fn reach() -> impl Strategy<Value = Option<Reach>> {
    prop::option::of(prop::sample::select(Reach::ALL.to_vec()))
}

fn rules() -> impl Strategy<Value = Route> {
    let order = Just(Channel::ALL.to_vec()).prop_shuffle();
    let waits = prop::collection::vec((1_u32..600, prop::sample::select(Reach::ALL.to_vec())), 1..=3);
    (order, waits, 1_u32..2_000, any::<bool>(), any::<bool>(), prop::option::of(0_i64..300)).prop_map(
        |(order, waits, deadline_s, fallback_allowed, waits_out, cap)| {
            let money = |units| tarishi_protocol::Money::from_minor_units(units, "KES").unwrap();
            let leg = |(channel, (wait_s, success)): (Channel, (u32, Reach))| Leg {
                channel,
                success,
                wait_s,
                tariff: Some(money(if channel == Channel::Push { 0 } else { 80 })),
            };
            let channels = order.into_iter().zip(waits).map(leg).collect();
            let on_uncertain = if waits_out { Uncertain::Wait } else { Uncertain::Escalate };
            let max_cost = cap.map(money);
            Route { channels, deadline_s: Some(deadline_s), fallback_allowed, on_uncertain, max_cost, ..Route::default() }
        },
    )
}

/// What happens at each moment: time passes, and something may be learnt of one delivery.
type Event = (Ms, usize, Standing, Option<Reach>, Vec<bool>);

fn events() -> impl Strategy<Value = Vec<Event>> {
    let closed = prop::collection::vec(any::<bool>(), 3);
    prop::collection::vec((0_i64..400, 0_usize..3, standing(), reach(), closed), 0..40)
}

proptest! {
    #[test]
    fn in_every_order_of_events_the_chain_keeps_its_promises(route in rules(), events in events()) {
        let route = route.complete().unwrap();
        let cap = route.max_cost.as_ref().map(|cap| Cost::of(cap).micros);
        let deadline_at = START + route.deadline_ms();
        let (mut now, mut spent, mut won) = (START, 0_i64, false);
        let mut deliveries: Vec<Delivery> = Vec::new();
        for (passed, which, standing, reach, closed) in events {
            now += passed * S;
            if let Some(delivery) = deliveries.get_mut(which) {
                // Evidence: a reach only climbs, and what is lost stays lost.
                delivery.reach = delivery.reach.max(reach);
                if delivery.standing != Standing::Lost {
                    delivery.standing = standing;
                }
            }
            let closed: Vec<Option<Skip>> = closed.iter().map(|closed| closed.then_some(Skip::NoAddress)).collect();
            for _ in 0..=route.channels.len() {
                let scene = Scene {
                    route: &route, deliveries: &deliveries, closed: &closed, deadline_at, quiet_until: None, spent_micros: spent,
                };
                let decided = next(&scene, now);
                prop_assert_eq!(decided, next(&scene, now), "asked again it says the same");
                prop_assert!(!won || matches!(decided, Next::Succeeded { .. }), "nothing follows a success: {:?}", decided);
                match decided {
                    Next::Send { leg } => {
                        prop_assert!(deliveries.iter().all(|delivery| delivery.leg < leg), "a channel twice or out of order");
                        if let Some(last) = deliveries.last() {
                            prop_assert!(now >= over_at(&scene, last), "two channels at once");
                        }
                        prop_assert!(now < deadline_at && (route.fallback_allowed || deliveries.is_empty()));
                        spent += route.channels[leg].cost().map_or(0, |cost| cost.micros);
                        prop_assert!(cap.is_none_or(|cap| spent <= cap), "the cap is passed");
                        deliveries.push(Delivery { leg, standing: Standing::Queued, reach: None, begun_at: now });
                    }
                    Next::Skip { leg, .. } => {
                        prop_assert!(deliveries.iter().all(|delivery| delivery.leg < leg));
                        deliveries.push(Delivery { leg, standing: Standing::Lost, reach: None, begun_at: now });
                    }
                    Next::Wait { until } => {
                        prop_assert!(until > now, "a wait that is over");
                        break;
                    }
                    Next::Succeeded { leg, reach } => {
                        prop_assert!(reach >= route.channels[leg].success);
                        won = true;
                        break;
                    }
                    Next::Unconfirmed { .. } | Next::Exhausted | Next::DeadlinePassed => break,
                    Next::Defer { .. } | Next::Dropped => prop_assert!(false, "there are no quiet hours"),
                }
            }
        }
    }

    #[test]
    fn a_chain_of_which_nothing_is_heard_comes_to_its_end(route in rules()) {
        let route = route.complete().unwrap();
        let mut now = START;
        let mut deliveries: Vec<Delivery> = Vec::new();
        for _ in 0..=4 * route.channels.len() {
            let scene = Scene { deadline_at: START + route.deadline_ms(), ..scene(&route, &deliveries) };
            match next(&scene, now) {
                Next::Send { leg } => deliveries.push(Delivery { leg, standing: Standing::Calling, reach: None, begun_at: now }),
                Next::Wait { until } => now = until,
                Next::Skip { leg, .. } => deliveries.push(Delivery { leg, standing: Standing::Lost, reach: None, begun_at: now }),
                Next::Exhausted | Next::DeadlinePassed => return Ok(()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert!(false, "it never ends");
    }
}
