//! `resolve ID`: a human who has looked at the provider's books says what became of an unresolved operation.

use std::sync::Arc;

use serde_json::Value;
use tarishi_protocol::OperationId;

use super::{Context, Failure, Outcome, cells, operation_id};
use crate::{dispatch::operator, http::operation_view, store::Resolution};

#[derive(Debug, clap::Args)]
pub(super) struct Resolve {
    /// The operation.
    #[arg(value_parser = operation_id)]
    id: OperationId,
    #[command(flatten)]
    decision: Decision,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Decision {
    /// The effect exists; its outcome as JSON.
    #[arg(long, value_name = "OUTCOME")]
    succeeded: Option<String>,
    /// There is and will be no effect.
    #[arg(long, value_name = "REASON")]
    failed: Option<String>,
    /// There is no effect: execute it again.
    #[arg(long)]
    run_again: bool,
}

impl Resolve {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let resolution = self.decision.read()?;
        let app = Arc::new(context.app_of_tenant().await?);
        let row = operator::resolve(&app, &context.tenant, self.id, resolution, "operator".to_owned()).await;
        app.store.close().await;
        let view = operation_view(&row?);
        context.line(&view, || cells(&view, &["id", "state"]))
    }
}

impl Decision {
    fn read(self) -> Result<Resolution, Failure> {
        let Self { succeeded, failed, run_again: _ } = self;
        if let Some(text) = succeeded {
            let outcome: Value = serde_json::from_str(&text).unwrap_or_default();
            if !outcome.is_object() {
                return Err(Failure::Usage("--succeeded takes the outcome as a JSON object".to_owned()));
            }
            return Ok(Resolution::Succeeded { outcome });
        }
        Ok(failed.map_or(Resolution::RunAgain, |reason| Resolution::Failed { reason }))
    }
}
