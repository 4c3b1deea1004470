//! `redrive ID`: a dead letter is executed again, as a new effect, behind what is queued.

use tarishi_protocol::OperationId;

use super::{Context, Outcome, cells, operation_id};
use crate::{dispatch::operator, http::operation_view};

#[derive(Debug, clap::Args)]
pub(super) struct Redrive {
    /// The operation.
    #[arg(value_parser = operation_id)]
    id: OperationId,
}

impl Redrive {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let app = context.app_of_tenant().await?;
        let row = operator::redrive(&app, &context.tenant, self.id, "operator".to_owned()).await;
        app.store.close().await;
        let view = operation_view(&row?);
        context.line(&view, || cells(&view, &["id", "state"]))
    }
}
