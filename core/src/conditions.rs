//! What decides whether and when a sync may run: the network, the person, the server's wishes, the waits.

use tarishi_protocol::Limits;

use crate::{
    Options, WhyReason,
    sync::backoff::{Backoff, Trouble},
};

/// The network, as the app tells it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Network {
    /// Nobody said: try and see.
    #[default]
    Unknown,
    /// None: nothing is tried.
    Offline,
    /// One that costs.
    Metered,
    /// One that does not.
    Unmetered,
}

/// What only a person or a new token can end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Halt {
    NeedsAuth,
    CopiedDevice,
    SignedOut,
}

/// The longest a server may keep clients away by one answer: an hour.
pub(crate) const HARD_MS_MAX: i64 = 3_600_000;
/// How often a client that is too old asks again: a day.
pub(crate) const UPGRADE_MS: i64 = 24 * 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// Times are of the uptime clock.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) network: Network,
    pub(crate) foreground: bool,
    pub(crate) suspended: bool,
    pub(crate) halt: Option<Halt>,
    pub(crate) upgrade_until: Option<i64>,
    pub(crate) hard_until: Option<i64>,
    pub(crate) backoff: Backoff,
    pub(crate) backoff_until: Option<i64>,
    pub(crate) limits: Limits,
    /// Bytes that were too many, and the server's limit when they were.
    pub(crate) ceiling: Option<(usize, usize)>,
    pub(crate) metered: (i64, u64),
    pub(crate) last_poll: Option<i64>,
    pub(crate) quick_polls: u32,
    pub(crate) account: Option<String>,
    pub(crate) last_exchange: Option<(i64, &'static str)>,
    /// Calls of `sync` that run or wait for their turn.
    pub(crate) waiting: usize,
}

impl Conditions {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            network: Network::Unknown,
            foreground: true,
            suspended: false,
            halt: None,
            upgrade_until: None,
            hard_until: None,
            backoff: Backoff::new(seed),
            backoff_until: None,
            limits: Limits::default(),
            ceiling: None,
            metered: (0, 0),
            last_poll: None,
            quick_polls: 0,
            account: None,
            last_exchange: None,
            waiting: 0,
        }
    }

    /// The person asked for a sync: soft waits and pauses end, what the server demanded stays.
    pub(crate) fn asked_for(&mut self) {
        self.forgive();
        if self.halt != Some(Halt::SignedOut) {
            self.halt = None;
        }
        self.upgrade_until = None;
    }

    /// The world changed, or the last exchange went well: soft waits end.
    pub(crate) fn forgive(&mut self) {
        self.backoff.reset();
        self.backoff_until = None;
    }

    /// An exchange failed.
    pub(crate) fn fail(&mut self, now: i64, trouble: Trouble) {
        let wait = self.backoff.fail(trouble, self.foreground);
        self.backoff_until = Some(now.saturating_add(wait));
    }

    /// What forbids any exchange now.
    pub(crate) fn forbidden(&self, options: &Options, now: i64, wall_ms: i64) -> Option<WhyReason> {
        match self.halt {
            Some(Halt::NeedsAuth | Halt::CopiedDevice | Halt::SignedOut) => return Some(WhyReason::NeedsAuth),
            None => {}
        }
        if self.suspended {
            return Some(WhyReason::Suspended);
        }
        if self.upgrade_until.is_some_and(|until| until > now) {
            return Some(WhyReason::UpgradeRequired);
        }
        match self.network {
            Network::Offline => Some(WhyReason::Offline),
            Network::Metered if !options.sync_on_metered || self.budget_spent(options, wall_ms) => Some(WhyReason::Metered),
            Network::Metered | Network::Unknown | Network::Unmetered => None,
        }
    }

    fn budget_spent(&self, options: &Options, wall_ms: i64) -> bool {
        let (day, bytes) = self.metered;
        day == wall_ms.div_euclid(DAY_MS) && options.metered_bytes_per_day.is_some_and(|budget| bytes >= budget)
    }

    /// Counts bytes on a network that costs.
    pub(crate) fn spend(&mut self, wall_ms: i64, bytes: u64) {
        if self.network == Network::Metered {
            let today = wall_ms.div_euclid(DAY_MS);
            let (day, spent) = self.metered;
            self.metered = (today, if day == today { spent.saturating_add(bytes) } else { bytes });
        }
    }

    /// The time before which nothing may be sent, if it is to come.
    pub(crate) fn gate(&self, now: i64) -> Option<i64> {
        self.hard_until.max(self.backoff_until).filter(|until| *until > now)
    }

    /// Bytes a body may have.
    pub(crate) fn body_bytes_max(&self) -> usize {
        let limit = self.limits.bytes.clamp(1, tarishi_protocol::limits::ENCODED_BYTES_MAX);
        match self.ceiling {
            Some((ceiling, then)) if then == limit => ceiling.min(limit),
            Some(_) | None => limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_on_metered_networks_only_and_comes_back_the_next_day() {
        let mut options = Options::new("q.db", "http://localhost");
        options.metered_bytes_per_day = Some(1_000);
        let mut conditions = Conditions::new(1);
        conditions.network = Network::Unmetered;
        conditions.spend(0, 5_000);
        conditions.network = Network::Metered;
        assert_eq!(conditions.forbidden(&options, 0, 0), None);
        conditions.spend(0, 1_000);
        assert_eq!(conditions.forbidden(&options, 0, 0), Some(WhyReason::Metered));
        assert_eq!(conditions.forbidden(&options, 0, DAY_MS), None);
    }

    #[test]
    fn a_remembered_ceiling_is_forgotten_when_the_server_takes_another_size() {
        let mut conditions = Conditions::new(1);
        let limit = conditions.body_bytes_max();
        conditions.ceiling = Some((9_000, limit));
        assert_eq!(conditions.body_bytes_max(), 9_000);
        conditions.limits.bytes = 500_000;
        assert_eq!(conditions.body_bytes_max(), 500_000);
    }

    #[test]
    fn asking_ends_soft_waits_but_not_what_the_server_demanded() {
        let mut conditions = Conditions::new(1);
        conditions.fail(0, Trouble::Server);
        conditions.hard_until = Some(1_000_000);
        conditions.asked_for();
        assert_eq!(conditions.backoff_until, None);
        assert_eq!(conditions.gate(0), Some(1_000_000));
    }
}
