//! `adapter list | show | enable | disable | pause | resume | set | connect | disconnect | webhook-url`: effective without a
//! restart.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Context, Failure, Outcome, cells};
use crate::{
    app::App,
    clock::date,
    dispatch::errand,
    integrations::{Change, missing},
    oauth,
    vault::Vault,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Adapter {
    /// All adapters, whether they are on, and what they lack.
    List,
    /// One adapter's settings and what they are for; credentials are not shown.
    Show {
        /// The adapter.
        name: String,
    },
    /// Switch on.
    Enable {
        /// The adapter.
        name: String,
    },
    /// Switch off: new operations are refused, queued ones wait.
    Disable {
        /// The adapter.
        name: String,
    },
    /// Let an action's operations wait.
    Pause {
        /// The adapter.
        name: String,
        /// The action.
        action: String,
    },
    /// Let them go on.
    Resume {
        /// The adapter.
        name: String,
        /// The action.
        action: String,
    },
    /// Set settings and credentials; an empty value removes one.
    Set {
        /// The adapter.
        name: String,
        /// Settings, as shortcode=600123.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = pair)]
        settings: Vec<(String, String)>,
    },
    /// Begin consent for an account at the provider: print the page to open in a browser within ten minutes.
    Connect {
        /// The adapter.
        name: String,
    },
    /// Take consent back, here and at the provider.
    Disconnect {
        /// The adapter.
        name: String,
    },
    /// Tell the provider where we take its webhooks, where it must be told by a call.
    Register {
        /// The adapter.
        name: String,
    },
    /// Make a webhook address to give to the provider.
    WebhookUrl {
        /// The adapter.
        name: String,
    },
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "expected KEY=VALUE".to_owned())
}

impl Adapter {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let app = context.app_of_tenant().await?;
        let done = self.act(context, &app).await;
        app.store.close().await;
        done
    }

    async fn act(self, context: &mut Context<'_>, app: &App) -> Outcome {
        match self {
            Self::List => list(context, app).await,
            Self::Show { name } => show(context, app, &name).await,
            Self::Enable { name } => {
                change(context, app, &name, Change { enabled: Some(Some(true)), ..Change::default() }).await
            }
            Self::Disable { name } => {
                change(context, app, &name, Change { enabled: Some(Some(false)), ..Change::default() }).await
            }
            Self::Pause { name, action } => pause(context, app, &name, action, true).await,
            Self::Resume { name, action } => pause(context, app, &name, action, false).await,
            Self::Set { name, settings } => {
                let settings = settings.into_iter().map(|(name, text)| (name, Some(text).filter(|text| !text.is_empty())));
                change(context, app, &name, Change { settings: settings.collect(), ..Change::default() }).await
            }
            Self::Connect { name } => connect(context, app, &name).await,
            Self::Disconnect { name } => disconnect(context, app, &name).await,
            Self::Register { name } => register(context, app, &name).await,
            Self::WebhookUrl { name } => webhook_url(context, app, &name).await,
        }
    }
}

async fn list(context: &mut Context<'_>, app: &App) -> Outcome {
    for (name, adapter) in &app.adapters {
        let Some(effective) = app.effective(&context.tenant, name).await? else { continue };
        let lacks = missing(adapter.descriptor(), &effective.settings);
        let object = json!({ "adapter": name, "enabled": effective.enabled, "paused": effective.paused, "missing": lacks });
        context.line(&object, || {
            let state = if effective.enabled { "enabled" } else { "disabled" };
            let lacks = if lacks.is_empty() { String::new() } else { format!("  missing: {}", lacks.join(", ")) };
            format!("{name}  {state}{lacks}")
        })?;
    }
    Ok(())
}

async fn show(context: &mut Context<'_>, app: &App, name: &str) -> Outcome {
    let effective = app.effective(&context.tenant, name).await?.ok_or_else(|| unknown(name))?;
    let descriptor = app.adapters.get(name).ok_or_else(|| unknown(name))?.descriptor();
    for spec in descriptor.settings {
        let text = effective.settings.get(spec.name).map(|text| if spec.secret { "(set)" } else { text });
        let object =
            json!({ "setting": spec.name, "value": text, "required": spec.required, "secret": spec.secret, "help": spec.help });
        context.line(&object, || cells(&object, &["setting", "value", "help"]))?;
    }
    Ok(())
}

async fn change(context: &mut Context<'_>, app: &App, name: &str, change: Change) -> Outcome {
    let effective = app.change_integration(&context.tenant, name, change).await?;
    let state = if effective.enabled { "enabled" } else { "disabled" };
    context.line(&json!({ "adapter": name, "enabled": effective.enabled, "paused": effective.paused }), || {
        format!("{name} is {state}")
    })
}

async fn pause(context: &mut Context<'_>, app: &App, name: &str, action: String, on: bool) -> Outcome {
    let mut paused = app.effective(&context.tenant, name).await?.ok_or_else(|| unknown(name))?.paused;
    if on {
        paused.insert(action)
    } else {
        paused.remove(&action)
    };
    change(context, app, name, Change { paused: Some(paused), ..Change::default() }).await
}

async fn connect(context: &mut Context<'_>, app: &App, name: &str) -> Outcome {
    let begun = oauth::begin(app, &context.tenant, name, &[], false).await?;
    let url = begun.authorize_url;
    context.line(&json!({ "adapter": name, "authorize_url": url, "expires_at": date(begun.expires_at) }), || url.clone())
}

async fn disconnect(context: &mut Context<'_>, app: &App, name: &str) -> Outcome {
    let told = oauth::revoke(app, &context.tenant, name).await?;
    context.line(&json!({ "adapter": name, "status": "revoked", "provider_told": told }), || {
        let more = if told { "" } else { "; the provider has not heard of it yet and is told again while the server runs" };
        format!("{name} is disconnected{more}")
    })
}

async fn webhook_url(context: &mut Context<'_>, app: &App, name: &str) -> Outcome {
    let descriptor = app.adapters.get(name).ok_or_else(|| unknown(name))?.descriptor();
    if !descriptor.webhooks {
        return Err(Failure::Failed(format!("{name} takes no webhooks")));
    }
    let token = Vault::new_secret();
    if descriptor.settings.iter().any(|spec| spec.name == "webhook_token") {
        let settings = BTreeMap::from([("webhook_token".to_owned(), Some(token.clone()))]);
        app.change_integration(&context.tenant, name, Change { settings, ..Change::default() }).await?;
    } else {
        app.store.put_webhook_token(&context.tenant, name, Vault::token_hash(&token)).await?;
    }
    if app.config.public_url.is_none() {
        writeln!(context.err, "TARISHI_PUBLIC_URL is not set: providers will not reach this address")?;
    }
    let url = format!("{}/h/{token}", app.config.base_url());
    context.line(&json!({ "adapter": name, "url": url }), || url.clone())
}

async fn register(context: &mut Context<'_>, app: &App, name: &str) -> Outcome {
    let adapter = app.adapters.get(name).ok_or_else(|| unknown(name))?;
    let settings = app.effective(&context.tenant, name).await?.ok_or_else(|| unknown(name))?.settings;
    let done = errand(app, &context.tenant, &**adapter, &settings, async |errand| adapter.register(&errand).await).await;
    for done in done.map_err(|error| Failure::Failed(error.to_string()))? {
        context.line(&json!({ "adapter": name, "done": done }), || done.clone())?;
    }
    Ok(())
}

fn unknown(name: &str) -> Failure {
    Failure::Failed(format!("there is no adapter {name}"))
}
