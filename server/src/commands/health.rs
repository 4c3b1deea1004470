//! `health [ADAPTER]`: asks the providers.

use serde_json::json;

use super::{Context, Failure, Outcome, cells};
use crate::http::check_health;

#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// One adapter; left out = all.
    adapter: Option<String>,
}

impl Health {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let app = context.app_of_tenant().await?;
        let names: Vec<String> = match &self.adapter {
            Some(name) => vec![name.clone()],
            None => app.adapters.keys().map(|name| (*name).to_owned()).collect(),
        };
        let mut ill = Vec::new();
        for name in names {
            let health = check_health(&app, &context.tenant, &name).await?;
            let health = health.ok_or_else(|| Failure::Failed(format!("there is no adapter {name}")))?;
            if health.status == "down" || (health.status == "disabled" && self.adapter.is_some()) {
                ill.push(format!("{name} is {}", health.status));
            }
            let object = json!(health);
            context.line(&object, || cells(&object, &["adapter", "status", "breaker", "latency_ms", "message"]))?;
        }
        app.store.close().await;
        if ill.is_empty() { Ok(()) } else { Err(Failure::Failed(ill.join(", "))) }
    }
}
