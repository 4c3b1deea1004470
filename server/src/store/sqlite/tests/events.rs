//! The log of what happened.

use serde_json::json;

use super::desk::*;
use crate::store::{EventRow, PAYMENT_RECEIVED, Store as _};

fn event(tenant: &str, fact: &str) -> EventRow {
    let data = json!({ "receipt": fact });
    EventRow { seq: 0, tenant: tenant.to_owned(), fact: fact.to_owned(), kind: PAYMENT_RECEIVED.to_owned(), data, at: 5 }
}

#[tokio::test]
async fn a_fact_is_recorded_once_and_read_by_cursor_in_order() {
    let desk = Desk::open().await;
    for (fact, fresh) in [("a", true), ("b", true), ("a", false), ("c", true)] {
        assert_eq!(desk.store.record_event(event(T, fact)).await.unwrap(), fresh, "{fact}");
    }
    // Another tenant's fact of the same name is its own.
    assert!(desk.store.record_event(event("other", "a")).await.unwrap());
    let page = desk.store.events_after(T, None, 2).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.fact.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(page.more && !page.reset);
    let rest = desk.store.events_after(T, Some(page.cursor), 2).await.unwrap();
    assert_eq!(rest.events.iter().map(|event| event.fact.as_str()).collect::<Vec<_>>(), ["c"]);
    let none = desk.store.events_after(T, Some(rest.cursor.clone()), 2).await.unwrap();
    assert_eq!((none.events.len(), none.more, none.cursor), (0, false, rest.cursor));
}

#[tokio::test]
async fn a_cursor_of_another_store_or_ahead_of_this_one_begins_again() {
    let desk = Desk::open().await;
    desk.store.record_event(event(T, "a")).await.unwrap();
    for cursor in ["elsewhere.0".to_owned(), format!("{}.99", desk.store.store_id()), "nonsense".to_owned()] {
        let page = desk.store.events_after(T, Some(cursor), 10).await.unwrap();
        assert_eq!((page.events.len(), page.reset), (1, true));
    }
}
