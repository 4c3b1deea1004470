//! What each verb does.

use std::{sync::PoisonError, time::Duration};

use serde_json::{Map, Value, json};
use tarishi_core::{Filter, Logout, Network, NewOperation, OperationRecord, Priority, protocol::NotificationEvent};

use super::{
    file::{AfterSaid, How, NetworkSaid, OperationSaid, PrioritySaid, Verb},
    results,
    run::{Outcome, World},
};
use crate::harness::Result;

const SYNC_MS: u64 = 10_000;
const SUSPEND_MS: u64 = 5_000;
const DRAIN_MS: u64 = 10_000;

fn ms(given: Option<u64>, usual: u64) -> Duration {
    Duration::from_millis(given.unwrap_or(usual))
}

fn text(payload: &Map<String, Value>) -> String {
    Value::Object(payload.clone()).to_string()
}

impl World {
    pub(super) async fn carry_out(&mut self, verb: &Verb) -> Result<Outcome> {
        let client = self.device.client()?.clone();
        let outcome = match verb {
            Verb::Enqueue(said) => {
                let stored = client.enqueue(self.operation(said)?).await;
                self.named(said.named.as_ref(), stored)
            }
            Verb::EnqueueMany { operations } => {
                let new: Vec<_> = operations.iter().map(|said| self.operation(said)).collect::<Result<_>>()?;
                match client.enqueue_many(new).await {
                    Ok(stored) => {
                        let mut results = Vec::with_capacity(stored.len());
                        for (said, stored) in operations.iter().zip(stored) {
                            let named = self.named(said.named.as_ref(), stored);
                            results.push(named.unwrap_or_else(|error| json!({ "error": results::error(&error) })));
                        }
                        Ok(Value::Array(results))
                    }
                    Err(error) => Err(error),
                }
            }
            Verb::Get { of } => {
                client.get(self.id(of)?).await.map(|record| record.as_ref().map_or(Value::Null, results::record))
            }
            Verb::List { states, ordering_key, adapter, limit } => {
                let filter = Filter {
                    states: states.clone(),
                    ordering_key: ordering_key.clone(),
                    adapter: adapter.clone(),
                    after: None,
                    limit: *limit,
                };
                client.list(filter).await.map(|records| records.iter().map(results::record).collect())
            }
            Verb::Cancel { of } => client.cancel(self.id(of)?).await.map(|outcome| json!({ "outcome": outcome })),
            Verb::Replace { of, payload, named } => {
                let stored = client.replace(self.id(of)?, text(payload)).await;
                self.named(named.as_ref(), stored)
            }
            Verb::Retry { of, named } => {
                let stored = client.retry(self.id(of)?).await;
                self.named(named.as_ref(), stored)
            }
            Verb::Why { of } => client.why(self.id(of)?).await.map(|why| json!(why)),
            Verb::Sync { deadline_ms } => client.sync(ms(*deadline_ms, SYNC_MS), None).await.map(|report| json!(report)),
            Verb::Stats {} => client.stats().await.map(|stats| json!(stats)),
            Verb::Report {} => client.report().await.map(Value::String),
            Verb::Account {} => client.account().await.map(Value::String),
            Verb::Logout { how, deadline_ms } => {
                let how = match how {
                    How::Drain => Logout::Drain { deadline: ms(*deadline_ms, DRAIN_MS) },
                    How::Keep => Logout::Keep,
                    How::Discard => Logout::Discard,
                };
                client.logout(how).await.map(|report| json!(report))
            }
            Verb::Suspend { deadline_ms } => client.suspend(ms(*deadline_ms, SUSPEND_MS)).await.map(Value::from),
            Verb::Resume {} => client.resume().await.map(Value::from),
            Verb::Notification { id, event: NotificationEvent::Received } => {
                client.notification_received(id).await.map(Value::from)
            }
            Verb::Notification { id, event: NotificationEvent::Opened } => {
                client.notification_opened(id).await.map(Value::from)
            }
            Verb::NotificationKnown { id } => client.notification_known(id).await.map(Value::from),
            Verb::Until { of, state } => return self.until(self.id(of)?, *state).await,
            Verb::Stop {} => {
                client.stop().await;
                Ok(Value::Null)
            }
            Verb::Requests {} => Ok(self.control.requests().await?),
            Verb::Events {} => Ok(self.device.events()),
            Verb::Server { script, unreachable, tokens } => {
                if let Some(steps) = script {
                    self.control.script(steps.clone()).await?;
                }
                if let Some(unreachable) = unreachable {
                    self.control.set_unreachable(*unreachable).await?;
                }
                if let Some(tokens) = tokens {
                    self.control.set_tokens(tokens.clone()).await?;
                }
                Ok(Value::Null)
            }
            Verb::Start {}
            | Verb::Network { .. }
            | Verb::Foreground { .. }
            | Verb::Tokens { .. }
            | Verb::Clock { .. }
            | Verb::CloseAndOpen {}
            | Verb::CrashAndOpen {} => {
                drop(client);
                self.change(verb)?;
                Ok(Value::Null)
            }
        };
        Ok(outcome)
    }

    /// What changes around the client, and gives nothing.
    fn change(&mut self, verb: &Verb) -> Result<()> {
        match verb {
            Verb::Start {} => self.device.client()?.start(),
            Verb::Network { to } => {
                let network = match to {
                    NetworkSaid::Unknown => Network::Unknown,
                    NetworkSaid::Offline => Network::Offline,
                    NetworkSaid::Metered => Network::Metered,
                    NetworkSaid::Unmetered => Network::Unmetered,
                };
                self.device.client()?.set_network(network);
            }
            Verb::Foreground { to } => self.device.client()?.set_foreground(*to),
            Verb::Tokens { current, next, sign_in, changed } => {
                let mut now = self.device.tokens.0.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(current) = current {
                    now.current.clone_from(current);
                }
                (now.next, now.sign_in) = (next.iter().cloned().collect(), *sign_in);
                drop(now);
                if *changed {
                    self.device.client()?.token_changed();
                }
            }
            Verb::Clock { advance_ms, set, reboot } => {
                let clock = self.device.clock.as_ref().ok_or("the scenario has no clock")?;
                if let Some(advance_ms) = advance_ms {
                    clock.advance(Duration::from_millis(*advance_ms));
                }
                if let Some(set) = set {
                    clock.set_wall_ms(set.timestamp_millis());
                }
                if *reboot {
                    self.device.reboot()?;
                }
            }
            Verb::CloseAndOpen {} => self.device.close_and_open(&self.control)?,
            Verb::CrashAndOpen {} => self.device.crash_and_open(&self.control)?,
            other => return Err(format!("{other:?} changes nothing around the client").into()),
        }
        Ok(())
    }

    fn operation(&self, said: &OperationSaid) -> Result<NewOperation> {
        let mut new = NewOperation::new(&said.adapter, &said.action, text(&said.payload)).with_on_failure(said.on_failure);
        new.key.clone_from(&said.key);
        new.ordering_key.clone_from(&said.ordering_key);
        new.priority = match said.priority {
            PrioritySaid::High => Priority::High,
            PrioritySaid::Normal => Priority::Normal,
        };
        new.ttl = said.ttl_ms.map(Duration::from_millis);
        if let Some(AfterSaid { of, on }) = &said.after {
            new = new.with_after(self.id(of)?, *on);
        }
        Ok(new)
    }

    /// Gives what was stored its name.
    fn named(&mut self, name: Option<&String>, stored: std::result::Result<OperationRecord, tarishi_core::Error>) -> Outcome {
        let record = results::record(&stored?);
        self.name(name, &record);
        Ok(record)
    }
}
