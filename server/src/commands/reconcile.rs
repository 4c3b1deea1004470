//! `reconcile --adapter mpesa --date D`: the provider's list of payments against our books, differences as CSV.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, FixedOffset, NaiveDate, Utc};
use serde_json::Value;
use tarishi_protocol::Money;

use super::{Context, Failure, Outcome};
use crate::{
    adapters::{Period, StatementLine},
    app::App,
    clock::date,
    dispatch::errand,
    reconcile::{Asked, Booked, HEADER, compare},
    store::PAYMENT_RECEIVED,
};

#[derive(Debug, clap::Args)]
pub(super) struct Reconcile {
    /// The adapter.
    #[arg(long)]
    adapter: String,
    /// The day, by the clocks of East Africa, as 2026-11-24.
    #[arg(long)]
    date: NaiveDate,
}

impl Reconcile {
    pub(super) async fn run(self, context: &mut Context<'_>) -> Outcome {
        let app = context.app_of_tenant().await?;
        let done = self.act(context, &app).await;
        app.store.close().await;
        done
    }

    async fn act(&self, context: &mut Context<'_>, app: &App) -> Outcome {
        let period = self.day().ok_or_else(|| Failure::Usage("there is no such day".to_owned()))?;
        let theirs = statement(app, &context.tenant, &self.adapter, period).await?;
        let ours = books(app, &context.tenant, &self.adapter, period).await?;
        let mut asked = BTreeMap::new();
        for reference in theirs.iter().filter_map(|line| line.reference.as_deref()) {
            let name = reference.trim().to_uppercase();
            if let Some(row) = app.store.operation_by_reference(&context.tenant, &self.adapter, &name).await? {
                asked.insert(name, Asked { operation: row.id.to_string(), state: row.state });
            }
        }
        let differences = compare(&theirs, &ours, &asked);
        writeln!(context.out, "{HEADER}")?;
        for difference in &differences {
            writeln!(context.out, "{}", difference.line())?;
        }
        writeln!(
            context.err,
            "{} at the provider, {} in our books, {} differences",
            theirs.len(),
            ours.len(),
            differences.len()
        )?;
        Ok(())
    }

    fn day(&self) -> Option<Period> {
        let zone = FixedOffset::east_opt(3 * 3_600)?;
        let begin = |day: NaiveDate| Some(day.and_hms_opt(0, 0, 0)?.and_local_timezone(zone).single()?.to_utc());
        Some(Period { from: begin(self.date)?, until: begin(self.date.checked_add_days(Days::new(1))?)? })
    }
}

async fn statement(app: &App, tenant: &str, name: &str, period: Period) -> Result<Vec<StatementLine>, Failure> {
    let adapter = app.adapters.get(name).ok_or_else(|| Failure::Failed(format!("there is no adapter {name}")))?;
    let settings = app.effective(tenant, name).await?.map(|effective| effective.settings).unwrap_or_default();
    let lines = errand(app, tenant, &**adapter, &settings, async |errand| adapter.statement(&errand, period).await).await;
    lines.map_err(|error| Failure::Failed(error.to_string()))
}

/// Charges that succeeded and payments that came by themselves, of this day. One that is both is one.
async fn books(app: &App, tenant: &str, adapter: &str, period: Period) -> Result<Vec<Booked>, Failure> {
    let since = period.from.timestamp_millis();
    let mut booked: BTreeMap<String, Booked> = BTreeMap::new();
    for event in app.store.events_of_kind(tenant, PAYMENT_RECEIVED, since).await? {
        let data = &event.data;
        if data.get("adapter").and_then(Value::as_str) != Some(adapter) {
            continue;
        }
        let Some(receipt) = text(data, "receipt") else { continue };
        let at = moment(data, "paid_at").unwrap_or_else(|| date(event.at));
        booked.insert(receipt.clone(), Booked { receipt, amount: money(data), at, operation: text(data, "operation_id") });
    }
    for row in app.store.booked(tenant, adapter, "charge", since).await? {
        let outcome = row.outcome.unwrap_or_default();
        let Some(receipt) = text(&outcome, "receipt") else { continue };
        let ended = row.ended_at.unwrap_or(row.created_at);
        let at = moment(&outcome, "paid_at").unwrap_or_else(|| date(ended));
        let operation = Some(row.id.to_string());
        booked.insert(receipt.clone(), Booked { receipt, amount: money(&outcome), at, operation });
    }
    Ok(booked.into_values().filter(|booked| period.from <= booked.at && booked.at < period.until).collect())
}

fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

fn moment(object: &Value, name: &str) -> Option<DateTime<Utc>> {
    object.get(name)?.as_str()?.parse().ok()
}

fn money(object: &Value) -> Option<Money> {
    serde_json::from_value(object.get("amount")?.clone()).ok()
}
