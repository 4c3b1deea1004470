//! Consent, leases and names: once, by version, one at a time, first come.

use uuid::Uuid;

use super::desk::{Desk, T};
use crate::store::{GrantStatus, Lease, OAuthGrantRow, OAuthStateRow, Store as _};

fn state(desk: &Desk, number: u8, browser: Option<u8>) -> OAuthStateRow {
    OAuthStateRow {
        state_hash: [number; 32],
        tenant: T.to_owned(),
        adapter: "google_drive".to_owned(),
        browser_hash: browser.map(|browser| [browser; 32]),
        sealed: vec![number],
        expires_at: desk.now() + 600_000,
    }
}

fn grant(desk: &Desk, byte: u8) -> OAuthGrantRow {
    OAuthGrantRow {
        tenant: T.to_owned(),
        adapter: "google_drive".to_owned(),
        status: GrantStatus::Active,
        sealed: vec![byte],
        refresh_at: 1,
        expires_at: 2,
        version: 0,
        updated_at: desk.now(),
    }
}

#[tokio::test]
async fn a_state_is_taken_once_in_time_by_its_adapter_and_browser() {
    let desk = Desk::open().await;
    let now = desk.now();
    for (number, browser) in [(1, None), (2, Some(9)), (3, None)] {
        desk.store.put_oauth_state(state(&desk, number, browser), now).await.unwrap();
    }
    let take = async |adapter: &str, number: u8, browser: Option<u8>, at| {
        let browser = browser.map(|browser| [browser; 32]);
        desk.store.take_oauth_state(adapter, [number; 32], browser, at).await.unwrap().map(|row| row.sealed)
    };
    assert_eq!(take("mpesa", 1, None, now).await, None);
    assert_eq!(take("google_drive", 1, None, now + 600_000).await, None, "too late");
    assert_eq!(take("google_drive", 1, Some(4), now).await, Some(vec![1]), "bound to no browser");
    assert_eq!(take("google_drive", 1, None, now).await, None, "used");
    assert_eq!(take("google_drive", 2, None, now).await, None);
    assert_eq!(take("google_drive", 2, Some(8), now).await, None);
    assert_eq!(take("google_drive", 2, Some(9), now).await, Some(vec![2]));
    // A day after its time it is forgotten with the next that begins.
    let later = now + 600_000 + 86_400_001;
    desk.store.put_oauth_state(state(&desk, 4, None), later).await.unwrap();
    assert_eq!(take("google_drive", 3, None, now).await, None);
}

#[tokio::test]
async fn a_grant_is_stored_over_the_version_it_came_from_alone() {
    let desk = Desk::open().await;
    let put = async |byte: u8, version| desk.store.put_oauth_grant(grant(&desk, byte), version).await.unwrap();
    let stands = async || desk.store.oauth_grant(T, "google_drive").await.unwrap().map(|row| (row.sealed, row.version));
    assert!(!put(1, Some(1)).await);
    assert_eq!(stands().await, None);
    assert!(put(1, Some(0)).await && !put(2, Some(0)).await && put(3, Some(1)).await);
    assert_eq!(stands().await, Some((vec![3], 2)));
    assert!(put(4, None).await);
    assert_eq!(stands().await, Some((vec![4], 3)));
    let found = async |status| desk.store.oauth_grants(status, 9).await.unwrap().len();
    assert_eq!((found(GrantStatus::Active).await, found(GrantStatus::Revoking).await), (1, 0));
    assert_eq!(desk.store.oauth_grant("other", "google_drive").await.unwrap(), None);
}

#[tokio::test]
async fn a_lease_is_one_worker_s_until_it_is_given_back_or_over() {
    let desk = Desk::open().await;
    let now = desk.now();
    let lease = |holder: u128| Lease { tenant: T.to_owned(), name: "oauth:x".to_owned(), holder: Uuid::from_u128(holder) };
    let take = async |holder, at| desk.store.take_lease(lease(holder), at, at + 1_000).await.unwrap();
    assert!(take(1, now).await && !take(2, now).await);
    desk.store.end_lease(lease(2)).await.unwrap();
    assert!(!take(2, now).await, "another's is not given back");
    desk.store.end_lease(lease(1)).await.unwrap();
    assert!(take(2, now).await && !take(1, now + 999).await && take(1, now + 1_000).await);
}

#[tokio::test]
async fn a_name_means_what_the_first_said() {
    let desk = Desk::open().await;
    let name = async |tenant: &str, value: &str, instead_of: Option<&str>| {
        desk.store.provider_name(tenant, "google_drive", "folder:root/a", value, instead_of).await.unwrap()
    };
    assert_eq!(name(T, "A", None).await, "A");
    assert_eq!(name(T, "B", None).await, "A");
    assert_eq!(name(T, "B", Some("A")).await, "B");
    assert_eq!(name(T, "C", Some("A")).await, "B", "somebody was faster");
    assert_eq!(name("other", "D", None).await, "D");
}
