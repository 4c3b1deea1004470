//! Slots that are offered to the transaction that takes an operation.
//!
//! What comes alone into a lane where a slot is free is opened there and then, and called as soon as that is on disk: it
//! overtakes nobody, and reaches its provider without the claim, the commit and the way through the loop that it would take
//! otherwise. What finds company, or a provider that failed, goes the common way.

use std::sync::{Arc, atomic::Ordering};

use tarishi_protocol::Payload;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{slots::Slot, step::Work, taken};
use crate::{
    App,
    adapters::ActionSpec,
    chain::{Channel, SEND},
    oauth,
    store::{self, Ms, Offer, OpenCall, Preview, Terms},
};

/// Slots that were offered, until it is known which were taken.
pub(crate) struct Offers {
    app: Arc<App>,
    made: Vec<Made>,
    /// The dispatcher does not end while a call may come of this.
    _stay: TaskTrackerToken,
}

struct Made {
    spec: &'static ActionSpec,
    terms: Terms,
    work: Work,
    slot: Slot,
}

/// Offers a free slot of each lane that these operations may come into; none while nothing is dispatched here.
///
/// # Errors
/// The store's.
pub(crate) async fn offer(app: &Arc<App>, tenant: &str, previews: &[Preview], now: Ms) -> store::Result<(Vec<Offer>, Offers)> {
    let mut offers = Offers { app: Arc::clone(app), made: Vec::new(), _stay: app.dispatcher.steps.token() };
    let mut offered: Vec<Offer> = Vec::new();
    if !app.dispatcher.runs.load(Ordering::Acquire) || app.shutdown.is_cancelled() {
        return Ok((offered, offers));
    }
    for (adapter, action) in previews.iter().flat_map(lanes) {
        if offered.iter().any(|offer| offer.adapter == adapter) {
            continue;
        }
        if let Some(made) = one(app, tenant, (adapter, action), now).await? {
            let (adapter, action) = (adapter.to_owned(), action.to_owned());
            offered.push(Offer { tenant: tenant.to_owned(), adapter, action, terms: made.terms.clone() });
            offers.made.push(made);
        }
    }
    Ok((offered, offers))
}

/// Where an operation may be called next: a `notify` by one of its channels.
fn lanes(preview: &Preview) -> Vec<(&str, &str)> {
    let Preview::Take(checked) = preview else { return Vec::new() };
    match &checked.payload {
        Payload::Notify(_) => Channel::ALL.iter().map(|channel| (channel.as_str(), SEND)).collect(),
        _ => vec![(&checked.operation.adapter, &checked.operation.action)],
    }
}

async fn one(app: &Arc<App>, tenant: &str, (name, action): (&str, &str), now: Ms) -> store::Result<Option<Made>> {
    let Some(adapter) = app.adapters.get(name).map(Arc::clone) else { return Ok(None) };
    let Some(effective) = app.effective(tenant, name).await? else { return Ok(None) };
    if !effective.enabled || effective.paused.contains(action) || effective.paused.contains("*") {
        return Ok(None);
    }
    let descriptor = adapter.descriptor();
    let Some(spec) = descriptor.action(action) else { return Ok(None) };
    if !oauth::may_call(app, tenant, &*adapter, &effective.settings).await? {
        return Ok(None);
    }
    let lane = (tenant.to_owned(), name.to_owned());
    let Some(slot) = Slot::take_free(&app.dispatcher.in_use, lane, descriptor.slots) else { return Ok(None) };
    let work = Work { app: Arc::clone(app), adapter, settings: effective.settings };
    Ok(Some(Made { spec, terms: work.terms(spec, now), work, slot }))
}

impl Offers {
    /// Nothing was offered.
    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty()
    }

    /// Makes the calls that were opened; the other slots are free again. The first is made by whoever waits for this, without
    /// the way to another task.
    pub(crate) async fn make(self, opened: Vec<OpenCall>) {
        let mut made = self.made;
        let mut first = None;
        for call in opened {
            let its = |made: &Made| call.operation.attempt_id == Some(made.terms.attempt);
            let Some(Made { spec, terms, work, slot }) = made.iter().position(its).map(|index| made.swap_remove(index)) else {
                continue;
            };
            let id = call.operation.id;
            let call = Box::pin(taken(Arc::clone(&self.app), slot, id, async move { work.make(spec, call, &terms).await }));
            match first {
                None => first = Some(call),
                Some(_) => drop(self.app.dispatcher.steps.spawn(call)),
            }
        }
        drop(made);
        if let Some(first) = first {
            first.await;
        }
    }
}
