//! Carries out one scenario and says at which step it went another way.

use std::time::Duration;

use serde_json::Value;
use tarishi_core::DeviceState;
use tarishi_protocol::OperationId;
use tokio::{sync::watch, time::timeout};

use super::{
    control::{Control, Road},
    device::Device,
    file::{Scenario, Step, Verb},
    matching::{Names, matches},
    results,
};
use crate::harness::Result;

/// How long `events` waits for what it expects.
const EVENTS_WAIT: Duration = Duration::from_secs(5);
/// How long `until` waits.
const UNTIL_WAIT: Duration = Duration::from_secs(10);

/// What a step works with.
pub(super) struct World {
    pub(super) device: Device,
    pub(super) control: Control,
    pub(super) names: Names,
}

/// What a step came to: a result, or an error of the client.
pub(super) type Outcome = std::result::Result<Value, tarishi_core::Error>;

/// Runs a scenario.
///
/// # Errors
/// The step that failed, and how.
pub async fn run(scenario: &Scenario, road: &Road) -> Result<()> {
    let control = Control::begin(road).await?;
    let device = Device::open(&scenario.options, &control)?;
    let mut world = World { device, control, names: Names::new() };
    for (index, step) in scenario.steps.iter().enumerate() {
        let ran = world.step(step).await;
        ran.map_err(|error| format!("step {} ({}): {error}", index + 1, name_of(&step.verb)))?;
    }
    Ok(())
}

fn name_of(verb: &Verb) -> String {
    let text = format!("{verb:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

impl World {
    async fn step(&mut self, step: &Step) -> Result<()> {
        if let Verb::Events {} = step.verb {
            return self.events(step.expect.as_ref()).await;
        }
        let outcome = Box::pin(self.carry_out(&step.verb)).await?;
        match (outcome, &step.error) {
            (Ok(got), None) => match &step.expect {
                Some(expected) => Ok(matches(expected, &got, &self.names)?),
                None => Ok(()),
            },
            (Err(error), Some(expected)) => Ok(matches(expected, &results::error(&error), &self.names)?),
            (Err(error), None) => Err(format!("{}: {error}", results::error(&error)).into()),
            (Ok(got), Some(expected)) => Err(format!("expected the error {expected}, got {got}").into()),
        }
    }

    /// What happened so far, once it is as expected or the time is up.
    async fn events(&self, expected: Option<&Value>) -> Result<()> {
        let Some(expected) = expected else { return Ok(()) };
        let mut hearing = self.device.hearing();
        let look = || matches(expected, &self.device.events(), &self.names);
        let waited = async {
            while look().is_err() {
                hearing.changed().await?;
            }
            Ok::<_, watch::error::RecvError>(())
        };
        match timeout(EVENTS_WAIT, waited).await {
            Ok(heard) => Ok(heard?),
            Err(_) => Ok(look()?),
        }
    }

    /// Waits until an operation stands so.
    pub(super) async fn until(&self, id: OperationId, state: DeviceState) -> Result<Outcome> {
        let mut hearing = self.device.hearing();
        let mut last = None;
        let waited = async {
            loop {
                let record = match self.device.client()?.get(id).await {
                    Ok(record) => record,
                    Err(error) => return Result::<Outcome>::Ok(Err(error)),
                };
                last = record.as_ref().map(|record| record.state);
                if let Some(record) = record.filter(|record| record.state == state) {
                    return Ok(Ok(results::record(&record)));
                }
                hearing.changed().await?;
            }
        };
        let waited = timeout(UNTIL_WAIT, waited).await;
        waited.unwrap_or_else(|_| {
            let last = last.map_or("gone", DeviceState::as_str);
            Err(format!("after {} s it is {last}", UNTIL_WAIT.as_secs()).into())
        })
    }

    /// The id that a step named.
    pub(super) fn id(&self, name: &str) -> Result<OperationId> {
        let id = self.names.get(name).ok_or_else(|| format!("no step named {name}"))?;
        Ok(id.parse()?)
    }

    pub(super) fn name(&mut self, name: Option<&String>, record: &Value) {
        if let (Some(name), Some(id)) = (name, record["id"].as_str()) {
            self.names.insert(name.clone(), id.to_owned());
        }
    }
}
