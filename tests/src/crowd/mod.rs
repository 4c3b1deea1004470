//! A school with two thousand parents is told one thing, over a network that loses reports, by a server that is killed on the way.
//!
//! Who has the app, whose phone says that something came, who has WhatsApp and whose number is good is drawn by the seed. Afterwards
//! the providers' books are read: each person was reached by the first channel that could, by two only where nobody knew of the
//! first, and what is booked is what the providers have.

mod audit;
mod people;
mod school;

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tarishi_sandbox::{Adapter, Call, CallbackFault, Fault, Sandbox, SandboxOptions};
use tokio::time::{Instant, sleep};

pub use audit::Report;

use people::Person;
use school::School;

use crate::harness::{Build, Result, ServerProcess, binaries, sms_report_url, whatsapp_webhook_url};

/// It takes no longer.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long the server stays dead.
const OUTAGE: Duration = Duration::from_millis(300);
/// How long a text takes to its handset.
const SMS_DELAY: Duration = Duration::from_millis(500);
/// How likely a provider's report is lost, comes twice, or the answer to a send is lost.
const LOST: f64 = 0.05;
const DOUBLED: f64 = 0.05;
const UNANSWERED: f64 = 0.02;

/// How many, and from which seed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// People.
    pub people: usize,
    /// How often the server is killed.
    pub kills: u32,
    /// What every draw depends on.
    pub seed: u64,
}

/// Tells them; what the books say.
///
/// # Errors
/// Something does not start or does not come to its end.
pub async fn run(plan: Plan, say: impl Fn(&str)) -> Result<Report> {
    let programs = tokio::task::spawn_blocking(|| binaries(Build::Plain)).await??;
    let folder = tempfile::tempdir()?;
    let mut draw = StdRng::seed_from_u64(plan.seed);
    let sandbox = Sandbox::start(SandboxOptions { sms_delay: SMS_DELAY, ..SandboxOptions::default() }).await?;
    let mut server = ServerProcess::new(&programs.server, folder.path(), &sandbox.url())?;
    sandbox.set_sms_delivery_url(Some(sms_report_url(&server.url())));
    sandbox.set_whatsapp_webhook_url(Some(whatsapp_webhook_url(&server.url())));
    server.start(None).await?;
    let people = people::draw(plan.people, &mut draw);
    let school = School::open(&server).await?;
    school.prepare(&people).await?;
    arm(&sandbox, &people, plan.seed);
    say(&format!("{} people are in the address book", people.len()));

    let id = school.tell().await?;
    let (end, mut kills) = (Instant::now() + PATIENCE, 0);
    let mut next_kill = after(&mut draw);
    let mut confirmed = people::Confirmed::default();
    loop {
        sleep(Duration::from_millis(200)).await;
        if kills < plan.kills && Instant::now() >= next_kill {
            server.kill().await?;
            sleep(OUTAGE).await;
            server.start(None).await?;
            (kills, next_kill) = (kills + 1, after(&mut draw));
            say(&format!("killed {kills} times"));
        }
        school.confirm(&people, &sandbox.ledger(), &mut confirmed).await;
        // The server may have died between two questions.
        let Ok(shown) = school.show(&id, None).await else { continue };
        if shown["state"] == "succeeded" && kills == plan.kills {
            break;
        }
        if Instant::now() > end {
            return Err(format!("not all chains have ended: {}", shown["counts"]).into());
        }
    }
    let shown = school.everybody(&id).await?;
    server.kill().await?;
    audit::audit(&people, &shown, &sandbox.ledger())
}

fn after(draw: &mut StdRng) -> Instant {
    Instant::now() + Duration::from_millis(draw.random_range(800..3_000))
}

/// What the providers know of the people, and how they fail.
fn arm(sandbox: &Sandbox, people: &[Person], seed: u64) {
    let on = |adapter| Fault::on(adapter, Call::Send);
    for person in people {
        if !person.whatsapp {
            sandbox.add_fault(on(Adapter::Whatsapp).matching(person.digits()).result("131026"));
        }
        if !person.sms {
            sandbox.add_fault(on(Adapter::Sms).matching(person.digits()).result("403"));
        }
    }
    let chance = |fault: Fault, probability: f64, number: u64| {
        sandbox.add_fault(Fault { probability: Some(probability), seed: Some(seed.wrapping_add(number)), ..fault });
    };
    for (number, adapter) in (0_u64..).zip([Adapter::Whatsapp, Adapter::Sms]) {
        chance(on(adapter).callback(CallbackFault::Lost), LOST, 10 + number);
        chance(on(adapter).callback(CallbackFault::Double), DOUBLED, 20 + number);
        chance(on(adapter).timeout_after(), UNANSWERED, 30 + number);
    }
    chance(on(Adapter::Push).timeout_after(), UNANSWERED, 40);
}

/// A page of people as the server shows them.
type Shown = Vec<Value>;

fn kes(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "KES" })
}
