//! The store's transactions, interleaved on purpose: real files, time by hand, no HTTP and no provider.
//!
//! Each test is one of the orders of events that once lost or doubled something on paper.

mod answers;
mod cancel;
mod chain;
mod claim;
mod desk;
mod events;
mod evidence;
mod feed;
mod keys;
mod limits;
mod oauth;
mod offers;
mod order;
mod parents;
mod push;
mod refunds;
mod restore;
mod subscriptions;
mod unknown;
mod upkeep;
mod webhooks;
