//! `device enrol | list | revoke`.

use serde_json::json;

use super::{Context, Failure, Outcome, cells, tenant::grants};
use crate::{app::App, clock::date, credentials::is_account};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Device {
    /// Register a device; its token is shown this once.
    Enrol {
        /// The account it acts for.
        #[arg(long)]
        account: String,
        /// What it may do: adapter:action patterns.
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// Caps as JSON: amount_per_operation, amount_per_day, messages_per_day, recipients.
        #[arg(long)]
        caps: Option<String>,
    },
    /// The tenant's devices.
    List {
        /// Only after this id.
        #[arg(long)]
        after: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
    /// Refuse a device's token from now on.
    Revoke {
        /// Its id.
        device: String,
    },
}

impl Device {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let app = context.app_of_tenant().await?;
        let done = self.act(context, &app).await;
        app.store.close().await;
        done
    }

    async fn act(self, context: &mut Context<'_>, app: &App) -> Outcome {
        match self {
            Self::Enrol { account, scopes, caps } => enrol(context, app, &account, scopes, caps.as_deref()).await,
            Self::List { after, limit } => list(context, app, after, limit).await,
            Self::Revoke { device } => {
                if !app.store.revoke_device(&context.tenant, &device, app.clock.now_ms()).await? {
                    return Err(Failure::Failed(format!("there is no device {device}")));
                }
                context.line(&json!({ "device": device, "revoked": true }), || format!("device {device} is revoked"))
            }
        }
    }
}

async fn enrol(context: &mut Context<'_>, app: &App, account: &str, mut scopes: Vec<String>, caps: Option<&str>) -> Outcome {
    if !is_account(account) {
        return Err(Failure::Usage("an account has 1 to 64 bytes and no control characters".to_owned()));
    }
    if scopes.is_empty() {
        scopes.push("*:*".to_owned());
        writeln!(context.err, "no --scopes: this device may do everything (*:*)")?;
    }
    let grants = grants(scopes, caps, &[])?;
    let (row, token) = app.enrol(&context.tenant, account, grants).await?;
    let made = json!({ "tenant": row.tenant, "device": row.device, "account": row.account, "token": token });
    writeln!(context.out, "{made}")?;
    Ok(())
}

async fn list(context: &mut Context<'_>, app: &App, after: Option<String>, limit: u32) -> Outcome {
    for row in app.store.devices(&context.tenant, after, limit).await? {
        let object = json!({
            "device": row.device, "account": row.account, "scopes": row.grants.scopes, "caps": row.grants.caps,
            "created_at": date(row.created_at), "last_seen": date(row.last_seen), "revoked_at": row.revoked_at.map(date),
        });
        context.line(&object, || cells(&object, &["device", "account", "scopes", "last_seen", "revoked_at"]))?;
    }
    Ok(())
}
