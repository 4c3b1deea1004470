//! The human at the server: looks an unresolved payment up in the provider's books and says what became of it.

use serde_json::{Value, json};
use tarishi_sandbox::{Effect, LedgerEntry};

use super::{Error, Intent, Mark, Result, server::Commands};

/// What the operator did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Resolved {
    /// Found in the books.
    pub paid: usize,
    /// Not in the books.
    pub unpaid: usize,
}

impl Resolved {
    /// Both.
    #[must_use]
    pub fn all(&self) -> usize {
        self.paid + self.unpaid
    }
}

impl std::ops::AddAssign for Resolved {
    fn add_assign(&mut self, other: Self) {
        self.paid += other.paid;
        self.unpaid += other.unpaid;
    }
}

/// Resolves all that is unresolved at the server.
///
/// # Errors
/// A command fails, or something else than an M-Pesa charge of ours is unresolved: nothing else may be.
pub async fn resolve_unresolved(commands: &Commands, intents: &[Intent], ledger: &[LedgerEntry]) -> Result<Resolved> {
    let mut resolved = Resolved::default();
    for row in commands.run(&["operations", "list", "--state", "unresolved", "--limit", "500"]).await? {
        let (id, payment) = charge(&row, intents)?;
        match ledger.iter().find(|entry| is_of(entry, payment)) {
            Some(entry) => {
                let amount = json!({ "amount": entry.amount, "currency": entry.currency });
                let outcome = json!({ "receipt": entry.provider_id, "amount": amount, "paid_at": entry.at });
                commands.run(&["resolve", id, "--succeeded", &outcome.to_string()]).await?;
                resolved.paid += 1;
            }
            None => {
                commands.run(&["resolve", id, "--failed", "not in the provider's statement"]).await?;
                resolved.unpaid += 1;
            }
        }
    }
    Ok(resolved)
}

fn charge<'a>(row: &'a Value, intents: &'a [Intent]) -> Result<(&'a str, &'a Mark)> {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    if (text("adapter"), text("action")) != ("mpesa", "charge") {
        return Err(format!("{}.{} is unresolved: {}", text("adapter"), text("action"), row["problem"]).into());
    }
    let intent = intents.iter().find(|intent| intent.key == text("key"));
    let intent = intent.ok_or_else(|| Error::from("an operation of nobody is unresolved"))?;
    Ok((text("id"), &intent.mark))
}

fn is_of(entry: &LedgerEntry, payment: &Mark) -> bool {
    let Mark::Money { phone, amount } = payment else { return false };
    entry.effect == Effect::MoneyIn && entry.to.as_ref() == Some(phone) && entry.amount.as_ref() == Some(amount)
}
