//! The notification chain's transactions. What follows is decided in [`crate::chain::step`]; here it is read and written.
//!
//! A chain moves in the transaction of what moves it: `notify` is taken (`spread`), a step is settled (`heed`), a phone or a person
//! says something (`signals`), a wait is over (`advance`, from [`due`]). A step is an operation like any other, of the actor
//! `notification`; its *open* asks [`wanted`] once more.

mod advance;
mod book;
mod costs;
mod figures;
mod heed;
mod retract;
mod rows;
mod send;
mod signals;
mod spread;

pub(super) use advance::{due, next_due, wanted};
pub(super) use book::*;
pub(super) use costs::{booked_today, caps, put_caps};
pub(super) use figures::{figures, savings};
pub(super) use heed::{given_up, heed};
pub(super) use rows::{deliveries, notification_of_any, notifications_of, part_of};
pub(super) use send::{Wanted, end_unsent};
pub(super) use signals::{replied, signal, signals_of_device};
pub(super) use spread::{counts, spread, sweep};
