//! Deletes what retention allows, a bounded number of rows at a time, and tells providers of consent that was taken back.

use std::{sync::Arc, time::Duration};

use crate::App;

/// How often retention is looked at.
const EVERY: Duration = Duration::from_secs(60);
/// Sweeps in a row, at most.
const SWEEPS: u32 = 20;

/// Sweeps once a minute until the server stops.
pub async fn run(app: Arc<App>) {
    loop {
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        crate::oauth::tell_of_revoked(&app).await;
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
    }
}
