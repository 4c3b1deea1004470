//! `tenant create | list | key | revoke-key`.

use serde_json::json;

use super::{Context, Failure, Outcome, cells};
use crate::{
    app::App,
    credentials::{KEY_WORDS, bad_scope, is_account, is_tenant_id},
    store::{Caps, Grants, TenantRow},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Tenant {
    /// Make a tenant.
    Create {
        /// Its id: lower-case letters, digits, - and _.
        id: String,
        /// Its name.
        #[arg(long)]
        name: Option<String>,
    },
    /// All tenants.
    List,
    /// Make an API key; it is shown this once.
    Key {
        /// What it may do: adapter:action patterns, admin, devices, logs:read, notifications, recipients, subscriptions.
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// Caps as JSON: amount_per_operation, amount_per_day, messages_per_day, recipients.
        #[arg(long)]
        caps: Option<String>,
        /// The account it acts for when a request names none.
        #[arg(long, default_value = "backend")]
        account: String,
    },
    /// Refuse an API key from now on.
    RevokeKey {
        /// The key, or its id.
        key: String,
    },
}

impl Tenant {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let app = context.app().await?;
        let done = self.act(context, &app).await;
        app.store.close().await;
        done
    }

    async fn act(self, context: &mut Context<'_>, app: &App) -> Outcome {
        match self {
            Self::Create { id, name } => create(context, app, id, name).await,
            Self::List => {
                for row in app.store.tenants().await? {
                    let object = json!(row);
                    context.line(&object, || cells(&object, &["tenant", "name"]))?;
                }
                Ok(())
            }
            Self::Key { scopes, caps, account } => key(context, app, scopes, caps.as_deref(), &account).await,
            Self::RevokeKey { key } => {
                let id = key.strip_prefix("tk_").map_or(key.as_str(), |rest| rest.rsplit('_').nth(1).unwrap_or_default());
                if !app.store.revoke_api_key(&context.tenant, id, app.clock.now_ms()).await? {
                    return Err(Failure::Failed("there is no such key".to_owned()));
                }
                context.line(&json!({ "key": id, "revoked": true }), || format!("key {id} is revoked"))
            }
        }
    }
}

async fn create(context: &mut Context<'_>, app: &App, id: String, name: Option<String>) -> Outcome {
    if !is_tenant_id(&id) {
        return Err(Failure::Usage("a tenant's id has 1 to 32 lower-case letters, digits, - and _".to_owned()));
    }
    let row = TenantRow { name: name.unwrap_or_else(|| id.clone()), tenant: id, created_at: app.clock.now_ms() };
    if !app.store.create_tenant(row.clone()).await? {
        return Err(Failure::Failed(format!("tenant {} is there already", row.tenant)));
    }
    context.line(&json!(row), || format!("tenant {} is made", row.tenant))
}

async fn key(context: &mut Context<'_>, app: &App, mut scopes: Vec<String>, caps: Option<&str>, account: &str) -> Outcome {
    context.check_tenant(app, &context.tenant).await?;
    if scopes.is_empty() {
        scopes = ["*:*", "admin", "devices", "logs:read"].map(str::to_owned).to_vec();
        writeln!(context.err, "no --scopes: this key may do everything in tenant {}", context.tenant)?;
    }
    let grants = grants(scopes, caps, &KEY_WORDS)?;
    if !is_account(account) {
        return Err(Failure::Usage("an account has 1 to 64 bytes and no control characters".to_owned()));
    }
    let key = app.make_api_key(&context.tenant, account, grants).await?;
    writeln!(context.out, "{}", json!({ "key": key }))?;
    Ok(())
}

/// Scopes and caps as written on the command line.
pub(super) fn grants(scopes: Vec<String>, caps: Option<&str>, words: &[&str]) -> Result<Grants, Failure> {
    if let Some(scope) = bad_scope(&scopes, words).and_then(|index| scopes.get(index)) {
        return Err(Failure::Usage(format!("`{scope}` is no scope, as mpesa:charge or *:*, or one too many")));
    }
    let caps: Result<Caps, _> = caps.map_or(Ok(Caps::default()), serde_json::from_str);
    let caps = caps.map_err(|error| Failure::Usage(format!("--caps: {error}")))?;
    Ok(Grants { scopes, caps })
}
