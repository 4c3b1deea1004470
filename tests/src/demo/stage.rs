//! Everything that runs in the demo, and the small steps that the acts are made of.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tarishi_sandbox::{Adapter, Call, Effect, Fault, Sandbox, SandboxOptions};

use super::{
    board::Board,
    cast::{self, OWNERS},
    handset::Handset,
    timeline::Timeline,
};
use crate::harness::{Audit, Binaries, Intent, Intents, Result, ServerProcess, States, Traffic, import_file, sms_report_url};

/// How long a payer takes to enter the PIN.
const PAYER: Duration = Duration::from_secs(1);
/// How long M-Pesa takes to answer a call, in milliseconds: long enough to be killed over.
const MPESA_ANSWER_MS: u64 = 700;
/// How long a text takes to its handset; its report finds the server up again.
const SMS_DELAY: Duration = Duration::from_secs(4);

pub(super) struct Stage {
    pub(super) timeline: Timeline,
    pub(super) sandbox: Sandbox,
    pub(super) server: ServerProcess,
    pub(super) handsets: Vec<Handset>,
    pub(super) board: Arc<Board>,
    pub(super) asked: Vec<Intent>,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Providers, a server, three phones without network.
    pub(super) async fn set(programs: &Binaries, timeline: Timeline) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = SandboxOptions { mpesa_delay: PAYER, sms_delay: SMS_DELAY, ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options).await?;
        sandbox.add_fault(Fault::on(Adapter::Mpesa, Call::Charge).delay_ms(MPESA_ANSWER_MS));
        let mut server = ServerProcess::new(&programs.server, folder.path(), &sandbox.url())?;
        sandbox.set_sms_delivery_url(Some(sms_report_url(&server.url())));
        server.start(None).await?;
        let board = Arc::new(Board::default());
        let mut handsets = Vec::new();
        for cast in OWNERS.into_iter().enumerate() {
            handsets.push(Handset::new(&programs.phone, folder.path(), &server, &board, cast).await?);
        }
        Ok(Self { timeline, sandbox, server, handsets, board, asked: Vec::new(), folder })
    }

    /// Fills the queues of all phones; what was refused, in the phone's own words.
    pub(super) async fn enqueue(&mut self) -> Result<Vec<String>> {
        let mut intents = Intents::new("demo");
        let mut refused = Vec::new();
        for (number, handset) in self.handsets.iter().enumerate() {
            let own = cast::operations(number, &mut intents);
            let mut lines: Vec<_> = own.iter().map(|intent| intent.line.clone()).collect();
            if number == 0 {
                lines.insert(lines.len() / 2, cast::typing_error());
            }
            let file = self.file(number);
            import_file(&file, &lines)?;
            let (_, said) = handset.phone.import(&file).await?;
            refused.extend(said.lines().filter(|line| line.contains("line ")).map(str::to_owned));
            self.asked.extend(own);
        }
        Ok(refused)
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("operations-{number}.jsonl"))
    }

    /// Payments that the provider has in its books.
    pub(super) fn payments(&self) -> usize {
        self.sandbox.ledger().iter().filter(|entry| entry.effect == Effect::MoneyIn).count()
    }

    /// What was asked for against the providers' books. The phones must be off: one process owns a database.
    pub(super) async fn audit(&self) -> Result<Audit> {
        let mut states = States::new();
        for handset in &self.handsets {
            states.extend(handset.phone.states().await?);
        }
        Ok(Audit::of(&self.asked, &states, &self.sandbox.ledger(), &self.server.files()))
    }

    /// What travelled between all phones and the server.
    pub(super) fn traffic(&self) -> (Traffic, Traffic) {
        let (mut up, mut down) = (Traffic::default(), Traffic::default());
        for handset in &self.handsets {
            let (more_up, more_down) = handset.tap.traffic();
            up += more_up;
            down += more_down;
        }
        (up, down)
    }
}
