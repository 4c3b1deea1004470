//! `migrate`: opening brings the database to this version's schema; here without serving.

use serde_json::json;

use super::{Context, Outcome};

pub(super) async fn run(context: &mut Context<'_>) -> Outcome {
    let app = context.app().await?;
    app.store.close().await;
    let database = context.config.database.display().to_string();
    context.line(&json!({ "database": database, "migrated": true }), || format!("{database} has this version's schema"))
}
