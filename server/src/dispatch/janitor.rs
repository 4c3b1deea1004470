//! Deletes what retention allows, a bounded number of rows at a time; tries news that are not settled once more; tells providers
//! of consent that was taken back.

use std::{sync::Arc, time::Duration};

use super::webhook;
use crate::App;

/// How often retention is looked at.
const EVERY: Duration = Duration::from_secs(60);
/// Sweeps in a row, at most.
const SWEEPS: u32 = 20;

/// Makes a round once a minute until the server stops.
pub async fn run(app: Arc<App>) {
    let mut looked_at = 0;
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        looked_at = round(&app, looked_at).await;
    }
}

/// One round. Of what is not settled it looks at what comes after this event, and says after which the next one goes on.
pub async fn round(app: &Arc<App>, looked_at: i64) -> i64 {
    crate::oauth::tell_of_revoked(app).await;
    let looked_at = webhook::retry(app, looked_at).await;
    for _ in 0..SWEEPS {
        match app.store.sweep(app.clock.now_ms(), app.config.retention).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                tracing::error!(%error, "retention failed");
                break;
            }
        }
    }
    looked_at
}
