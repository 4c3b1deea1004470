//! The model: everything that can happen next to one device, one server and the requests between them.

use std::collections::{BTreeSet, HashSet};

/// Which rules hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Refusals and cancellations are rows, met by later copies.
    pub(crate) verdicts: bool,
    /// A request carries a gapless prefix of what is unreceipted.
    pub(crate) prefix: bool,
    /// The server takes an exchange only above the highest seen.
    pub(crate) rising: bool,
    /// The device has several requests under way at once.
    pub(crate) several: bool,
    /// Requests the device makes in all.
    pub(crate) exchanges: u8,
}

/// The rules as they are; each test changes what it is about.
pub(crate) const RULES: Rules = Rules { verdicts: true, prefix: true, rising: false, several: false, exchanges: 3 };

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Told {
    Pending,
    InFlight,
    CancelledUnsent,
    Accepted,
    Refused,
    Cancelled,
}

/// A row of the server, in the order of arrival.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Row {
    Runs(usize),
    Verdict(usize, Told),
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Request {
    exchange: u8,
    operations: Vec<usize>,
    cancellations: Vec<usize>,
    deliveries: u8,
}

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Answer {
    exchange: u8,
    receipts: Vec<(usize, Told)>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct World {
    next: u8,
    told: [Told; 2],
    wishes: [bool; 2],
    waits_for: BTreeSet<u8>,
    requests: BTreeSet<Request>,
    answers: BTreeSet<Answer>,
    highest: u8,
    rows: Vec<Row>,
    switched_on: bool,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Violation {
    RanAfterCancelled,
    RanAfterRefused,
    OrderInverted,
    RanTwice,
}

impl World {
    pub(crate) fn start() -> Self {
        Self {
            next: 1,
            told: [Told::Pending; 2],
            wishes: [false; 2],
            waits_for: BTreeSet::new(),
            requests: BTreeSet::new(),
            answers: BTreeSet::new(),
            highest: 0,
            rows: Vec::new(),
            switched_on: false,
        }
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        let ran: Vec<usize> = self.rows.iter().filter_map(|row| if let Row::Runs(i) = row { Some(*i) } else { None }).collect();
        for i in [0, 1] {
            match self.told[i] {
                Told::Cancelled if ran.contains(&i) => return Some(Violation::RanAfterCancelled),
                Told::Refused if ran.contains(&i) => return Some(Violation::RanAfterRefused),
                _ => {}
            }
        }
        if ran == [1, 0] {
            return Some(Violation::OrderInverted);
        }
        (ran.iter().collect::<HashSet<_>>().len() != ran.len()).then_some(Violation::RanTwice)
    }

    pub(crate) fn next_worlds(&self, rules: Rules) -> Vec<Self> {
        let mut worlds = Vec::new();
        self.user(&mut worlds);
        if self.next <= rules.exchanges && (rules.several || self.waits_for.is_empty()) {
            self.send(rules, &mut worlds);
        }
        for exchange in &self.waits_for {
            let mut world = self.clone();
            world.waits_for.remove(exchange);
            worlds.push(world);
        }
        if !self.switched_on {
            worlds.push(Self { switched_on: true, ..self.clone() });
        }
        for request in &self.requests {
            worlds.push(self.deliver(rules, request));
        }
        for answer in self.answers.iter().filter(|answer| self.waits_for.contains(&answer.exchange)) {
            worlds.push(self.hear(answer));
        }
        worlds
    }

    fn user(&self, worlds: &mut Vec<Self>) {
        for i in [0, 1] {
            let mut world = self.clone();
            match self.told[i] {
                Told::Pending => world.told[i] = Told::CancelledUnsent,
                Told::InFlight if !self.wishes[i] => world.wishes[i] = true,
                _ => continue,
            }
            worlds.push(world);
        }
    }

    fn send(&self, rules: Rules, worlds: &mut Vec<Self>) {
        let may_go = |i: &usize| matches!(self.told[*i], Told::Pending | Told::InFlight) && !self.wishes[*i];
        let candidates: Vec<usize> = [0, 1].into_iter().filter(may_go).collect();
        let cancellations: Vec<usize> =
            [0, 1].into_iter().filter(|i| self.told[*i] == Told::InFlight && self.wishes[*i]).collect();
        let mut choices: Vec<Vec<usize>> = (0..=candidates.len()).map(|count| candidates[..count].to_vec()).collect();
        if !rules.prefix && candidates.len() == 2 {
            choices.push(vec![candidates[1]]);
        }
        for operations in choices {
            if operations.is_empty() && cancellations.is_empty() {
                continue;
            }
            let mut world = self.clone();
            for i in &operations {
                world.told[*i] = Told::InFlight;
            }
            world.next += 1;
            world.waits_for.insert(self.next);
            world.requests.insert(Request {
                exchange: self.next,
                operations,
                cancellations: cancellations.clone(),
                deliveries: 2,
            });
            worlds.push(world);
        }
    }

    fn deliver(&self, rules: Rules, request: &Request) -> Self {
        let mut world = self.clone();
        world.requests.remove(request);
        if request.deliveries > 1 {
            world.requests.insert(Request { deliveries: request.deliveries - 1, ..request.clone() });
        }
        if rules.rising && request.exchange <= self.highest {
            return world;
        }
        let mut receipts = Vec::new();
        for i in &request.operations {
            receipts.push((*i, world.verdict(rules, *i)));
        }
        for i in &request.cancellations {
            let known = world.rows.iter().any(|row| matches!(row, Row::Runs(known) if known == i));
            let refused_or_cancelled = world.rows.iter().any(|row| matches!(row, Row::Verdict(known, _) if known == i));
            if !known && !refused_or_cancelled && rules.verdicts {
                world.rows.push(Row::Verdict(*i, Told::Cancelled));
            }
            receipts.push((*i, if known { Told::Accepted } else { Told::Cancelled }));
        }
        world.highest = world.highest.max(request.exchange);
        world.answers.insert(Answer { exchange: request.exchange, receipts });
        world
    }

    fn verdict(&mut self, rules: Rules, i: usize) -> Told {
        for row in &self.rows {
            match row {
                Row::Runs(known) if *known == i => return Told::Accepted,
                // The device learns "not run"; which of the two words does not matter to it.
                Row::Verdict(known, told) if *known == i => return *told,
                _ => {}
            }
        }
        if self.switched_on {
            self.rows.push(Row::Runs(i));
            return Told::Accepted;
        }
        if rules.verdicts {
            self.rows.push(Row::Verdict(i, Told::Refused));
        }
        Told::Refused
    }

    fn hear(&self, answer: &Answer) -> Self {
        let mut world = self.clone();
        for (i, told) in &answer.receipts {
            if world.told[*i] == Told::InFlight {
                world.told[*i] = *told;
            }
        }
        world.waits_for.remove(&answer.exchange);
        world.answers.remove(answer);
        world
    }
}
