//! The closing table.

use super::timeline::print;
use crate::harness::{Audit, Traffic};

/// Prints a table of one row: what was asked for and what the providers saw.
pub(super) fn audit(title: &str, audit: &Audit) {
    let Audit { operations, effects, lost, doubled, unresolved, failed, .. } = audit;
    print("");
    print(&format!("  {title}"));
    print("  ┌────────────┬─────────┬──────┬─────────┬────────────┬────────┐");
    print("  │ operations │ effects │ lost │ doubled │ unresolved │ failed │");
    print("  ├────────────┼─────────┼──────┼─────────┼────────────┼────────┤");
    print(&format!("  │ {operations:>10} │ {effects:>7} │ {lost:>4} │ {doubled:>7} │ {unresolved:>10} │ {failed:>6} │"));
    print("  └────────────┴─────────┴──────┴─────────┴────────────┴────────┘");
    for note in audit.notes.iter().take(10) {
        print(&format!("  {note}"));
    }
}

/// Prints what travelled.
pub(super) fn traffic(up: Traffic, down: Traffic) {
    let mut all = up;
    all += down;
    let saved = 100_u64.saturating_sub((all.wire * 100).checked_div(all.raw).unwrap_or(100));
    print(&format!(
        "  bytes on the wire   {:>9} compressed   {:>9} raw   ({saved} % saved)",
        grouped(all.wire),
        grouped(all.raw)
    ));
    print(&format!("    to the server     {:>9}              {:>9}", grouped(up.wire), grouped(up.raw)));
    print(&format!("    to the phones     {:>9}              {:>9}", grouped(down.wire), grouped(down.raw)));
}

/// `12 345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_in_threes() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
    }
}
