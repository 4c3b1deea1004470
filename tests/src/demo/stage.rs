//! Everything that runs in the demo, and the small steps that the acts are made of.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tarishi_sandbox::{Adapter, Call, Effect, Fault, Sandbox, SandboxOptions};

use super::{
    board::Board,
    cast::{self, OWNERS},
    handset::Handset,
    timeline::Timeline,
};
use crate::harness::{
    Audit, Binaries, Intent, Intents, Result, ServerProcess, States, Traffic, flutterwave_webhook_url, import_file,
    sms_report_url, whatsapp_webhook_url,
};

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
    pub(super) intents: Intents,
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
        sandbox.set_whatsapp_webhook_url(Some(whatsapp_webhook_url(&server.url())));
        sandbox.set_flutterwave_webhook_url(Some(flutterwave_webhook_url(&server.url())));
        server.start(None).await?;
        let board = Arc::new(Board::default());
        let mut handsets = Vec::new();
        for cast in OWNERS.into_iter().enumerate() {
            handsets.push(Handset::new(&programs.phone, folder.path(), &server, &board, cast).await?);
        }
        Ok(Self { timeline, sandbox, server, handsets, board, asked: Vec::new(), intents: Intents::new("demo"), folder })
    }

    /// Fills the queues of all phones; what was refused, in the phone's own words.
    pub(super) async fn enqueue(&mut self) -> Result<Vec<String>> {
        let mut refused = Vec::new();
        for number in 0..self.handsets.len() {
            let own = cast::operations(number, &mut self.intents);
            let mut lines: Vec<_> = own.iter().map(|intent| intent.line.clone()).collect();
            if number == 0 {
                lines.insert(lines.len() / 2, cast::typing_error());
            }
            let said = self.import(number, "morning", &lines).await?;
            refused.extend(said.lines().filter(|line| line.contains("line ")).map(str::to_owned));
            self.asked.extend(own);
        }
        Ok(refused)
    }

    /// Puts lines into the queue of a phone that is off; what it said of those that it refused.
    pub(super) async fn import(&self, number: usize, name: &str, lines: impl IntoIterator<Item = &Value>) -> Result<String> {
        let file = self.folder.path().join(format!("{name}-{number}.jsonl"));
        import_file(&file, lines)?;
        Ok(self.handsets[number].phone.import(&file).await?.1)
    }

    /// Payments that the provider has in its books.
    pub(super) fn payments(&self) -> usize {
        self.sandbox.ledger().iter().filter(|entry| entry.effect == Effect::MoneyIn).count()
    }

    /// Where all operations stand. The phones must be off: one process owns a database.
    pub(super) async fn states(&self) -> Result<States> {
        let mut states = States::new();
        for handset in &self.handsets {
            states.extend(handset.phone.states().await?);
        }
        Ok(states)
    }

    /// What was asked for against the providers' books.
    pub(super) fn audit(&self, states: &States) -> Audit {
        Audit::of(&self.asked, states, &self.sandbox.ledger(), &self.server.files())
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
