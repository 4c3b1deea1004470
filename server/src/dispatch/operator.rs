//! What a human decides: the end of an unresolved operation, a dead letter's second life. Always on record.

use std::sync::Arc;

use tarishi_protocol::{Code, OperationId, Problem, State};

use super::rules::rules;
use crate::{
    App,
    adapters::Settings,
    store::{self, Evidence, OperationRow, Resolution, Settle, Source},
};

/// Ends an unresolved operation as a human found it, or has it run again.
///
/// # Errors
/// `not_found`; `invalid_value` if it is not unresolved.
pub async fn resolve(
    app: &Arc<App>,
    tenant: &str,
    id: OperationId,
    resolution: Resolution,
    who: String,
) -> Result<OperationRow, Problem> {
    let row = find(app, tenant, id).await?;
    if row.state != State::Unresolved {
        let detail = format!("operation {id} is {}, only an unresolved one can be resolved", row.state.as_str());
        return Err(Problem::new(Code::InvalidValue, detail).with_field("state"));
    }
    let adapter = app.adapter(&row.adapter).ok_or_else(|| Problem::new(Code::UnknownAdapter, row.adapter.clone()))?;
    let settings =
        app.effective(tenant, &row.adapter).await.map_err(internal)?.map_or_else(Settings::default, |all| all.settings);
    let settle = Settle {
        tenant: tenant.to_owned(),
        id: row.id,
        source: Source::Operator { who },
        evidence: Evidence::Resolve(resolution),
        rules: rules(app, &**adapter, &row.action, &settings),
        now: app.clock.now_ms(),
    };
    app.store.settle(settle).await.map_err(internal)?;
    super::webhook::matching(app, tenant, row.id).await.map_err(internal)?;
    moved(app);
    find(app, tenant, id).await
}

/// Puts a dead letter back to be executed as a new effect, at the tail of its ordering key.
///
/// # Errors
/// `not_found`; `invalid_value` if it is no dead letter, or its key is taken by another operation.
pub async fn redrive(app: &App, tenant: &str, id: OperationId, who: String) -> Result<OperationRow, Problem> {
    let row = find(app, tenant, id).await?;
    let done = app.store.redrive(tenant, row.id, who, app.clock.now_ms()).await.map_err(internal)?;
    if !done {
        let detail =
            format!("operation {id} is {}; only attempts_exhausted and dependency_failed are redriven", row.state.as_str());
        return Err(Problem::new(Code::InvalidValue, detail).with_field("state"));
    }
    moved(app);
    find(app, tenant, id).await
}

fn moved(app: &App) {
    app.wake.feed_moved();
    app.wake.dispatch_now();
}

async fn find(app: &App, tenant: &str, id: OperationId) -> Result<OperationRow, Problem> {
    let found = app.store.operation(tenant, id).await.map_err(internal)?;
    found.ok_or_else(|| Problem::new(Code::NotFound, "no such operation"))
}

#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn internal(error: store::Error) -> Problem {
    tracing::error!(%error, "the store failed");
    Problem::new(Code::Internal, "the server could not store or read this; nothing was lost")
}
