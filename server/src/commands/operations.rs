//! `operations list | show | cancel`.

use serde_json::{Value, json};
use tarishi_protocol::{CancellationResult, OperationId, State};

use super::{Context, Failure, Outcome, cells, operation_id};
use crate::{
    app::App,
    http::operation_view,
    store::{OperationFilter, Verdict},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Operations {
    /// Newest first.
    List {
        /// Only in this state; repeatable.
        #[arg(long, value_delimiter = ',', value_parser = state)]
        state: Vec<State>,
        /// Only of this adapter.
        #[arg(long)]
        adapter: Option<String>,
        /// Only of this account.
        #[arg(long)]
        account: Option<String>,
        /// Only what waits for a human.
        #[arg(long)]
        dead_letters: bool,
        /// Only older than this one.
        #[arg(long, value_parser = operation_id)]
        before: Option<OperationId>,
        /// At most this many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
    /// One operation.
    Show {
        /// Its id.
        #[arg(value_parser = operation_id)]
        id: OperationId,
    },
    /// Cancel one that has not begun.
    Cancel {
        /// Its id.
        #[arg(value_parser = operation_id)]
        id: OperationId,
    },
}

fn state(word: &str) -> Result<State, String> {
    State::from_word(word).ok_or_else(|| format!("states are {}", State::ALL.map(State::as_str).join(", ")))
}

impl Operations {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let app = context.app_of_tenant().await?;
        let done = self.act(context, &app).await;
        app.store.close().await;
        done
    }

    async fn act(self, context: &mut Context<'_>, app: &App) -> Outcome {
        match self {
            Self::List { state, adapter, account, dead_letters, before, limit } => {
                let tenant = context.tenant.clone();
                let filter = OperationFilter { tenant, account, states: state, adapter, dead_letters, before, limit };
                for row in app.store.operations(filter).await? {
                    print(context, &operation_view(&row))?;
                }
                Ok(())
            }
            Self::Show { id } => show(context, app, id).await,
            Self::Cancel { id } => cancel(context, app, id).await,
        }
    }
}

async fn show(context: &mut Context<'_>, app: &App, id: OperationId) -> Outcome {
    if let Some(row) = app.store.operation(&context.tenant, id).await? {
        return print(context, &operation_view(&row));
    }
    match app.store.verdict(&context.tenant, id).await?.map(|row| row.verdict) {
        Some(Verdict::Refused(problem)) => print(context, &json!({ "id": id, "state": "refused", "problem": problem })),
        Some(Verdict::Cancelled) => print(context, &json!({ "id": id, "state": "cancelled" })),
        Some(Verdict::DuplicateOf(other)) => print(context, &json!({ "id": id, "state": "duplicate", "of": other })),
        None => Err(Failure::Failed(format!("there is no operation {id}"))),
    }
}

async fn cancel(context: &mut Context<'_>, app: &App, id: OperationId) -> Outcome {
    let answer = app.store.cancel(&context.tenant, None, id, app.clock.now_ms()).await?;
    let answer = answer.ok_or_else(|| Failure::Failed(format!("there is no operation {id}")))?;
    match answer.result {
        CancellationResult::Cancelled => context.line(&json!(answer), || format!("{id} is cancelled")),
        CancellationResult::TooLate => {
            context.line(&json!(answer), || format!("{id} cannot be cancelled any more"))?;
            Err(Failure::Failed("too late".to_owned()))
        }
    }
}

fn print(context: &mut Context<'_>, view: &Value) -> Outcome {
    context.line(view, || cells(view, &["id", "state", "adapter", "action", "account", "created_at", "key", "problem"]))
}
