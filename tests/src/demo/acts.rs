//! The story, act by act.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    board::Count,
    broadcast,
    stage::Stage,
    table,
    timeline::{Timeline, more, print},
    tour,
};
use crate::harness::{Build, Exit, Resolved, Result, Run, binaries, resolve_unresolved, within};

/// The phone that dies.
const VICTIM: usize = 1;
/// Payments in the provider's books when the server is killed: it is in the middle of its work then.
const PAYMENTS_AT_KILL: usize = 12;
/// How long the server stays dead.
const OUTAGE: Duration = Duration::from_secs(2);
/// No act takes longer.
const PATIENCE: Duration = Duration::from_secs(150);
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(3);
/// When nothing has moved for so long, only the operator can help.
const STILL: Duration = Duration::from_secs(5);

pub(super) async fn play() -> Result<bool> {
    print("");
    print("  Tarishi: a school's morning on a bad network");
    print("");
    let timeline = Timeline::begin();
    timeline.tell("building the server and the phone, if they are not built yet …");
    let programs = tokio::task::spawn_blocking(|| binaries(Build::Plain)).await??;
    let mut stage = Stage::set(&programs, timeline).await?;
    timeline.tell("the providers are simulated, the server runs on SQLite, three phones have no network");
    offline(&mut stage).await?;
    online(&mut stage).await?;
    kill_phone(&mut stage).await?;
    kill_server(&mut stage).await?;
    let resolved = finish(&mut stage).await?;
    close(&mut stage, resolved).await
}

/// Everything is queued without network; what is wrong is refused at once.
async fn offline(stage: &mut Stage) -> Result<()> {
    let refused = stage.enqueue().await?;
    let queued = stage.asked.len();
    stage.timeline.tell(&format!("{queued} operations queued offline: M-Pesa charges, texts, files; in order for each pupil"));
    for line in refused {
        more(&format!("refused at once, without network: {}", line.trim_start_matches("tarishi: ")));
    }
    let first = &stage.handsets[0];
    let exit = first.phone.run(&["sync", "--deadline", "1s"], Run::to_its_end()).await?.exit;
    if exit != Exit::Code(3) {
        return Err(first.phone.failure(&["sync"], exit));
    }
    stage.timeline.tell(&format!("{} tries to sync: no network, everything stays queued", first.owner));
    Ok(())
}

/// The phones come online, each over its own 2G link.
async fn online(stage: &mut Stage) -> Result<()> {
    for handset in &mut stage.handsets {
        handset.turn_on().await?;
        handset.link.up();
    }
    stage.timeline.tell("network! Three times 2G in Kenya: 600 ms, 30 kbit/s, 3 % loss, connections that break");
    Ok(())
}

/// One phone is killed while the server may or may not have what it just sent.
async fn kill_phone(stage: &mut Stage) -> Result<()> {
    let in_flight = within(PATIENCE, async || stage.board.count_of(VICTIM).in_flight > 0).await;
    if !in_flight {
        return Err("the phone that was to die never sent anything".into());
    }
    sleep(Duration::from_millis(1_500)).await;
    let Count { in_flight, accepted, .. } = stage.board.count_of(VICTIM);
    let handset = &mut stage.handsets[VICTIM];
    handset.kill().await?;
    stage.timeline.tell(&format!(
        "kill -9: {}'s phone, in the middle of a sync ({in_flight} in flight, {accepted} accepted)",
        handset.owner
    ));
    sleep(Duration::from_secs(2)).await;
    handset.turn_on().await?;
    stage.timeline.tell(&format!("{}'s phone is started again and goes on", handset.owner));
    Ok(())
}

/// The server is killed over open calls, some of them to M-Pesa.
async fn kill_server(stage: &mut Stage) -> Result<()> {
    let busy = within(PATIENCE, async || stage.payments() >= PAYMENTS_AT_KILL).await;
    if !busy {
        return Err("the server never got to its work".into());
    }
    let Count { accepted, ended, .. } = stage.board.count();
    stage.server.kill().await?;
    stage.timeline.tell(&format!("kill -9: the server, over open calls to M-Pesa ({accepted} accepted, {ended} told as done)"));
    sleep(OUTAGE).await;
    stage.server.start(None).await?;
    stage.timeline.tell("the server is started again on the same SQLite file; M-Pesa's callbacks in between are gone for ever");
    Ok(())
}

/// Everything comes to an end; what only a human can know, the operator looks up.
async fn finish(stage: &mut Stage) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    let end = Instant::now() + PATIENCE;
    let (mut last, mut moved, mut told) = (Count::default(), Instant::now(), Instant::now());
    loop {
        let count = stage.board.count();
        if count != last {
            (last, moved) = (count, Instant::now());
        }
        let is_over = count.ended == count.all;
        if is_over || told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            stage.timeline.tell(&progress(&count));
        }
        if is_over {
            return Ok(resolved);
        }
        if count.unresolved > 0 && moved.elapsed() >= STILL {
            resolved += operate(stage).await?;
            moved = Instant::now();
        }
        if Instant::now() > end {
            return Err(format!("not everything came to an end: {}", progress(&count)).into());
        }
        sleep(Duration::from_millis(200)).await;
    }
}

fn progress(count: &Count) -> String {
    let Count { in_flight: _, accepted, unresolved, ended, all } = count;
    let width = 30 * ended / (*all).max(1);
    let bar = format!("{}{}", "█".repeat(width), "░".repeat(30 - width));
    let unresolved = if *unresolved > 0 { format!(", {unresolved} unresolved") } else { String::new() };
    format!("{bar} {ended:>3} of {all} done, {accepted} accepted{unresolved}")
}

async fn operate(stage: &Stage) -> Result<Resolved> {
    let resolved = resolve_unresolved(&stage.server.commands(), &stage.asked, &stage.sandbox.ledger()).await?;
    let Resolved { paid, unpaid } = resolved;
    stage.timeline.tell(&format!("the operator looks {} unresolved payments up in M-Pesa's statement:", resolved.all()));
    more(&format!("{paid} paid, {unpaid} not; `tarishi-server resolve` tells the phones"));
    Ok(resolved)
}

async fn close(stage: &mut Stage, resolved: Resolved) -> Result<bool> {
    for handset in &mut stage.handsets {
        handset.kill().await?;
    }
    let (up, down) = stage.traffic();
    let toured = tour::tour(stage).await?;
    let states = stage.states().await?;
    let audit = stage.audit(&states);
    let told = broadcast::broadcast(stage).await?;
    table::audit("What the providers saw, read from their own books:", &audit);
    let all_adapters = tour::table(&toured, &states, stage);
    print("");
    table::traffic(up, down);
    let cuts: u64 = stage.handsets.iter().map(|handset| handset.link.cuts()).sum();
    print(&format!("  connections cut by the network: {cuts}; payments that a human had to look up: {}", resolved.all()));
    print("");
    let clean = audit.is_clean() && audit.operations == 300 + toured.len() && all_adapters && told;
    print(if clean { "  Everything happened exactly once." } else { "  SOMETHING WENT WRONG: see the table." });
    print("");
    Ok(clean)
}
