//! `/metrics` in Prometheus' text format.
//!
//! What the database knows is read when somebody asks, into a recorder of its own: a series that is no longer there does not
//! linger at its last value. What only this process knows (requests) is counted as it happens.

use std::fmt;

use metrics::{counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::{
    dispatch::policy::BREAKER_FAILURES,
    store::{Figures, Ms},
};

/// Counters of one server; several in one process do not mix.
pub struct Metrics {
    requests: PrometheusRecorder,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&requests, || {
            describe_counter!("tarishi_http_requests_total", "HTTP requests answered, by route and status");
            describe_counter!(
                "tarishi_possible_duplicate_total",
                "Messages sent again after a call of unknown outcome, by adapter"
            );
        });
        Self { requests }
    }
}

impl Metrics {
    /// One request was answered. `route` is the route's pattern, never the path.
    pub fn count_request(&self, method: &str, route: &str, status: u16) {
        with_local_recorder(&self.requests, || {
            let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
            counter!("tarishi_http_requests_total", &labels).increment(1);
        });
    }

    /// A message was sent again after a call of unknown outcome: the provider may have it twice.
    pub fn count_possible_duplicate(&self, adapter: &'static str) {
        with_local_recorder(&self.requests, || counter!("tarishi_possible_duplicate_total", "adapter" => adapter).increment(1));
    }

    /// Everything, as text.
    #[must_use]
    pub fn render(&self, figures: &Figures, held_requests: usize, now: Ms) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&recorder, || record(figures, held_requests, now));
        format!("{}{}", recorder.handle().render(), self.requests.handle().render())
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats; counts stay far below 2^53")]
fn record(figures: &Figures, held_requests: usize, now: Ms) {
    describe_gauge!("tarishi_queue_depth", "Operations that have not ended, by adapter and state");
    describe_gauge!("tarishi_operations_ended", "Operations that have ended and are kept, by adapter and outcome");
    describe_gauge!("tarishi_attempts", "Tries and evidence kept in the log, by adapter and result");
    describe_gauge!("tarishi_lane_depth", "Operations that wait to be executed, by tenant and adapter");
    describe_gauge!("tarishi_lane_in_use", "Calls under way, by tenant and adapter");
    describe_gauge!("tarishi_lane_failures", "Failures in a row that say the provider is down");
    describe_gauge!("tarishi_breaker_open", "1 while the breaker keeps the lane closed");
    describe_gauge!("tarishi_lane_closed", "1 while the lane is closed, by the breaker or a rate limit");
    describe_gauge!("tarishi_dead_letters", "Operations that wait for a human");
    describe_gauge!("tarishi_held_requests", "Devices that wait for news");
    describe_gauge!("tarishi_unmatched_webhook_events", "Webhook events that match nothing yet");
    for (adapter, state, count) in &figures.depth {
        gauge!("tarishi_queue_depth", "adapter" => adapter.clone(), "state" => state.as_str()).set(*count as f64);
    }
    for (adapter, state, count) in &figures.ended {
        gauge!("tarishi_operations_ended", "adapter" => adapter.clone(), "outcome" => state.as_str()).set(*count as f64);
    }
    for (adapter, result, count) in &figures.attempts {
        gauge!("tarishi_attempts", "adapter" => adapter.clone(), "result" => result.clone()).set(*count as f64);
    }
    for lane in &figures.lanes {
        let labels = [("tenant", lane.tenant.clone()), ("adapter", lane.adapter.clone())];
        let closed = lane.not_before > now;
        gauge!("tarishi_lane_depth", &labels).set(lane.depth as f64);
        gauge!("tarishi_lane_in_use", &labels).set(f64::from(lane.in_use));
        gauge!("tarishi_lane_failures", &labels).set(f64::from(lane.failures));
        gauge!("tarishi_lane_closed", &labels).set(f64::from(u8::from(closed)));
        gauge!("tarishi_breaker_open", &labels).set(f64::from(u8::from(closed && lane.failures >= BREAKER_FAILURES)));
    }
    gauge!("tarishi_dead_letters").set(figures.dead_letters as f64);
    gauge!("tarishi_held_requests").set(held_requests as f64);
    gauge!("tarishi_unmatched_webhook_events").set(figures.unmatched_events as f64);
}

#[cfg(test)]
mod tests {
    use tarishi_protocol::State;

    use super::*;
    use crate::store::LaneRow;

    #[test]
    fn the_figures_of_the_store_are_shown_with_their_labels() {
        let metrics = Metrics::default();
        metrics.count_request("POST", "/api/v2/sync", 200);
        let lane = LaneRow {
            tenant: "default".into(),
            adapter: "mpesa".into(),
            not_before: 2_000,
            failures: 7,
            last_served: 0,
            in_use: 1,
            depth: 4,
        };
        let figures = Figures {
            depth: vec![("mpesa".into(), State::Ready, 4)],
            ended: vec![("sms".into(), State::Succeeded, 9)],
            attempts: vec![("sms".into(), "succeeded".into(), 9)],
            lanes: vec![lane],
            dead_letters: 2,
            unmatched_events: 1,
        };

        let text = metrics.render(&figures, 3, 1_000);

        for line in [
            "tarishi_queue_depth{adapter=\"mpesa\",state=\"ready\"} 4",
            "tarishi_operations_ended{adapter=\"sms\",outcome=\"succeeded\"} 9",
            "tarishi_attempts{adapter=\"sms\",result=\"succeeded\"} 9",
            "tarishi_breaker_open{tenant=\"default\",adapter=\"mpesa\"} 1",
            "tarishi_dead_letters 2",
            "tarishi_http_requests_total{method=\"POST\",route=\"/api/v2/sync\",status=\"200\"} 1",
        ] {
            assert!(text.lines().any(|given| given == line), "{line} is not in\n{text}");
        }
        assert!(!metrics.render(&Figures::default(), 0, 1_000).contains("tarishi_queue_depth{"));
    }
}
