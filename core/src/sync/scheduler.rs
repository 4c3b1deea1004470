//! When to sync by itself. The promise: if something is pending and a permitted network exists, an attempt happens within
//! a bounded time. The decision is one pure function; the loop around it sleeps and wakes.

use core::{future::poll_fn, task::Poll, time::Duration};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
};

use super::{
    SyncReport,
    exchange::{self, Mode, Step},
};
use crate::{
    conditions::{HARD_MS_MAX, UPGRADE_MS},
    inner::Inner,
    outbox::{read::Agenda, retention, transition},
    sync::{apply::LATER_MS_MAX, backoff::SERVER_CAP_MS},
};

/// In the background, with something at the server: a minute.
const POLL_OPEN_MS: i64 = 60_000;
/// With nothing at the server: 15 minutes.
const POLL_IDLE_MS: i64 = 15 * 60_000;
/// A server that does not hold answers is asked at most this often: half a minute.
const QUICK_POLL_MAX_MS: i64 = 30_000;
/// Nobody sleeps longer: the sleep's own clock may stand still while the phone sleeps.
const SLEEP_MAX_MS: i64 = 30_000;
/// How long to wait after the database failed.
const STORAGE_PAUSE_MS: i64 = 5_000;
/// How often old rows are forgotten: an hour.
const RETENTION_EVERY_MS: i64 = 3_600_000;

/// Everything the decision rests on; times are of the uptime clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct View {
    pub(crate) now: i64,
    /// Only a person or the app can end it.
    pub(crate) halted: bool,
    /// There is a network and it may be used.
    pub(crate) allowed: bool,
    pub(crate) foreground: bool,
    /// Changes are known to wait at the server.
    pub(crate) more: bool,
    pub(crate) agenda: Agenda,
    pub(crate) hard_until: Option<i64>,
    pub(crate) backoff_until: Option<i64>,
    pub(crate) upgrade_until: Option<i64>,
    pub(crate) last_poll: Option<i64>,
    /// Held exchanges in a row that came back at once and empty.
    pub(crate) quick_polls: u32,
}

/// When to look again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wake {
    /// Exchange now.
    Now,
    /// Not before this time, unless something happens.
    At(i64),
    /// When something happens.
    Never,
}

/// Decides. Any wait longer than its cap is over, whatever wrote it.
pub(crate) fn next_wake(view: &View) -> Wake {
    let now = view.now;
    let capped = |until: Option<i64>, cap: i64| until.filter(|until| *until > now && *until - now <= cap);
    if view.halted || !view.allowed {
        return view.agenda.expires.map_or(Wake::Never, |expires| Wake::At(expires.max(now)));
    }
    let poll_after = if view.foreground {
        if view.quick_polls == 0 { 0 } else { (1_000_i64 << view.quick_polls.min(10)).min(QUICK_POLL_MAX_MS) }
    } else if view.agenda.open {
        POLL_OPEN_MS
    } else {
        POLL_IDLE_MS
    };
    let poll = view.last_poll.map_or(now, |last| last.min(now).saturating_add(poll_after));
    let due = if view.agenda.ready || view.agenda.errands || view.more {
        now
    } else {
        capped(view.agenda.parked_until, LATER_MS_MAX).map_or(poll, |parked| parked.min(poll))
    };
    let gates = [
        capped(view.hard_until, HARD_MS_MAX),
        capped(view.backoff_until, SERVER_CAP_MS),
        capped(view.upgrade_until, UPGRADE_MS),
    ];
    let due = gates.into_iter().flatten().fold(due, i64::max);
    if due <= now {
        return Wake::Now;
    }
    Wake::At(view.agenda.expires.map_or(due, |expires| due.min(expires.max(now + 1))))
}

/// Starts the loop; it ends with the client or when aborted.
pub(crate) fn spawn(inner: &Arc<Inner>) -> tokio::task::JoinHandle<()> {
    let weak = Arc::downgrade(inner);
    tokio::spawn(run(weak))
}

async fn run(weak: Weak<Inner>) {
    let mut more = false;
    let mut forgot_at = None;
    loop {
        let Some(inner) = weak.upgrade() else { return };
        let mut work = inner.work.subscribe();
        let wake = tokio::select! {
            biased;
            () = closed(&inner) => return,
            wake = guarded(turn(&inner, &mut more, &mut forgot_at)) => wake,
        };
        let now = inner.now();
        let wake = wake.unwrap_or_else(|_| {
            tracing::error!("a turn of the scheduler panicked; it goes on later");
            Wake::At(now.saturating_add(SLEEP_MAX_MS))
        });
        drop(inner);
        let sleep = match wake {
            Wake::Now => continue,
            Wake::At(at) => at.saturating_sub(now).clamp(10, SLEEP_MAX_MS),
            Wake::Never => SLEEP_MAX_MS,
        };
        let sleep = Duration::from_millis(u64::try_from(sleep).unwrap_or(0));
        // Either way it looks again; a client that is gone ends the channel.
        if let Ok(Err(_)) = tokio::time::timeout(sleep, work.changed()).await {
            return;
        }
    }
}

/// A panic ends this turn alone: a defect that one operation meets must not stop the sync of all others for good.
async fn guarded<T>(work: impl Future<Output = T>) -> std::thread::Result<T> {
    let mut work = Box::pin(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// Ends when the client is closed, but not while it is only suspended.
async fn closed(inner: &Inner) {
    let mut pause = inner.pause.subscribe();
    loop {
        if pause.wait_for(|paused| *paused).await.is_err() || !inner.conditions().suspended {
            return;
        }
        if pause.wait_for(|paused| !*paused).await.is_err() {
            return;
        }
    }
}

/// Does what is due; says when to come back.
async fn turn(inner: &Inner, more: &mut bool, forgot_at: &mut Option<i64>) -> Wake {
    let now = inner.now();
    if inner.conditions().suspended {
        return Wake::Never;
    }
    let agenda = match inner.agenda().await {
        Ok(agenda) => agenda,
        Err(error) => return storage_pause(&error, now),
    };
    if let Err(error) = housekeeping(inner, &agenda, now, forgot_at).await {
        return storage_pause(&error, now);
    }
    let mut engine = inner.flight.lock().await;
    if let Err(error) = engine.load(inner).await {
        return storage_pause(&error, now);
    }
    // From here on whatever comes up cuts the exchange short; what came up before is seen below.
    let cut = inner.work.subscribe();
    let agenda = match inner.agenda().await {
        Ok(agenda) => agenda,
        Err(error) => return storage_pause(&error, now),
    };
    let view = view(inner, agenda, *more);
    let wake = next_wake(&view);
    if wake != Wake::Now {
        return wake;
    }
    let mode = Mode { hold: view.foreground && inner.conditions().waiting == 0, left_ms: None, cut: Some(cut) };
    let mut report = SyncReport::default();
    let step = tokio::select! {
        biased;
        () = inner.paused() => return Wake::Never,
        step = exchange::exchange(inner, &mut engine, mode, &mut report) => step,
    };
    drop(engine);
    match step {
        Ok(Step::Done { more: waits, news }) => {
            *more = waits;
            let quick = view.foreground && !news && inner.now() - view.now < 1_000;
            let mut conditions = inner.conditions();
            conditions.quick_polls = if quick { conditions.quick_polls.saturating_add(1) } else { 0 };
            Wake::Now
        }
        Ok(Step::Again | Step::Wait | Step::Cut | Step::Halt(_)) => Wake::Now,
        Err(error) => storage_pause(&error, inner.now()),
    }
}

/// A database that fails is no network that fails: say so, and do not run hot.
fn storage_pause(error: &crate::Error, now: i64) -> Wake {
    tracing::error!(%error, "the scheduler could not use the outbox");
    Wake::At(now.saturating_add(STORAGE_PAUSE_MS))
}

async fn housekeeping(inner: &Inner, agenda: &Agenda, now: i64, forgot_at: &mut Option<i64>) -> Result<(), crate::Error> {
    if agenda.expires.is_some_and(|expires| expires <= now) {
        while inner.outbox.write(transition::sweep).await? {}
    }
    if forgot_at.is_none_or(|at| now - at >= RETENTION_EVERY_MS) {
        *forgot_at = Some(now);
        while inner.outbox.write(retention::forget).await? {}
    }
    Ok(())
}

fn view(inner: &Inner, agenda: Agenda, more: bool) -> View {
    let (now, wall_ms) = (inner.now(), inner.wall_ms());
    let conditions = inner.conditions();
    let forbidden = conditions.forbidden(&inner.options, now, wall_ms);
    View {
        now,
        halted: conditions.halt.is_some() || conditions.suspended,
        allowed: !matches!(forbidden, Some(crate::WhyReason::Offline | crate::WhyReason::Metered)),
        foreground: conditions.foreground,
        more,
        agenda,
        hard_until: conditions.hard_until,
        backoff_until: conditions.backoff_until,
        upgrade_until: conditions.upgrade_until,
        last_poll: conditions.last_poll,
        quick_polls: conditions.quick_polls,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The longest time from something being ready to an attempt, with a permitted network.
    const ATTEMPT_MS_MAX: i64 = if HARD_MS_MAX > SERVER_CAP_MS { HARD_MS_MAX } else { SERVER_CAP_MS };

    fn any_view() -> impl Strategy<Value = View> {
        let time = || prop::option::of(any::<i64>().prop_map(|t| t / 4));
        let agenda = (any::<bool>(), any::<bool>(), time(), time(), any::<bool>());
        let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
        (any::<i64>().prop_map(|t| t / 4), flags, agenda, (time(), time(), time(), time()), any::<u32>()).prop_map(
            |(now, (halted, allowed, foreground, more), agenda, (hard, backoff, upgrade, last_poll), quick_polls)| View {
                now,
                halted,
                allowed,
                foreground,
                more,
                agenda: Agenda {
                    ready: agenda.0,
                    errands: agenda.1,
                    parked_until: agenda.2,
                    expires: agenda.3,
                    open: agenda.4,
                },
                hard_until: hard,
                backoff_until: backoff,
                upgrade_until: upgrade,
                last_poll,
                quick_polls,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_pending_is_tried_within_a_bounded_time_if_a_permitted_network_exists(view in any_view()) {
            let ready = View { halted: false, allowed: true, upgrade_until: None, ..view };
            let ready = View { agenda: Agenda { ready: true, expires: None, ..ready.agenda }, ..ready };
            match next_wake(&ready) {
                Wake::Now => {}
                Wake::At(at) => prop_assert!(at > ready.now && at - ready.now <= ATTEMPT_MS_MAX),
                Wake::Never => prop_assert!(false, "never"),
            }
        }

        #[test]
        fn waking_at_the_time_it_names_leads_to_an_exchange(view in any_view()) {
            let last_poll = view.last_poll.map(|last| last.min(view.now));
            let agenda = Agenda { expires: None, ..view.agenda };
            let view = View { halted: false, allowed: true, agenda, last_poll, ..view };
            if let Wake::At(at) = next_wake(&view) {
                let later = View { now: at, ..view };
                prop_assert_eq!(next_wake(&later), Wake::Now);
            }
        }

        #[test]
        fn nothing_is_tried_without_a_permitted_network(view in any_view()) {
            prop_assert_ne!(next_wake(&View { allowed: false, ..view }), Wake::Now);
            prop_assert_ne!(next_wake(&View { halted: true, ..view }), Wake::Now);
        }
    }

    #[test]
    fn a_wait_longer_than_its_cap_is_over() {
        let agenda = Agenda { ready: true, ..Agenda::default() };
        let view = View { now: 0, allowed: true, agenda, hard_until: Some(i64::MAX / 2), ..View::default() };
        assert_eq!(next_wake(&view), Wake::Now);
    }
}
