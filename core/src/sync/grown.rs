//! Whether a later outcome of a success only adds to what is known. Pure.
//!
//! After the success more is learnt: a message is delivered and read, a receipt that was lost is found. Such news is taken; what
//! would take anything back (an older store's word, a mistake) is not. A message's status climbs as at the server: "failed"
//! undoes "sent" alone, and "delivered" undoes it.

use serde_json::Value;

/// Of a message, from the lowest; every other word stands for itself.
const LADDER: [&str; 5] = ["accepted", "sent", "failed", "delivered", "read"];

/// `new` says all that `known` says, and more.
pub(crate) fn adds(known: &Value, new: &Value) -> bool {
    known != new && keeps(known, new)
}

fn keeps(known: &Value, new: &Value) -> bool {
    match (known, new) {
        (Value::Null, _) => true,
        (Value::Object(known), Value::Object(new)) => {
            known.iter().all(|(name, value)| keeps_field(name, value, new.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(known), Value::Array(new)) => {
            known.len() <= new.len() && known.iter().zip(new).all(|(known, new)| keeps(known, new))
        }
        (known, new) => known == new,
    }
}

fn keeps_field(name: &str, known: &Value, new: &Value) -> bool {
    match name {
        "status" => known == new || height(known).zip(height(new)).is_some_and(|(known, new)| known < new),
        // Why a status is not a higher one, and that a receipt is looked for: both may end.
        "reason" | "receipt_missing" => true,
        _ => keeps(known, new),
    }
}

fn height(status: &Value) -> Option<usize> {
    LADDER.iter().position(|word| status == word)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(status: &str) -> Value {
        json!({ "messages": [{ "to": "+254711000111", "id": "1", "status": status }, { "to": "+254711000112", "status": "rejected" }] })
    }

    #[test]
    fn a_status_climbs_and_never_falls() {
        let words = ["accepted", "sent", "failed", "delivered", "read"];
        for (low, known) in words.iter().enumerate() {
            for (high, new) in words.iter().enumerate() {
                assert_eq!(adds(&message(known), &message(new)), low < high, "{known} to {new}");
            }
        }
        assert!(!adds(&message("rejected"), &message("read")));
        assert!(!adds(&message("sent"), &message("pondering")));
    }

    #[test]
    fn a_receipt_that_was_looked_for_is_added_and_none_is_changed() {
        let paid = |receipt: Value| json!({ "receipt": receipt, "amount": { "amount": "10.00", "currency": "KES" } });
        let mut missing = paid(Value::Null);
        missing["receipt_missing"] = json!(true);
        assert!(adds(&missing, &paid(json!("QX1"))));
        assert!(!adds(&paid(json!("QX1")), &paid(json!("QX2"))));
        assert!(!adds(&paid(json!("QX1")), &paid(Value::Null)));
        assert!(!adds(&paid(json!("QX1")), &json!({ "receipt": "QX1" })));
    }

    #[test]
    fn what_is_the_same_or_less_adds_nothing() {
        assert!(!adds(&message("sent"), &message("sent")));
        assert!(!adds(&message("sent"), &Value::Null));
        assert!(!adds(&message("sent"), &json!({ "messages": [] })));
        let mut costs = message("delivered");
        costs["messages"][0]["cost"] = json!("USD 0.0040");
        assert!(adds(&message("delivered"), &costs));
        assert!(!adds(&costs, &message("read")));
    }
}
