//! The devices that a push goes to: looked up before each step, and forgotten where the provider says that they are dead.

use chrono::DateTime;

use crate::{
    App,
    adapters::{PushKind, PushTarget, Targets},
    store::{PushTokenRow, SealedKind},
};

/// The devices of one step.
pub(super) struct Devices {
    rows: Vec<PushTokenRow>,
    targets: Targets,
}

impl Devices {
    /// Those that were looked up for it.
    pub(super) fn new(app: &App, rows: Vec<PushTokenRow>) -> Self {
        let targets = Targets::new(rows.iter().filter_map(|row| target(app, row)).collect());
        Self { rows, targets }
    }

    pub(super) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Removes what the provider said is dead, unless the device has registered again since it was looked up.
    pub(super) async fn forget_dead(&self, app: &App) {
        let dead = self.targets.dead();
        for row in self.rows.iter().filter(|row| dead.contains(&row.device)) {
            match app.store.forget_push_token(row.clone()).await {
                Ok(forgotten) => tracing::info!(device = row.device, forgotten, "a push token is dead"),
                // It is found dead again with the next push.
                Err(error) => tracing::warn!(%error, device = row.device, "a dead push token could not be removed"),
            }
        }
    }
}

fn target(app: &App, row: &PushTokenRow) -> Option<PushTarget> {
    let purpose = SealedKind::PushToken.purpose(&row.device);
    let opened = app.vault.open(&row.tenant, &purpose, &row.sealed).ok().and_then(|token| String::from_utf8(token).ok());
    let (Some(kind), Some(token)) = (PushKind::from_word(&row.kind), opened) else {
        tracing::warn!(device = row.device, "a push token cannot be read");
        return None;
    };
    let registered_at = DateTime::from_timestamp_millis(row.registered_at)?;
    Some(PushTarget { device: row.device.clone(), kind, token, registered_at })
}

impl App {
    /// A device says where it takes its notifications.
    ///
    /// # Errors
    /// The store failed.
    pub async fn register_push_token(
        &self,
        tenant: &str,
        device: &str,
        kind: PushKind,
        token: &str,
    ) -> crate::store::Result<()> {
        let row = PushTokenRow {
            tenant: tenant.to_owned(),
            device: device.to_owned(),
            kind: kind.as_str().to_owned(),
            sealed: self.vault.seal(tenant, &SealedKind::PushToken.purpose(device), token.as_bytes()),
            token_hash: crate::vault::Vault::token_hash(token),
            registered_at: self.clock.now_ms(),
        };
        self.store.put_push_token(row).await
    }
}
