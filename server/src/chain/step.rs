//! The step function: what follows from where a notification stands. Pure, and the only place that decides it.
//!
//! In go the route, the deliveries so far, what is known of each channel now, and the time; out comes one [`Next`]. Asked again
//! with the same it says the same, so whoever asks twice (a timer that fires late, a webhook that comes doubled) does no harm.

use super::{
    Cost,
    quiet::Quiet,
    route::{Leg, Reach, Route, Uncertain},
};
use crate::store::Ms;

/// Where one delivery stands, apart from how far it came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Its operation waits for its first call: our own queue, for which no channel is to blame.
    Queued,
    /// Its operation waits for its first call, and its provider is closed for longer than half of the wait.
    Stuck,
    /// A call certainly did nothing, and the next one is waited for.
    Retrying,
    /// A call is open.
    Calling,
    /// Nobody knows whether the provider has it, since then.
    Uncertain {
        /// When that became so.
        since: Ms,
    },
    /// The provider has it.
    Taken,
    /// It will not come by this channel: refused, failed, withdrawn, or never begun.
    Lost,
}

/// One delivery so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// Which leg of the route.
    pub leg: usize,
    /// Where it stands.
    pub standing: Standing,
    /// How far it came, at any time.
    pub reach: Option<Reach>,
    /// When its first call was made, from which its wait counts; of one that was never called, when it was decided on.
    pub begun_at: Ms,
}

/// Why a channel was not tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Skip {
    /// The person has no address there: no phone with the app, no number.
    NoAddress,
    /// The person wants nothing by this channel.
    OptedOut,
    /// It was learnt that it does not work there: no WhatsApp on the number.
    Unreachable,
    /// Nothing was heard of the person's phones for long, and another channel is open.
    Stale,
    /// There are no texts for it.
    NoText,
    /// It is switched off, or paused, or not set up.
    SwitchedOff,
    /// Its provider fails, and would for longer than half of the wait.
    CircuitOpen,
    /// The notification's cap.
    Budget,
    /// The tenant's cap of the day.
    DailyBudget,
    /// The tenant's cap of the day for this channel.
    ChannelBudget,
    /// The tenant's cap of the day for one person.
    PersonBudget,
}

impl Skip {
    /// The word in the store, in answers and in figures.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::OptedOut => "opted_out",
            Self::Unreachable => "unreachable",
            Self::Stale => "stale",
            Self::NoText => "no_text",
            Self::SwitchedOff => "switched_off",
            Self::CircuitOpen => "circuit_open",
            Self::Budget => "budget",
            Self::DailyBudget => "daily_budget",
            Self::ChannelBudget => "channel_budget",
            Self::PersonBudget => "person_budget",
        }
    }
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Its route, complete.
    pub route: &'a Route,
    /// Its deliveries so far, in the order in which they were begun.
    pub deliveries: &'a [Delivery],
    /// Of each leg: why it cannot be tried now.
    pub closed: &'a [Option<Skip>],
    /// No further channel is begun from then on.
    pub deadline_at: Ms,
    /// The end of the quiet hours that hold now.
    pub quiet_until: Option<Ms>,
    /// What its deliveries are booked at so far, in the currency of the cap.
    pub spent_micros: i64,
}

/// What follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// A channel did it.
    Succeeded {
        /// Which leg's.
        leg: usize,
        /// How far it came.
        reach: Reach,
    },
    /// Begin this leg. Whatever went before it is over.
    Send {
        /// Which.
        leg: usize,
    },
    /// Leave this leg out and ask again.
    Skip {
        /// Which.
        leg: usize,
        /// Why.
        why: Skip,
    },
    /// Nothing before then.
    Wait {
        /// When to ask again.
        until: Ms,
    },
    /// Quiet hours: nothing before then, and that time does not count.
    Defer {
        /// When they end.
        until: Ms,
    },
    /// No channel is left (or no time). The best that a provider said is that it took the message.
    Unconfirmed {
        /// Which leg's.
        leg: usize,
    },
    /// No channel is left, and none took it.
    Exhausted,
    /// The time in which steps may begin is over, and no channel took it.
    DeadlinePassed,
    /// Quiet hours, in which this type is dropped.
    Dropped,
}

/// What follows now.
#[must_use]
pub fn next(scene: &Scene<'_>, now: Ms) -> Next {
    if let Some(delivery) = succeeded(scene) {
        return Next::Succeeded { leg: delivery.leg, reach: delivery.reach.unwrap_or(Reach::Accepted) };
    }
    if let Some(last) = scene.deliveries.last() {
        let ends = over_at(scene, last);
        if now < ends {
            return Next::Wait { until: look_at(scene, last, ends, now) };
        }
    }
    let leg = scene.deliveries.last().map_or(0, |last| last.leg + 1);
    let may_follow = scene.route.fallback_allowed || scene.deliveries.is_empty();
    let Some(rule) = scene.route.channels.get(leg).filter(|_| may_follow) else {
        return ended(scene, Next::Exhausted);
    };
    if now >= scene.deadline_at {
        return ended(scene, Next::DeadlinePassed);
    }
    if let Some(why) = scene.closed.get(leg).copied().flatten() {
        return Next::Skip { leg, why };
    }
    if exceeds(scene, rule) {
        return Next::Skip { leg, why: Skip::Budget };
    }
    match (scene.quiet_until, scene.route.quiet_hours.as_ref().map(|quiet| quiet.rule)) {
        (Some(until), Some(Quiet::Defer)) => Next::Defer { until },
        (Some(_), Some(Quiet::Drop)) => ended(scene, Next::Dropped),
        (None, _) | (_, Some(Quiet::Bypass) | None) => Next::Send { leg },
    }
}

/// The delivery that is enough, of whatever channel: a late one of an earlier channel counts too.
fn succeeded<'a>(scene: &Scene<'a>) -> Option<&'a Delivery> {
    let enough = |delivery: &&Delivery| {
        let wanted = scene.route.channels.get(delivery.leg).map_or(Reach::Read, |leg| leg.success);
        delivery.reach.is_some_and(|reach| reach >= wanted)
    };
    scene.deliveries.iter().filter(enough).max_by_key(|delivery| delivery.reach)
}

/// When the next channel's turn comes if nothing more is heard of this one.
fn over_at(scene: &Scene<'_>, delivery: &Delivery) -> Ms {
    let wait = wait_of(scene, delivery);
    match delivery.standing {
        Standing::Lost | Standing::Stuck => Ms::MIN,
        // A long queue of ours is no reason to leave a channel out: the next one's is no shorter.
        Standing::Queued => scene.deadline_at,
        // A provider that is only tried again and again has half of the time.
        Standing::Retrying => delivery.begun_at.saturating_add(wait / 2),
        // With nothing to go on to, the last channel has all of its time.
        Standing::Uncertain { since } if scene.route.on_uncertain == Uncertain::Escalate && goes_on(scene, delivery.leg) => {
            since.saturating_add(wait / 2).min(delivery.begun_at.saturating_add(wait))
        }
        Standing::Calling | Standing::Taken | Standing::Uncertain { .. } => delivery.begun_at.saturating_add(wait),
    }
}

/// Whether a channel behind this leg is open.
#[must_use]
pub fn goes_on(scene: &Scene<'_>, leg: usize) -> bool {
    let open = |leg: usize| scene.closed.get(leg).copied().flatten().is_none();
    scene.route.fallback_allowed && (leg + 1..scene.route.channels.len()).any(open)
}

/// Whether a provider has closed meanwhile is looked at now and then.
fn look_at(scene: &Scene<'_>, delivery: &Delivery, ends: Ms, now: Ms) -> Ms {
    match delivery.standing {
        Standing::Queued => ends.min(now.saturating_add((wait_of(scene, delivery) / 2).max(1))),
        Standing::Stuck
        | Standing::Retrying
        | Standing::Calling
        | Standing::Uncertain { .. }
        | Standing::Taken
        | Standing::Lost => ends,
    }
}

fn wait_of(scene: &Scene<'_>, delivery: &Delivery) -> Ms {
    scene.route.channels.get(delivery.leg).map_or(0, Leg::wait_ms)
}

/// One message of this leg would pass the notification's cap.
fn exceeds(scene: &Scene<'_>, leg: &Leg) -> bool {
    let cap = scene.route.max_cost.as_ref().map(Cost::of);
    let tariff = leg.cost().map_or(0, |cost| cost.micros);
    cap.is_some_and(|cap| tariff > 0 && scene.spent_micros.saturating_add(tariff) > cap.micros)
}

/// The end without success: what a provider took may yet arrive.
fn ended(scene: &Scene<'_>, otherwise: Next) -> Next {
    let taken = scene.deliveries.iter().filter(|delivery| delivery.reach.is_some() && delivery.standing != Standing::Lost);
    taken.max_by_key(|delivery| delivery.reach).map_or(otherwise, |best| Next::Unconfirmed { leg: best.leg })
}

#[cfg(test)]
mod tests;
