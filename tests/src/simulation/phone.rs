//! One phone: the real client on a real file, which may die and be opened again.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use tarishi_core::{Client, DeviceState, Error, Filter, ManualClock, OperationRecord, Options};
use tarishi_protocol::OperationId;

use super::network::{SYNC_DEADLINE, SimulatedTransport, Wire};
use crate::harness::Result;

pub(super) struct Phone {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) clock: Arc<ManualClock>,
    /// What it was ever told will never run.
    pub(super) never: BTreeMap<OperationId, DeviceState>,
    token: String,
    file: PathBuf,
    wire: Arc<Wire>,
    /// Absent for the moment between two processes.
    client: Option<Client>,
}

impl Phone {
    pub(super) fn new(name: &str, account: &str, token: String, file: PathBuf, wire: &Arc<Wire>) -> Result<Self> {
        let clock = Arc::new(ManualClock::new(wire.clock.now_ms()));
        let client = Some(open(account, &token, &file, wire, &clock)?);
        Ok(Self {
            name: name.to_owned(),
            account: account.to_owned(),
            clock,
            never: BTreeMap::new(),
            token,
            file,
            wire: Arc::clone(wire),
            client,
        })
    }

    pub(super) fn client(&self) -> &Client {
        self.client.as_ref().expect("a phone that died is opened again at once")
    }

    /// Syncs; says whether the phone died of it.
    pub(super) async fn sync(&mut self) -> Result<bool> {
        let client = self.client().clone();
        let died = tokio::select! {
            report = client.sync(SYNC_DEADLINE, None) => {
                report.map_err(|error| format!("{} cannot sync: {error}", self.name))?;
                false
            }
            () = self.wire.phone_dies.notified() => true,
        };
        drop(client);
        if died {
            self.open_again()?;
        }
        self.remember().await?;
        Ok(died)
    }

    /// The process is gone and starts again on the same file.
    pub(super) fn open_again(&mut self) -> Result<()> {
        drop(self.client.take());
        self.client = Some(open(&self.account, &self.token, &self.file, &self.wire, &self.clock)?);
        Ok(())
    }

    pub(super) async fn all(&self) -> Result<Vec<OperationRecord>> {
        Ok(self.client().list(Filter { limit: Some(1_000), ..Filter::default() }).await?)
    }

    async fn remember(&mut self) -> Result<()> {
        for record in self.all().await? {
            match record.state {
                DeviceState::Cancelled | DeviceState::Refused | DeviceState::Expired => {
                    self.never.insert(record.id, record.state);
                }
                DeviceState::Pending
                | DeviceState::InFlight
                | DeviceState::Accepted
                | DeviceState::Waiting
                | DeviceState::Unresolved
                | DeviceState::Succeeded
                | DeviceState::Failed
                | DeviceState::Dead => {}
            }
        }
        Ok(())
    }
}

fn open(
    account: &str,
    token: &str,
    file: &std::path::Path,
    wire: &Arc<Wire>,
    clock: &Arc<ManualClock>,
) -> std::result::Result<Client, Error> {
    let transport = SimulatedTransport { wire: Arc::clone(wire), clock: Arc::clone(clock) };
    let options = Options::new(file, "http://simulated.invalid")
        .with_account(account)
        .with_static_token(token)
        .with_transport(Arc::new(transport))
        .with_clock(Arc::clone(clock) as Arc<dyn tarishi_core::Clock>);
    Client::open(Options { seed: 1, ..options })
}
