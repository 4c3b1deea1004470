//! `credentials rotate`: a new master key, and everything sealed anew under it.

use std::time::Duration;

use serde_json::json;

use super::{Context, Failure, Outcome};
use crate::{
    rotation::{RotationError, rotate},
    server::{self, StartError},
    store,
};

#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub(super) enum Credentials {
    /// Seal all credentials and tokens anew under a new master key, beside a running server; run it again if it was stopped.
    ///
    /// With the key file beside the database the new key is made here. With TARISHI_MASTER_KEY put the new key before the
    /// old one, as 2:NEW,1:OLD, restart the server, rotate, and take the old one out.
    Rotate,
}

impl Credentials {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let Self::Rotate = self;
        // Held meanwhile, so that no server starts with yesterday's keys.
        let alone = match server::lock(&context.config, Duration::ZERO).await {
            Ok(lock) => Some(lock),
            Err(StartError::Store(store::Error::Locked)) => None,
            Err(error) => return Err(error.into()),
        };
        let app = context.app().await?;
        let mut progress = |done: usize| writeln!(context.err, "{done} sealed anew");
        let rotated = rotate(&app, alone.is_none(), &mut progress).await;
        app.store.close().await;
        let rotated = rotated?;
        let object = json!({ "key": rotated.current, "resealed": rotated.resealed, "old_key_removed": rotated.file_cleared });
        context.line(&object, || {
            let rest = if rotated.file_cleared {
                "the old key is gone from the key file: back the new file up"
            } else {
                "the old key may be taken out of TARISHI_MASTER_KEY now"
            };
            format!("key {} seals everything; {} values were sealed anew; {rest}", rotated.current, rotated.resealed)
        })
    }
}

impl From<RotationError> for Failure {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::NoNewKey(..) => Self::Usage(error.to_string()),
            RotationError::Store(_)
            | RotationError::Config(_)
            | RotationError::File(_)
            | RotationError::ServerBehind(_)
            | RotationError::Unreadable(..)
            | RotationError::Stopped(_) => Self::Failed(error.to_string()),
        }
    }
}
