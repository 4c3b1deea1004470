//! `webhooks reprocess`: stored webhooks are read again.

use std::sync::Arc;

use serde_json::json;

use super::{Context, Outcome};
use crate::dispatch::webhook::{Reprocessed, reprocess};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Webhooks {
    /// Read those again of which nothing was settled, after an update that understands more of them.
    Reprocess {
        /// Only of this adapter.
        #[arg(long)]
        adapter: Option<String>,
    },
}

impl Webhooks {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let Self::Reprocess { adapter } = self;
        let app = Arc::new(context.app_of_tenant().await?);
        let done = reprocess(&app, &context.tenant, adapter.as_deref()).await;
        app.store.close().await;
        let done = done?;
        let Reprocessed { webhooks, unreadable, news } = done;
        context.line(&json!(done), || format!("{webhooks} read, {unreadable} cannot be read, {news} pieces of news"))
    }
}
