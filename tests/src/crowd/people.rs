//! Who they are, drawn by chance.

use std::collections::HashSet;

use rand::{RngExt as _, rngs::StdRng};

/// One parent.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) account: String,
    pub(super) phone: String,
    /// Has the app.
    pub(super) app: bool,
    /// The phone says when something came.
    pub(super) confirms: bool,
    pub(super) whatsapp: bool,
    /// The number is good.
    pub(super) sms: bool,
}

/// Notifications of which the phone has said that they came.
pub(super) type Confirmed = HashSet<String>;

impl Person {
    pub(super) fn digits(&self) -> &str {
        self.phone.trim_start_matches('+')
    }

    /// What the provider of pushes calls the phone.
    pub(super) fn token(&self) -> String {
        format!("fcm-of-{}", self.account)
    }

    /// The first channel that can reach the person, as a leg of the route.
    pub(super) fn first(&self) -> Option<usize> {
        [self.app && self.confirms, self.whatsapp, self.sms].into_iter().position(|can| can)
    }
}

pub(super) fn draw(count: usize, draw: &mut StdRng) -> Vec<Person> {
    let mut one = |number: usize| Person {
        account: format!("parent-{number:05}"),
        phone: format!("+2547{number:08}"),
        app: draw.random_bool(0.5),
        confirms: draw.random_bool(0.7),
        whatsapp: draw.random_bool(0.7),
        sms: draw.random_bool(0.95),
    };
    (0..count).map(&mut one).collect()
}
