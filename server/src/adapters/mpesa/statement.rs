//! Daraja's own list of payments ("Pull Transactions"): the last 48 hours, a hundred a page.

use std::collections::BTreeMap;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::{AdapterError, Disposition, Errand, Period, StatementLine};
use super::{config::Config, post_as, wire};

const PATH: &str = "/pulltransactions/v1/query";
/// Payments of one page.
const PAGE: usize = 100;
/// Pages of one statement, at most.
const PAGES_MAX: usize = 500;
/// What Daraja remembers.
const HOURS: i64 = 48;

/// Reads all pages of the period. Has no effect.
pub(super) async fn read(errand: &Errand<'_>, period: Period) -> Result<Vec<StatementLine>, AdapterError> {
    let config = Config::read(errand.settings)?;
    if period.from < errand.now - TimeDelta::hours(HOURS) {
        return Err(AdapterError::new(Disposition::Unsupported, "M-Pesa lists the payments of the last 48 hours only"));
    }
    let mut lines: BTreeMap<String, StatementLine> = BTreeMap::new();
    for page in 0..PAGES_MAX {
        let body = json!({
            "ShortCode": config.shortcode,
            "StartDate": stamp(period.from),
            "EndDate": stamp(period.until.min(errand.now)),
            "OffSetValue": (page * PAGE).to_string(),
        });
        let answer =
            post_as(errand.outbound, errand.access_token, &config, PATH, &body).await.map_err(AdapterError::harmless)?;
        let answer = wire::read_done(&answer).map_err(AdapterError::harmless)?;
        let mut items = Vec::new();
        collect(&answer, &mut items);
        for item in &items {
            let line = line(item)?;
            if line.at.is_none_or(|at| period.from <= at && at < period.until) {
                lines.insert(line.receipt.clone(), line);
            }
        }
        if items.len() < PAGE {
            return Ok(lines.into_values().collect());
        }
    }
    Err(AdapterError::new(Disposition::Transient, "M-Pesa's list does not end"))
}

/// The objects that are payments, however deep: how they are wrapped is documented nowhere.
fn collect<'a>(value: &'a Value, items: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) if object.contains_key("transactionId") => items.push(value),
        Value::Object(object) => object.values().for_each(|value| collect(value, items)),
        Value::Array(list) => list.iter().for_each(|value| collect(value, items)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn line(item: &Value) -> Result<StatementLine, AdapterError> {
    let unreadable = || AdapterError::new(Disposition::Transient, "a payment of M-Pesa's list cannot be read");
    Ok(StatementLine {
        receipt: wire::text(item, "transactionId").filter(|id| !id.is_empty()).ok_or_else(unreadable)?,
        amount: wire::text(item, "amount").and_then(|amount| wire::shillings(&amount)).ok_or_else(unreadable)?,
        at: wire::text(item, "trxDate").and_then(|at| wire::from_listed(&at)),
        reference: wire::text(item, "billreference").filter(|text| !text.trim().is_empty()),
    })
}

/// `YYYY-MM-DD HH:mm:ss` in East Africa Time.
fn stamp(at: chrono::DateTime<Utc>) -> String {
    wire::in_nairobi(at).format("%Y-%m-%d %H:%M:%S").to_string()
}
