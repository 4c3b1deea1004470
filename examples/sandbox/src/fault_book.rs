//! The armed faults: which one fires for a request.
//!
//! The oldest that fits fires, one per request. Draws are made only for requests that match, from each fault's own seed,
//! so the same requests in the same order meet the same faults.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::fault::{Adapter, Call, Fault, Match};

/// The recognisable data of one request, by name. Phones are without `+`, amounts in whole shillings.
#[derive(Clone, Default)]
pub(crate) struct Facts(pub(crate) Vec<(&'static str, String)>);

#[derive(Default)]
pub(crate) struct FaultBook {
    armed: Vec<Armed>,
    last_id: u64,
}

struct Armed {
    id: u64,
    fault: Fault,
    fired: u32,
    rng: StdRng,
}

impl FaultBook {
    pub(crate) fn arm(&mut self, fault: Fault) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        let rng = StdRng::seed_from_u64(fault.seed.unwrap_or(id));
        self.armed.push(Armed { id, fault, fired: 0, rng });
        id
    }

    pub(crate) fn disarm(&mut self, id: u64) -> bool {
        let before = self.armed.len();
        self.armed.retain(|armed| armed.id != id);
        self.armed.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.armed.clear();
    }

    /// The fault that fires for a request with these facts (one set per recipient), among those that `fit`.
    pub(crate) fn take(
        &mut self,
        adapter: Adapter,
        call: Call,
        facts: &[Facts],
        fit: impl Fn(&Fault) -> bool,
    ) -> Option<Fault> {
        let fires = |armed: &mut Armed| {
            let fault = &armed.fault;
            fault.adapter == adapter
                && fault.call == call
                && fit(fault)
                && facts.iter().any(|facts| matches(fault.matching.as_ref(), facts))
                && fault.probability.is_none_or(|likely| armed.rng.random_bool(likely.clamp(0.0, 1.0)))
        };
        let found = self.armed.iter_mut().position(fires)?;
        let armed = &mut self.armed[found];
        armed.fired += 1;
        let fault = armed.fault.clone();
        if fault.times.is_some_and(|times| armed.fired >= times) {
            self.armed.remove(found);
        }
        Some(fault)
    }
}

/// True if `facts` are among those the pattern is for.
pub(crate) fn matches(pattern: Option<&Match>, facts: &Facts) -> bool {
    match pattern {
        None => true,
        Some(Match::Text(text)) => facts.0.iter().any(|(_, value)| value.contains(plain(text))),
        Some(Match::Fields(fields)) => fields.iter().all(|(name, wanted)| {
            let wanted = match wanted {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            facts.0.iter().any(|(fact, value)| *fact == name.as_str() && (*value == wanted || value == plain(&wanted)))
        }),
    }
}

/// A phone without its plus, an amount without its empty cents.
fn plain(text: &str) -> &str {
    let text = text.strip_prefix('+').unwrap_or(text);
    text.strip_suffix(".00").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> [Facts; 1] {
        [Facts(vec![("phone", "254712000001".into()), ("amount", "1000".into())])]
    }

    fn take(book: &mut FaultBook) -> Option<Fault> {
        book.take(Adapter::Mpesa, Call::Charge, &facts(), |_| true)
    }

    #[test]
    fn a_fault_fires_as_often_as_it_says_and_for_its_requests_only() {
        let mut book = FaultBook::default();
        book.arm(Fault::on(Adapter::Mpesa, Call::Query).timeout_before());
        book.arm(Fault::on(Adapter::Mpesa, Call::Charge).matching("254712999999").timeout_before());
        book.arm(Fault::on(Adapter::Mpesa, Call::Charge).matching("+254712000001").status(503).times(2));
        assert_eq!(take(&mut book).unwrap().status, Some(503));
        assert_eq!(take(&mut book).unwrap().status, Some(503));
        assert_eq!(take(&mut book), None);
    }

    #[test]
    fn named_fields_must_be_equal_where_text_may_be_a_part() {
        let fields = |amount: &str| serde_json::from_str::<Match>(&format!("{{\"amount\":{amount}}}")).unwrap();
        let [facts] = facts();
        assert!(matches(Some(&fields("1000")), &facts));
        assert!(matches(Some(&fields("\"1000.00\"")), &facts));
        assert!(!matches(Some(&fields("100")), &facts));
        assert!(matches(Some(&Match::Text("100".into())), &facts));
    }

    #[test]
    fn the_same_seed_draws_the_same_faults() {
        let run = |seed| {
            let mut book = FaultBook::default();
            book.arm(Fault::on(Adapter::Mpesa, Call::Charge).timeout_after().probability(0.5, seed));
            (0..64).map(|_| take(&mut book).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!(run(7).contains(&true) && run(7).contains(&false));
    }

    #[test]
    fn a_fault_that_makes_no_sense_is_named() {
        let read = |text: &str| serde_json::from_str::<Fault>(text).unwrap().check();
        assert!(read(r#"{"adapter":"mpesa","call":"send","callback":"lost"}"#).unwrap_err().starts_with("call:"));
        assert!(read(r#"{"adapter":"sms","call":"send","fault":"status"}"#).unwrap_err().starts_with("status:"));
        assert!(read(r#"{"adapter":"sms","call":"send"}"#).unwrap_err().starts_with("fault:"));
        assert!(read(r#"{"adapter":"mpesa","call":"charge","fault":"result","result_code":1032}"#).is_ok());
        assert!(read(r#"{"adapter":"mpesa","call":"charge","callback":"double"}"#).is_ok());
        assert!(serde_json::from_str::<Fault>(r#"{"adapter":"sms","call":"send","faults":"status"}"#).is_err());
    }
}
