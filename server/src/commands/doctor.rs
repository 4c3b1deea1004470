//! `doctor`: the books, the settings, the master key.

use serde_json::json;

use super::{Context, Failure, Outcome};
use crate::{app::App, integrations::missing};

pub(super) async fn run(context: &mut Context<'_>) -> Outcome {
    let app = context.app().await?;
    let problems = look(&app).await;
    app.store.close().await;
    let problems = problems?;
    for problem in &problems {
        context.line(&json!({ "problem": problem }), || problem.clone())?;
    }
    if !problems.is_empty() {
        return Err(Failure::Failed(format!("{} things should not be", problems.len())));
    }
    if !context.json {
        writeln!(context.out, "nothing found")?;
    }
    Ok(())
}

async fn look(app: &App) -> Result<Vec<String>, Failure> {
    let mut problems = app.store.doctor(app.clock.now_ms()).await?;
    if app.vault.ring().has_older() {
        problems.push("there is more than one master key: finish with `credentials rotate`".to_owned());
    }
    for tenant in app.store.tenants().await? {
        for (name, adapter) in &app.adapters {
            let who = format!("tenant {}, adapter {name}", tenant.tenant);
            match app.effective(&tenant.tenant, name).await {
                Ok(Some(effective)) if effective.enabled => {
                    let lacks = missing(adapter.descriptor(), &effective.settings);
                    if !lacks.is_empty() {
                        problems.push(format!("{who}: enabled, but lacks {}", lacks.join(", ")));
                    } else if let Err(error) = adapter.check_settings(&effective.settings) {
                        problems.push(format!("{who}: {}", error.message));
                    }
                    if adapter.descriptor().webhooks && app.config.public_url.is_none() && app.config.sandbox.is_none() {
                        problems.push(format!("{who}: TARISHI_PUBLIC_URL is not set, so its provider cannot call back"));
                    }
                }
                Ok(Some(_) | None) => {}
                Err(error) => problems.push(format!("{who}: {error}")),
            }
        }
    }
    Ok(problems)
}
