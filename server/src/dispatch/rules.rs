//! The rules by which one operation is settled: the adapter's recovery, the operator's retries and waits.

use rand::RngExt as _;
use tarishi_protocol::catalog;

use super::policy::Rules;
use crate::{
    App,
    adapters::{Adapter, Recovery, Settings},
};

/// The rules of one action for one tenant.
pub(super) fn rules(app: &App, adapter: &dyn Adapter, action: &str, settings: &Settings) -> Rules {
    let spec = adapter.descriptor().action(action);
    Rules {
        recovery: spec.map_or(Recovery::Human, |spec| adapter.recovery(spec.name, settings)),
        has_effect: spec.is_none_or(|spec| spec.has_effect),
        money: catalog::moves_money(action),
        retry: app.config.retry(adapter.descriptor().name, action),
        max_hold_ms: app.config.max_hold_ms,
        max_wait_ms: app.config.max_wait_ms,
        jitter: rand::rng().random_range(0.0..1.0),
    }
}
