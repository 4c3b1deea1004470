//! Where the operations of all phones stand, as the phones tell it while they run.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tarishi_core::DeviceState;

/// States by phone and operation.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<HashMap<(usize, String), DeviceState>>);

/// How many stand where.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Count {
    pub(super) in_flight: usize,
    /// The server has them, or they went on from there.
    pub(super) accepted: usize,
    pub(super) unresolved: usize,
    pub(super) ended: usize,
    pub(super) all: usize,
}

impl Board {
    pub(super) fn put(&self, phone: usize, id: &str, state: DeviceState) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((phone, id.to_owned()), state);
    }

    /// Of all phones.
    pub(super) fn count(&self) -> Count {
        self.count_if(|_| true)
    }

    /// Of one phone.
    pub(super) fn count_of(&self, phone: usize) -> Count {
        self.count_if(|number| number == phone)
    }

    fn count_if(&self, is_wanted: impl Fn(usize) -> bool) -> Count {
        let mut count = Count::default();
        for ((phone, _), state) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if is_wanted(*phone) {
                count.all += 1;
                count.in_flight += usize::from(*state == DeviceState::InFlight);
                count.accepted += usize::from(!state.is_unreceipted());
                count.unresolved += usize::from(*state == DeviceState::Unresolved);
                count.ended += usize::from(state.is_ended());
            }
        }
        count
    }
}
