//! Kills phones and servers at every moment it can think of, and looks at the providers' books afterwards.
//!
//! One cycle: a phone enqueues a few operations, syncs, and something dies: the phone at a random moment or a named place, or
//! the server. Now and then everything is let come to rest and is audited: nothing lost, nothing doubled; unresolved are only
//! payments that were under way at a kill, which the operator then looks up, and after that nothing at all.

mod cycle;
mod rest;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use rand::{SeedableRng as _, rngs::StdRng};
use tarishi_sandbox::{Adapter, Call, CallbackFault, Fault, Sandbox, SandboxOptions};

use crate::harness::{
    Audit, Build, Commands, Intent, Intents, Phone, Resolved, Result, ServerProcess, Supervisor, binaries, sms_report_url,
};

/// Phones that take turns.
const PHONES: usize = 2;
/// Delivery reports must find a server that is up again, as a real provider's, which comes seconds later, does.
const SMS_DELAY: Duration = Duration::from_millis(1_500);

/// How long a provider takes to answer, in milliseconds: long enough for a kill to fall into a call.
const ANSWER_MS: u64 = 40;

/// What to do, and from which seed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Cycles in all.
    pub cycles: u32,
    /// Cycles between two audits.
    pub audit_every: u32,
    /// What every draw depends on.
    pub seed: u64,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Cycles.
    pub cycles: u32,
    /// Phones killed by SIGKILL.
    pub phone_kills: u64,
    /// Phones that died at a failpoint.
    pub phone_failpoints: u64,
    /// Servers killed by SIGKILL.
    pub server_kills: u64,
    /// Servers that died at a failpoint.
    pub server_failpoints: u64,
    /// Payments that a human had to look up, by what he found.
    pub resolved: Resolved,
    /// The last audit.
    pub audit: Audit,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cycles, phone_kills, phone_failpoints, server_kills, server_failpoints, resolved, audit } = self;
        writeln!(f, "{cycles} cycles")?;
        writeln!(
            f,
            "phones died {}: {phone_kills} by kill -9, {phone_failpoints} at a failpoint",
            phone_kills + phone_failpoints
        )?;
        writeln!(
            f,
            "servers died {}: {server_kills} by kill -9, {server_failpoints} at a failpoint",
            server_kills + server_failpoints
        )?;
        let Resolved { paid, unpaid } = resolved;
        writeln!(f, "payments looked up by the operator {}: {paid} found paid, {unpaid} not paid", paid + unpaid)?;
        write!(f, "{audit}")
    }
}

/// Everything that runs.
struct Scene {
    folder: tempfile::TempDir,
    sandbox: Sandbox,
    server: Supervisor,
    commands: Commands,
    files: PathBuf,
    phones: Vec<Phone>,
    intents: Intents,
    asked: Vec<Intent>,
    rng: StdRng,
    totals: Totals,
}

/// Runs the plan; `say` hears how it goes.
///
/// # Errors
/// Something was lost, doubled, contradicted or made up, or something failed that may not. The text holds the seed.
pub async fn run(plan: Plan, say: impl FnMut(&str)) -> Result<Totals> {
    Box::pin(play(plan, say)).await.map_err(|error| format!("seed {}: {error}", plan.seed).into())
}

async fn play(plan: Plan, mut say: impl FnMut(&str)) -> Result<Totals> {
    let mut scene = Scene::set(plan.seed).await?;
    for cycle in 1..=plan.cycles {
        let is_audited = cycle.is_multiple_of(plan.audit_every) || cycle == plan.cycles;
        if let Err(error) = scene.step(is_audited).await {
            let kept = scene.keep().await?;
            return Err(format!("cycle {cycle}: {error}\nthe files are kept in {}", kept.display()).into());
        }
        if is_audited {
            say(&format!("after {cycle} cycles: {}", scene.totals.audit));
        }
    }
    let Scene { server, mut totals, .. } = scene;
    totals.cycles = plan.cycles;
    totals.server_kills = server.deaths().killed.load(Ordering::SeqCst);
    totals.server_failpoints = server.deaths().failpoints.load(Ordering::SeqCst);
    server.stop().await?;
    Ok(totals)
}

impl Scene {
    async fn step(&mut self, is_audited: bool) -> Result<()> {
        self.cycle().await?;
        if is_audited { self.rest().await } else { Ok(()) }
    }

    /// After a failure: the databases, logs and the provider's books stay for whoever looks for its cause.
    async fn keep(self) -> Result<PathBuf> {
        let books = serde_json::to_vec_pretty(&self.sandbox.ledger())?;
        // What failed is told already; that the server failed too is no news.
        let _ = self.server.stop().await;
        std::fs::write(self.folder.path().join("ledger.json"), books)?;
        Ok(self.folder.keep())
    }

    async fn set(seed: u64) -> Result<Self> {
        let programs = tokio::task::spawn_blocking(|| binaries(Build::Failpoints)).await??;
        let folder = tempfile::tempdir()?;
        let sandbox = Sandbox::start(SandboxOptions { sms_delay: SMS_DELAY, ..SandboxOptions::default() }).await?;
        slow_down(&sandbox, seed);
        let server_folder = folder.path().join("server");
        std::fs::create_dir(&server_folder)?;
        let server = ServerProcess::new(&programs.server, &server_folder, &sandbox.url())?;
        sandbox.set_sms_delivery_url(Some(sms_report_url(&server.url())));
        let (commands, files, url) = (server.commands(), server.files(), server.url());
        let supervisor = Supervisor::start(server, seed).await?;
        let mut phones = Vec::new();
        for number in 0..PHONES {
            let made = commands.run(&["device", "enrol", "--account", &format!("teacher-{number}"), "--scopes", "*:*"]).await?;
            let token = made.first().and_then(|made| made["token"].as_str()).ok_or("`device enrol` printed no token")?;
            phones.push(phone(&programs.phone, folder.path(), number, &url, token).await?);
        }
        Ok(Self {
            folder,
            sandbox,
            server: supervisor,
            commands,
            files,
            phones,
            intents: Intents::new(&format!("crash-{seed}")),
            asked: Vec::new(),
            rng: StdRng::seed_from_u64(seed ^ 0x5eed),
            totals: Totals::default(),
        })
    }
}

/// Most calls take a while, and of some payments the callback is lost: they can only be asked about, or looked up.
fn slow_down(sandbox: &Sandbox, seed: u64) {
    let (charge, send) = (Fault::on(Adapter::Mpesa, Call::Charge), Fault::on(Adapter::Sms, Call::Send));
    sandbox.add_fault(charge.clone().callback(CallbackFault::Lost).delay_ms(ANSWER_MS).probability(0.2, seed));
    sandbox.add_fault(charge.delay_ms(ANSWER_MS).probability(0.6, seed ^ 1));
    sandbox.add_fault(send.delay_ms(ANSWER_MS).probability(0.6, seed ^ 2));
}

async fn phone(program: &Path, folder: &Path, number: usize, url: &str, token: &str) -> Result<Phone> {
    let own = folder.join(format!("phone-{number}"));
    std::fs::create_dir(&own)?;
    let phone = Phone::new(program, own.join("phone.db"));
    phone.init(url, token).await?;
    Ok(phone)
}
