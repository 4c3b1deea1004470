//! `logs`: every try at every provider and every piece of evidence, newest first.

use chrono::{DateTime, Utc};
use tarishi_protocol::OperationId;

use super::{Context, Outcome, cells, operation_id};
use crate::{http::log_view, store::AttemptFilter};

#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// Only of this operation.
    #[arg(long, value_parser = operation_id)]
    operation: Option<OperationId>,
    /// Only of this adapter.
    #[arg(long)]
    adapter: Option<String>,
    /// Only of this account.
    #[arg(long)]
    account: Option<String>,
    /// Only of this device or key.
    #[arg(long)]
    from: Option<String>,
    /// Only with this result.
    #[arg(long)]
    result: Option<String>,
    /// Only since this time, as 2026-11-24T08:00:00Z.
    #[arg(long)]
    since: Option<DateTime<Utc>>,
    /// At most this many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}

impl Logs {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let app = context.app_of_tenant().await?;
        let filter = AttemptFilter {
            tenant: context.tenant.clone(),
            operation: self.operation,
            adapter: self.adapter,
            account: self.account,
            actor: self.from,
            result: self.result,
            since: self.since.map(|since| since.timestamp_millis()),
            before: None,
            limit: self.limit,
        };
        let rows = app.store.attempts(filter).await;
        app.store.close().await;
        for row in rows? {
            let view = log_view(&row);
            context.line(&view, || {
                cells(
                    &view,
                    &["opened_at", "adapter", "action", "kind", "result", "code", "state_after", "operation", "message"],
                )
            })?;
        }
        Ok(())
    }
}
