//! `execute ADAPTER ACTION JSON`: the same road as a device's operation: intake, then whoever dispatches.
//!
//! A running `serve` performs it. Without one this process takes the lock and performs it itself.

use std::{sync::Arc, time::Duration};

use serde_json::{json, value::RawValue};
use tarishi_protocol::{OperationId, ReceiptStatus, State};

use super::{Context, Failure, Outcome, cells};
use crate::{
    app::App,
    dispatch,
    intake::{self, NewSubmission},
    server::{self, StartError},
    store::{self, Actor, Grants, OperationRow},
};

#[derive(Debug, clap::Args)]
pub(super) struct Execute {
    /// The adapter: mpesa, sms, …
    adapter: String,
    /// The action: charge, send, …
    action: String,
    /// The payload, a JSON object.
    payload: String,
    /// Names the effect: the same key is never executed twice.
    #[arg(long)]
    key: Option<String>,
    /// The account it is for.
    #[arg(long, default_value = "operator")]
    account: String,
    /// Operations that share it run in order.
    #[arg(long)]
    ordering_key: Option<String>,
    /// How long to wait for the end.
    #[arg(long, default_value_t = 60)]
    wait_secs: u64,
}

impl Execute {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let payload: Box<RawValue> =
            serde_json::from_str(&self.payload).map_err(|_| Failure::Usage("the payload is not JSON".to_owned()))?;
        let alone = match server::lock(&context.config, Duration::ZERO).await {
            Ok(lock) => Some(lock),
            Err(StartError::Store(store::Error::Locked)) => None,
            Err(error) => return Err(error.into()),
        };
        let app = Arc::new(server::beside(context.config.clone(), alone.as_ref()).await?);
        context.check_tenant(&app, &context.tenant).await?;
        if self.key.is_none() && app.has_effect(&self.adapter, &self.action) {
            return Err(Failure::Usage("an action with an effect needs --key".to_owned()));
        }
        let dispatcher = alone.as_ref().map(|_| tokio::spawn(dispatch::run(Arc::clone(&app))));
        let ended = self.submit_and_wait(&app, &context.tenant, payload).await;
        app.shutdown.cancel();
        if let Some(dispatcher) = dispatcher {
            dispatcher.await.map_err(|error| Failure::Failed(error.to_string()))?;
        }
        app.store.close().await;
        report(context, &ended?)
    }

    async fn submit_and_wait(&self, app: &Arc<App>, tenant: &str, payload: Box<RawValue>) -> Result<OperationRow, Failure> {
        let new = NewSubmission {
            idempotency_key: self.key.clone(),
            adapter: self.adapter.clone(),
            action: self.action.clone(),
            version: 1,
            payload,
            ordering_key: self.ordering_key.clone(),
            ttl_ms: None,
            account: self.account.clone(),
            deliver_to: None,
        };
        let grants = Grants { scopes: vec!["*:*".to_owned()], ..Grants::default() };
        let receipt = Box::pin(intake::submit(app, tenant, Actor::Operator, &grants, new)).await?;
        match receipt.status {
            ReceiptStatus::Accepted | ReceiptStatus::Duplicate => {}
            ReceiptStatus::Refused | ReceiptStatus::Later => {
                let why = receipt.problem.map(|problem| problem.to_string());
                return Err(Failure::Failed(format!("not taken: {}", why.unwrap_or_default())));
            }
        }
        wait(app, tenant, receipt.id, self.wait_secs).await
    }
}

/// Waits in short steps: another process may be the one that performs it, and cannot wake us.
async fn wait(app: &App, tenant: &str, id: OperationId, wait_secs: u64) -> Result<OperationRow, Failure> {
    let step = Duration::from_millis(250);
    let last = app.clock.now_ms().saturating_add_unsigned(wait_secs.saturating_mul(1_000));
    loop {
        let row = Box::pin(intake::wait_ended(app, tenant, id, step)).await?;
        let row = row.ok_or_else(|| Failure::Failed(format!("operation {id} is not there")))?;
        if row.state.is_ended() || row.state == State::Unresolved || app.clock.now_ms() >= last {
            return Ok(row);
        }
    }
}

fn report(context: &mut Context<'_>, row: &OperationRow) -> Outcome {
    let object = json!({ "id": row.id, "state": row.state, "outcome": row.outcome, "problem": row.problem });
    context.line(&object, || cells(&object, &["id", "state", "outcome", "problem"]))?;
    if row.state == State::Succeeded {
        return Ok(());
    }
    Err(Failure::Failed(format!("operation {} is {}", row.id, row.state.as_str())))
}
