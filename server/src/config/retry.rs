//! `[adapters.<adapter>.retry.<action>]`: how often and how fast a call that certainly did nothing is made again.
//!
//! `"*"` names every action that has no table of its own. What is left out keeps its default. Everything wrong is refused
//! when the server starts, with the name of the field. Calls of unknown outcome have no settings here.

use serde::Deserialize;
use tarishi_protocol::catalog;

use super::{Config, ConfigError};
use crate::{
    adapters::{event, registry},
    dispatch::policy::{Growth, Retry},
};

/// The name that stands for every action.
pub(super) const EVERY: &str = "*";
/// Calls in all, at most.
const ATTEMPTS_MAX: u32 = 1_000;
/// The longest wait that may be set: a week.
const WAIT_MS_MAX: u64 = 7 * 24 * 3_600_000;
const FACTOR_MAX: f64 = 100.0;

/// What the file says of the retries of one action; absent = the default's.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct RetryChange {
    /// How waits grow.
    pub strategy: Option<Growth>,
    /// Calls in all, at most.
    #[serde(rename = "attempts")]
    pub attempts_max: Option<u32>,
    /// The first wait, in milliseconds.
    pub base_ms: Option<u64>,
    /// How many times the wait before.
    pub factor: Option<f64>,
    /// The longest wait, in milliseconds.
    pub cap_ms: Option<u64>,
    /// The part that chance decides.
    pub jitter: Option<f64>,
}

impl From<Retry> for RetryChange {
    fn from(retry: Retry) -> Self {
        let Retry { strategy, attempts_max, base_ms, factor, cap_ms, jitter } = retry;
        Self {
            strategy: Some(strategy),
            attempts_max: Some(attempts_max),
            base_ms: Some(base_ms),
            factor: Some(factor),
            cap_ms: Some(cap_ms),
            jitter: Some(jitter),
        }
    }
}

impl RetryChange {
    /// The retries with this change.
    #[must_use]
    pub fn over(self, retry: Retry) -> Retry {
        Retry {
            strategy: self.strategy.unwrap_or(retry.strategy),
            attempts_max: self.attempts_max.unwrap_or(retry.attempts_max),
            base_ms: self.base_ms.unwrap_or(retry.base_ms),
            factor: self.factor.unwrap_or(retry.factor),
            cap_ms: self.cap_ms.unwrap_or(retry.cap_ms),
            jitter: self.jitter.unwrap_or(retry.jitter),
        }
    }
}

/// Every table, and every table over what it stands on: a wait may not begin above its end.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    for (adapter, settings) in &config.adapters {
        for (action, change) in &settings.retry {
            let table = format!("adapters.{adapter}.retry.{action}");
            if !is_action(adapter, action) {
                return Err(ConfigError::Retry(table, format!("{adapter} has no action of this name")));
            }
            change
                .check(config.retry(adapter, action))
                .map_err(|(field, rule)| ConfigError::Retry(format!("{table}.{field}"), rule))?;
        }
    }
    Ok(())
}

impl RetryChange {
    /// Checks each part, and the `whole` that it makes; says which field is wrong, and the rule.
    fn check(self, whole: Retry) -> Result<(), (&'static str, String)> {
        let Self { strategy, attempts_max, base_ms, factor, cap_ms, jitter } = self;
        let refuse = |field, rule: String| Err((field, rule));
        if attempts_max.is_some_and(|attempts| !(1..=ATTEMPTS_MAX).contains(&attempts)) {
            return refuse("attempts", format!("must be 1 to {ATTEMPTS_MAX}"));
        }
        for (field, wait) in [("base_ms", base_ms), ("cap_ms", cap_ms)] {
            if wait.is_some_and(|wait| !(1..=WAIT_MS_MAX).contains(&wait)) {
                return refuse(field, format!("must be 1 to {WAIT_MS_MAX}"));
            }
        }
        // No range of floats contains NaN.
        if factor.is_some_and(|factor| !(1.0..=FACTOR_MAX).contains(&factor)) {
            return refuse("factor", format!("must be 1 to {FACTOR_MAX}"));
        }
        if jitter.is_some_and(|jitter| !(0.0..=1.0).contains(&jitter)) {
            return refuse("jitter", "must be 0 to 1".to_owned());
        }
        if factor.is_some() && strategy.is_some_and(|strategy| strategy != Growth::Exponential) {
            return refuse("factor", "only the exponential strategy has one".to_owned());
        }
        if whole.cap_ms < whole.base_ms {
            return refuse("cap_ms", format!("must be at least base_ms, which is {}", whole.base_ms));
        }
        Ok(())
    }
}

fn is_action(adapter: &str, action: &str) -> bool {
    if adapter == event::NAME {
        return action == EVERY || action == event::DELIVER;
    }
    let own = registry().get(adapter).map(|adapter| *adapter.descriptor());
    if action == EVERY {
        return own.is_some() || catalog::category(adapter).is_some();
    }
    own.is_some_and(|own| own.action(action).is_some()) || catalog::actions(adapter).contains(&action)
}

#[cfg(test)]
mod tests {
    use super::super::{Flags, Sources};
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tarishi.toml");
        std::fs::write(&path, text).unwrap();
        let sources = Sources { file: Some(path), flags: Flags::default(), ..Sources::default() };
        Config::load(sources).map_err(|error| error.to_string())
    }

    #[test]
    fn every_part_of_the_policy_is_read_for_one_action_of_one_adapter() {
        let text = "[adapters.mpesa.retry.charge]\nstrategy = 'exponential'\nattempts = 3\nbase_ms = 1000\nfactor = 2\n\
                    cap_ms = 9000\njitter = 0\n[adapters.sms.retry.send]\nstrategy = 'fixed'\nbase_ms = 700";
        let config = load(text).unwrap();

        let charge =
            Retry { strategy: Growth::Exponential, attempts_max: 3, base_ms: 1_000, factor: 2.0, cap_ms: 9_000, jitter: 0.0 };
        assert_eq!(config.retry("mpesa", "charge"), charge);
        assert_eq!(config.retry("sms", "send"), Retry { strategy: Growth::Fixed, base_ms: 700, ..Retry::DEFAULT });
        for (adapter, action) in [("mpesa", "refund"), ("sms", "query"), ("flutterwave", "charge")] {
            assert_eq!(config.retry(adapter, action), Retry::DEFAULT, "{adapter} {action}");
        }
    }

    #[test]
    fn telling_of_events_has_retries_of_its_own() {
        assert_eq!(load("").unwrap().retry("event", "deliver"), Retry::EVENTS);
        let config = load("[adapters.event.retry.deliver]\nattempts = 3").unwrap();
        assert_eq!(config.retry("event", "deliver"), Retry { attempts_max: 3, ..Retry::EVENTS });
        assert!(load("[adapters.event.retry.send]\nattempts = 3").is_err());
    }

    #[test]
    fn a_star_is_every_action_and_a_name_wins_over_it() {
        let text = "[adapters.mpesa.retry.'*']\nattempts = 4\nbase_ms = 50\n[adapters.mpesa.retry.charge]\nattempts = 2";
        let config = load(text).unwrap();
        assert_eq!(config.retry("mpesa", "query"), Retry { attempts_max: 4, base_ms: 50, ..Retry::DEFAULT });
        assert_eq!(config.retry("mpesa", "charge"), Retry { attempts_max: 2, base_ms: 50, ..Retry::DEFAULT });
        assert_eq!(config.retry("sms", "send"), Retry::DEFAULT);
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused_at_the_start_with_its_field() {
        let rows = [
            ("attempts = 0", "attempts"),
            ("attempts = 1001", "attempts"),
            ("attempts = -1", "attempts"),
            ("attempts = 'many'", "attempts"),
            ("base_ms = 0", "base_ms"),
            ("base_ms = 1.5", "base_ms"),
            ("base_ms = 604800001", "base_ms"),
            ("cap_ms = 0", "cap_ms"),
            ("cap_ms = 10", "cap_ms"),
            ("base_ms = 3600001", "cap_ms"),
            ("factor = 0.5", "factor"),
            ("factor = 101", "factor"),
            ("factor = nan", "factor"),
            ("factor = inf", "factor"),
            ("strategy = 'fixed'\nfactor = 2", "factor"),
            ("jitter = 1.1", "jitter"),
            ("jitter = -0.1", "jitter"),
            ("jitter = nan", "jitter"),
            ("strategy = 'random'", "strategy"),
            ("strategy = 1", "strategy"),
        ];
        for (line, field) in rows {
            let error = load(&format!("[adapters.sms.retry.send]\n{line}")).expect_err(line);
            assert!(error.contains(&format!("adapters.sms.retry.send.{field}")), "{line}: {error}");
        }
        for (line, name) in [
            ("[adapters.sms.retry.send]\nretries = 1", "retries"),
            ("[adapters.sms.retry.charge]\nattempts = 1", "adapters.sms.retry.charge"),
            ("[adapters.smss.retry.send]\nattempts = 1", "adapters.smss.retry.send"),
            ("[adapters.sms.retry.send]\nrepeat_unknown = true", "repeat_unknown"),
        ] {
            assert!(load(line).expect_err(line).contains(name), "{line}");
        }
    }
}
