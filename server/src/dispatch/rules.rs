//! The rules by which one operation is settled: the adapter's recovery, the operator's retries and waits.

use std::time::Duration;

use rand::RngExt as _;
use tarishi_protocol::catalog;

use super::policy::Rules;
use crate::{
    App,
    adapters::{Adapter, Recovery, Settings},
    store::Ms,
};

fn longest(configured: Ms, needed: Option<Duration>) -> Ms {
    needed.and_then(|needed| Ms::try_from(needed.as_millis()).ok()).map_or(configured, |needed| needed.max(configured))
}

/// The rules of one action for one tenant.
pub(super) fn rules(app: &App, adapter: &dyn Adapter, action: &str, settings: &Settings) -> Rules {
    let spec = adapter.descriptor().action(action);
    Rules {
        recovery: spec.map_or(Recovery::Human, |spec| adapter.recovery(spec.name, settings)),
        has_effect: spec.is_none_or(|spec| spec.has_effect),
        money: catalog::moves_money(action),
        retry: app.config.retry(adapter.descriptor().name, action),
        max_hold_ms: app.config.max_hold_ms,
        max_wait_ms: longest(app.config.max_wait_ms, adapter.max_wait(action)),
        look_for: adapter.look_for(action),
        jitter: rand::rng().random_range(0.0..1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_may_ask_for_more_time_and_never_for_less() {
        assert_eq!(longest(1_000, None), 1_000);
        assert_eq!(longest(1_000, Some(Duration::from_secs(2))), 2_000);
        assert_eq!(longest(1_000, Some(Duration::ZERO)), 1_000);
    }
}
