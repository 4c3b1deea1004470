//! The provider's list of payments against our books: what stands in one and not in the other. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use tarishi_protocol::{Money, State};

use crate::adapters::StatementLine;

/// A payment by our books.
#[derive(Clone, Debug, PartialEq)]
pub struct Booked {
    /// Its receipt.
    pub receipt: String,
    /// How much.
    pub amount: Option<Money>,
    /// When it was paid.
    pub at: DateTime<Utc>,
    /// The operation that asked for it; absent for one that came by itself.
    pub operation: Option<String>,
}

/// A charge of ours that a line of the provider's list names.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The operation.
    pub operation: String,
    /// Where it stands.
    pub state: State,
}

/// What differs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The provider has it, and we know nothing of it.
    OnlyProvider,
    /// The provider has it under our name for a charge that has not succeeded.
    ChargeNotSucceeded,
    /// We have it, and the provider's list does not.
    OnlyOurs,
    /// Both have it, with different amounts.
    AmountDiffers,
}

impl Kind {
    /// The word in the CSV.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnlyProvider => "only_provider",
            Self::ChargeNotSucceeded => "charge_not_succeeded",
            Self::OnlyOurs => "only_ours",
            Self::AmountDiffers => "amount_differs",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Which.
    pub kind: Kind,
    /// The receipt.
    pub receipt: String,
    /// The provider's amount.
    pub provider_amount: Option<Money>,
    /// Ours.
    pub our_amount: Option<Money>,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// What the payer or our call gave as reference.
    pub reference: Option<String>,
    /// Our operation.
    pub operation: Option<String>,
}

/// The first line of the CSV.
pub const HEADER: &str = "difference,receipt,provider_amount,our_amount,at,reference,operation";

impl Difference {
    /// A line of CSV, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        let money = |money: &Option<Money>| money.as_ref().map(ToString::to_string).unwrap_or_default();
        let at = self.at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).unwrap_or_default();
        let fields = [
            self.kind.as_str().to_owned(),
            self.receipt.clone(),
            money(&self.provider_amount),
            money(&self.our_amount),
            at,
            self.reference.clone().unwrap_or_default(),
            self.operation.clone().unwrap_or_default(),
        ];
        fields.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(",")
    }
}

/// Compares. `asked` says which charge of ours a reference names. In the order of receipts.
#[must_use]
pub fn compare(theirs: &[StatementLine], ours: &[Booked], asked: &BTreeMap<String, Asked>) -> Vec<Difference> {
    let books: BTreeMap<&str, &Booked> = ours.iter().map(|booked| (booked.receipt.as_str(), booked)).collect();
    let listed: BTreeMap<&str, &StatementLine> = theirs.iter().map(|line| (line.receipt.as_str(), line)).collect();
    let mut differences: Vec<Difference> = theirs.iter().filter_map(|line| of_theirs(line, &books, asked)).collect();
    differences.extend(ours.iter().filter(|booked| !listed.contains_key(booked.receipt.as_str())).map(|booked| Difference {
        kind: Kind::OnlyOurs,
        receipt: booked.receipt.clone(),
        provider_amount: None,
        our_amount: booked.amount.clone(),
        at: Some(booked.at),
        reference: None,
        operation: booked.operation.clone(),
    }));
    differences.sort_by(|one, other| one.receipt.cmp(&other.receipt));
    differences
}

fn of_theirs(line: &StatementLine, books: &BTreeMap<&str, &Booked>, asked: &BTreeMap<String, Asked>) -> Option<Difference> {
    let booked = books.get(line.receipt.as_str());
    let charge = line.reference.as_ref().and_then(|reference| asked.get(&reference.trim().to_uppercase()));
    let open = charge.filter(|charge| charge.state != State::Succeeded);
    let kind = match (booked, open) {
        (Some(booked), _) if booked.amount.as_ref().is_some_and(|amount| *amount != line.amount) => Kind::AmountDiffers,
        (_, Some(_)) => Kind::ChargeNotSucceeded,
        (Some(_), None) => return None,
        (None, None) => Kind::OnlyProvider,
    };
    Some(Difference {
        kind,
        receipt: line.receipt.clone(),
        provider_amount: Some(line.amount.clone()),
        our_amount: booked.and_then(|booked| booked.amount.clone()),
        at: line.at,
        reference: line.reference.clone(),
        operation: charge.map(|charge| charge.operation.clone()).or_else(|| booked.and_then(|booked| booked.operation.clone())),
    })
}

/// Quoted where CSV wants it; what a spreadsheet would take for a formula is made text, since payers choose references.
fn quoted(field: &str) -> String {
    let plain = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{field}") } else { field.to_owned() };
    if plain.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kes(amount: &str) -> Money {
        Money::parse(amount, "KES").unwrap()
    }

    fn at() -> DateTime<Utc> {
        "2026-11-24T07:00:00Z".parse().unwrap()
    }

    fn line(receipt: &str, amount: &str, reference: &str) -> StatementLine {
        StatementLine {
            receipt: receipt.to_owned(),
            amount: kes(amount),
            at: Some(at()),
            reference: Some(reference.to_owned()),
        }
    }

    fn booked(receipt: &str, amount: &str) -> Booked {
        Booked { receipt: receipt.to_owned(), amount: Some(kes(amount)), at: at(), operation: Some("op".to_owned()) }
    }

    fn kinds(differences: &[Difference]) -> Vec<(&str, Kind)> {
        differences.iter().map(|difference| (difference.receipt.as_str(), difference.kind)).collect()
    }

    #[test]
    fn equal_books_have_no_difference() {
        let (theirs, ours) = ([line("A", "10", "FEE"), line("B", "20.00", "")], [booked("B", "20"), booked("A", "10")]);
        assert_eq!(compare(&theirs, &ours, &BTreeMap::new()), []);
    }

    #[test]
    fn what_stands_in_one_book_or_differs_is_told() {
        let theirs = [line("A", "10", "FEE"), line("B", "20", "FEE")];
        let ours = [booked("B", "25"), booked("C", "5")];
        let differences = compare(&theirs, &ours, &BTreeMap::new());
        assert_eq!(kinds(&differences), [("A", Kind::OnlyProvider), ("B", Kind::AmountDiffers), ("C", Kind::OnlyOurs)]);
        assert_eq!(differences[1].line(), "amount_differs,B,KES 20.00,KES 25.00,2026-11-24T07:00:00Z,FEE,op");
    }

    #[test]
    fn money_for_a_charge_that_we_think_unpaid_is_told_with_its_operation() {
        let asked = |state| BTreeMap::from([("7K3QX9M2RTBW".to_owned(), Asked { operation: "op-7".to_owned(), state })]);
        let theirs = [line("A", "10", "7k3qx9m2rtbw")];
        for state in [State::Unresolved, State::Failed, State::Waiting] {
            let differences = compare(&theirs, &[], &asked(state));
            assert_eq!(
                (kinds(&differences), differences[0].operation.as_deref()),
                (vec![("A", Kind::ChargeNotSucceeded)], Some("op-7"))
            );
        }
        assert_eq!(kinds(&compare(&theirs, &[], &asked(State::Succeeded))), [("A", Kind::OnlyProvider)]);
    }

    #[test]
    fn a_reference_that_a_payer_chose_is_no_formula_and_breaks_no_line() {
        let mut difference = compare(&[line("A", "10", "=HYPERLINK(\"x\",1)")], &[], &BTreeMap::new()).remove(0);
        assert!(difference.line().contains("\"'=HYPERLINK(\"\"x\"\",1)\""), "{}", difference.line());
        difference.reference = Some("two\nlines, one".to_owned());
        assert!(difference.line().contains("\"two\nlines, one\""));
    }
}
