//! Which payment a refund gives back, by our books: whose it is, how much was paid, and what it is called, however it is named.

use rusqlite::{Connection, OptionalExtension, params};
use tarishi_protocol::{Money, OperationId, Payload, Refund, check_payload};

use super::{map, read};
use crate::store::{Checked, OperationRow, PAYMENT_RECEIVED, Result};

/// What our books have of the payment that a refund is about.
#[derive(Debug)]
pub(super) struct Payment {
    /// What must not be under way twice; the first is the refund's own.
    pub(super) names: Vec<String>,
    /// All that was paid, in minor units, or is to be.
    pub(super) amount: Option<i64>,
    /// There is none for this account: it is another's, or it is named by an operation that we do not have.
    pub(super) not_found: bool,
}

impl Payment {
    /// The payment that this is a refund of; none if it is no refund.
    pub(super) fn of(conn: &Connection, tenant: &str, account: &str, adapter: &str, payload: &Payload) -> Result<Option<Self>> {
        let Payload::Refund(refund) = payload else { return Ok(None) };
        let booked = match (&refund.operation_id, &refund.receipt) {
            (Some(id), _) => read::operation_or_duplicate(conn, tenant, *id)?,
            (None, Some(receipt)) => booked(conn, tenant, adapter, receipt)?,
            (None, None) => None,
        };
        if let Some(row) = booked {
            return Ok(Some(if row.account == account && row.adapter == adapter {
                Self::ours(conn, &row)?
            } else {
                Self::another_s(account, refund)
            }));
        }
        let Some(receipt) = refund.receipt.as_ref().map(|receipt| called(receipt)) else {
            return Ok(Some(Self::another_s(account, refund)));
        };
        let told = told(conn, tenant, adapter, &receipt)?;
        if let Some(owner) = told.as_ref().and_then(|told| told.operation)
            && map::load(conn, tenant, owner)?.is_some_and(|row| row.account != account)
        {
            return Ok(Some(Self::another_s(account, refund)));
        }
        let amount = told.and_then(|told| told.amount);
        Ok(Some(Self { names: vec![format!("refund:{receipt}")], amount, not_found: false }))
    }

    /// Of an operation of this account. A refund that began before its receipt was known here bears the receipt's name.
    fn ours(conn: &Connection, row: &OperationRow) -> Result<Self> {
        let sql = "SELECT receipt FROM operations WHERE tenant_id = ?1 AND operation_id = ?2";
        let receipt: Option<String> =
            conn.prepare_cached(sql)?.query_row(params![row.tenant, row.id.as_bytes()], |row| row.get(0))?;
        let receipt = receipt.map(|receipt| format!("refund:{}", called(&receipt)));
        let names = std::iter::once(format!("refund:{}", row.id)).chain(receipt).collect();
        Ok(Self { names, amount: amount_of(row).map(|amount| amount.minor_units()), not_found: false })
    }

    /// Bears a name that keeps nobody else's refund waiting.
    fn another_s(account: &str, refund: &Refund) -> Self {
        let named = refund.operation_id.map(|id| id.to_string()).or_else(|| refund.receipt.clone()).unwrap_or_default();
        Self { names: vec![format!("refund:{account}:{named}")], amount: None, not_found: true }
    }
}

/// What must not be under way twice with this: several names if it has several.
pub(super) fn names(checked: &Checked, payment: Option<&Payment>) -> Vec<String> {
    match payment {
        Some(payment) => payment.names.clone(),
        None => checked.exclusive.iter().map(|exclusive| exclusive.name.clone()).collect(),
    }
}

/// Providers may take a receipt in small letters too; ours are as they gave them.
fn called(receipt: &str) -> String {
    receipt.trim().to_uppercase()
}

fn booked(conn: &Connection, tenant: &str, adapter: &str, receipt: &str) -> Result<Option<OperationRow>> {
    match read::operation_by_receipt(conn, tenant, adapter, receipt)? {
        Some(row) => Ok(Some(row)),
        None => read::operation_by_receipt(conn, tenant, adapter, &called(receipt)),
    }
}

/// What was paid, by the outcome; before there is one, what was asked for.
fn amount_of(row: &OperationRow) -> Option<Money> {
    let outcome = row.outcome.as_ref().and_then(|outcome| outcome.get("amount")).cloned();
    let paid = outcome.and_then(|amount| serde_json::from_value(amount).ok());
    paid.or_else(|| match check_payload(&row.adapter, &row.action, row.version, &row.payload) {
        Ok(Payload::Charge(charge)) => Some(charge.amount),
        Ok(_) | Err(_) => None,
    })
}

/// A payment that was told as an event.
struct Told {
    operation: Option<OperationId>,
    amount: Option<i64>,
}

fn told(conn: &Connection, tenant: &str, adapter: &str, receipt: &str) -> Result<Option<Told>> {
    let sql = "SELECT data FROM events WHERE tenant_id = ?1 AND fact = ?2";
    let fact = format!("{adapter}:{PAYMENT_RECEIVED}:{receipt}");
    let data: Option<String> = conn.prepare_cached(sql)?.query_row(params![tenant, fact], |row| row.get(0)).optional()?;
    let data: Option<serde_json::Value> = data.and_then(|data| serde_json::from_str(&data).ok());
    Ok(data.map(|data| Told {
        operation: data.get("operation_id").and_then(|id| id.as_str()?.parse().ok()),
        amount: data
            .get("amount")
            .and_then(|amount| serde_json::from_value::<Money>(amount.clone()).ok())
            .map(|amount| amount.minor_units()),
    }))
}

/// A refund of the same payment has begun, and has not ended.
pub(super) fn another_began(conn: &Connection, row: &OperationRow, payment: &Payment) -> Result<bool> {
    let sql = "SELECT 1 FROM operations WHERE tenant_id = ?1 AND adapter = ?2 AND money_reference = ?3 AND ended_at IS NULL \
               AND first_opened_at IS NOT NULL AND operation_id <> ?4";
    let mut statement = conn.prepare_cached(sql)?;
    for name in &payment.names {
        if statement.exists(params![row.tenant, row.adapter, name, row.id.as_bytes()])? {
            return Ok(true);
        }
    }
    Ok(false)
}
