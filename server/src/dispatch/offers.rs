//! Slots that are offered to the transaction that takes an operation.
//!
//! What comes alone into a lane where a slot is free is opened there and then, prepared while the commit waits for the disk, and
//! called as soon as that is done: it overtakes nobody, and reaches its provider without the claim, the commit and the way through
//! the loop that it would take otherwise. What finds company, or a provider that failed, goes the common way.

use std::sync::{Arc, atomic::Ordering};

use tarishi_protocol::Payload;
use tokio::sync::oneshot;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{
    failpoint,
    on_disk::{OnDisk, committing},
    slots::Slot,
    step::Work,
    taken,
};
use crate::{
    App,
    adapters::ActionSpec,
    chain::SEND,
    oauth,
    store::{self, Ms, Offer, Offered, OpenCall, Preview},
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
    offer: Offer,
    work: Work,
    slot: Slot,
}

/// A free slot of each lane that these operations may come into; none while nothing is dispatched here.
///
/// # Errors
/// The store's.
pub(crate) async fn offer(app: &Arc<App>, tenant: &str, previews: &[Preview], now: Ms) -> store::Result<Offers> {
    let mut offers = Offers { app: Arc::clone(app), made: Vec::new(), _stay: app.dispatcher.steps.token() };
    if !app.dispatcher.runs.load(Ordering::Acquire) || app.shutdown.is_cancelled() {
        return Ok(offers);
    }
    for (adapter, action) in previews.iter().flat_map(lanes) {
        if !offers.made.iter().any(|made| made.offer.adapter == adapter) {
            offers.made.extend(one(app, tenant, (adapter, action), now).await?);
        }
    }
    Ok(offers)
}

/// Where an operation may be called next: a `notify` by one of its channels.
fn lanes(preview: &Preview) -> Vec<(&str, &str)> {
    let Preview::Take(checked) = preview else { return Vec::new() };
    match &checked.payload {
        Payload::Notify(_) => checked.channels.iter().map(|channel| (channel.as_str(), SEND)).collect(),
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
    let (tenant, adapter, action) = (tenant.to_owned(), name.to_owned(), action.to_owned());
    Ok(Some(Made { spec, offer: Offer { tenant, adapter, action, terms: work.terms(spec, now) }, work, slot }))
}

impl Offers {
    /// Runs the transaction that takes the operations, and makes the calls that it opens: also if whoever asked is gone before it
    /// ends.
    ///
    /// # Errors
    /// The transaction's.
    pub(crate) async fn take<T, F>(self, transaction: impl FnOnce(Offered) -> F) -> store::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = store::Result<T>> + Send + 'static,
    {
        if self.made.is_empty() {
            return transaction(Offered::default()).await;
        }
        let slots = self.made.iter().map(|made| made.offer.clone()).collect();
        let (opening, opened) = oneshot::channel();
        let transaction = transaction(Offered { slots, opened: Some(opening) });
        let (tell, told) = oneshot::channel();
        let (commit, on_disk) = committing();
        tokio::spawn(async move {
            failpoint::reach("server.before_open");
            let commits = async move {
                let done = transaction.await;
                let is_done = done.is_ok();
                drop(tell.send(done));
                // Last: who is woken last runs first, and the provider is further away than whoever asked.
                if is_done {
                    commit.done();
                }
            };
            tokio::join!(commits, Box::pin(self.make(opened, on_disk)));
        });
        told.await.unwrap_or(Err(store::Error::Closed))
    }

    /// Makes the calls that were opened, once they are on disk; the other slots are free again. The first is made by whoever
    /// waits for this, without the way to another task.
    async fn make(self, opened: oneshot::Receiver<Vec<OpenCall>>, on_disk: OnDisk) {
        let mut made = self.made;
        let mut first = None;
        // A transaction that fails tells of none.
        for call in opened.await.unwrap_or_default() {
            let its = |made: &Made| call.operation.attempt_id == Some(made.offer.terms.attempt);
            let Some(Made { spec, offer, work, slot }) = made.iter().position(its).map(|index| made.swap_remove(index)) else {
                continue;
            };
            let (id, on_disk) = (call.operation.id, on_disk.clone());
            let call = async move { work.make(spec, call, &offer.terms, on_disk).await };
            let call = Box::pin(taken(Arc::clone(&self.app), slot, id, call));
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

#[cfg(test)]
mod tests;
