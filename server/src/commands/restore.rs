//! `restore`: after a backup of the database was put back.
//!
//! The backup does not know what was accepted after it was made. A new store id tells each device, at its next exchange, to
//! send again what has not ended; what it says was held before is recovered, not executed.

use std::time::Duration;

use serde_json::json;

use super::{Context, Outcome};
use crate::server;

pub(super) async fn run(context: &mut Context<'_>) -> Outcome {
    let _alone = server::lock(&context.config, Duration::ZERO).await?;
    let app = context.app().await?;
    let store_id = app.store.renew_store_id().await?;
    app.store.close().await;
    context.line(&json!({ "store_id": store_id }), || {
        format!(
            "the store has the new id {store_id}. At its next exchange each device is told to begin its feed again and to send \
             what has not ended once more; what was accepted after the backup is recovered from the providers, not executed again"
        )
    })
}
