use super::*;

fn vault() -> Vault {
    Vault::from_master_key([7; 32])
}

#[test]
fn what_is_sealed_opens_only_where_it_belongs() {
    let sealed = vault().seal("school", "credentials:mpesa", b"secret");
    assert_eq!(vault().open("school", "credentials:mpesa", &sealed).unwrap(), b"secret");
    assert_eq!(vault().open("other", "credentials:mpesa", &sealed), Err(VaultError::DoesNotOpen));
    assert_eq!(vault().open("school", "credentials:sms", &sealed), Err(VaultError::DoesNotOpen));
    assert_eq!(Vault::from_master_key([8; 32]).open("school", "credentials:mpesa", &sealed), Err(VaultError::DoesNotOpen));
}

#[test]
fn a_damaged_or_foreign_seal_is_an_error_and_no_panic() {
    let mut sealed = vault().seal("school", "x", b"secret");
    *sealed.last_mut().unwrap() ^= 1;
    assert_eq!(vault().open("school", "x", &sealed), Err(VaultError::DoesNotOpen));
    sealed[0] = 9;
    assert_eq!(vault().open("school", "x", &sealed), Err(VaultError::UnknownKey(9)));
    assert_eq!(vault().open("school", "x", &[]), Err(VaultError::DoesNotOpen));
    assert_eq!(vault().open("school", "x", &[1, 2, 3]), Err(VaultError::DoesNotOpen));
}

#[test]
fn a_callback_token_names_one_attempt_of_one_tenant() {
    let attempt = Uuid::from_u128(5);
    let token = vault().callback_token("school", attempt);
    assert_eq!(token.len(), 32);
    assert!(vault().is_callback_token("school", attempt, &token));
    assert!(!vault().is_callback_token("school", Uuid::from_u128(6), &token));
    assert!(!vault().is_callback_token("other", attempt, &token));
}

#[test]
fn an_effect_key_stays_until_a_redrive() {
    let operation = OperationId(Uuid::from_u128(1));
    let key = vault().effect_key("school", operation, 0);
    assert_eq!(key.len(), 64);
    assert_eq!(key, vault().effect_key("school", operation, 0));
    assert_ne!(key, vault().effect_key("school", operation, 1));
    assert_ne!(key, vault().effect_key("other", operation, 0));
}

#[test]
fn a_cursor_is_of_its_tenant_and_list() {
    let cursor = vault().cursor("school", "logs", Uuid::from_u128(3));
    assert_eq!(vault().open_cursor("school", "logs", &cursor), Some(Uuid::from_u128(3)));
    assert_eq!(vault().open_cursor("school", "operations", &cursor), None);
    assert_eq!(vault().open_cursor("other", "logs", &cursor), None);
    assert_eq!(vault().open_cursor("school", "logs", "AAAA"), None);
}

#[test]
fn debug_says_nothing() {
    assert_eq!(format!("{:?}", vault()), "Vault");
    assert_ne!(Vault::new_secret(), Vault::new_secret());
}

fn two() -> KeyRing {
    KeyRing::one([7; 32]).with_new([9; 32])
}

#[test]
fn an_older_key_still_opens_and_the_current_one_seals() {
    let old = vault().seal("school", "x", b"secret");
    let both = Vault::new(two(), None);
    assert_eq!(both.open("school", "x", &old).unwrap(), b"secret");
    let new = both.seal("school", "x", b"secret");
    assert_eq!((old[0], new[0]), (1, 2));
    let after = Vault::new(two().without_older(), None);
    assert_eq!(after.open("school", "x", &new).unwrap(), b"secret");
    assert_eq!(after.open("school", "x", &old), Err(VaultError::UnknownKey(1)));
}

#[test]
fn names_stay_the_same_when_the_first_key_is_gone() {
    let operation = OperationId(Uuid::from_u128(1));
    let both = Vault::new(two(), None);
    let root = both.reseal_root(&vault().sealed_first_root().unwrap()).unwrap();

    let after = Vault::new(two().without_older(), None);
    after.adopt_root(&root).unwrap();

    assert_eq!(after.effect_key("school", operation, 0), vault().effect_key("school", operation, 0));
    assert_eq!(after.tenant_secret("school"), vault().tenant_secret("school"));
    assert_eq!(after.sealed_first_root(), None);
    let stranger = Vault::from_master_key([8; 32]);
    assert_eq!(stranger.adopt_root(&vault().sealed_first_root().unwrap()), Err(VaultError::DoesNotOpen));
}

#[test]
fn a_key_that_another_process_wrote_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("k");
    std::fs::write(&file, KeyRing::one([7; 32]).to_text()).unwrap();
    let serving = Vault::new(KeyRing::one([7; 32]), Some(file.clone()));
    std::fs::write(&file, two().to_text()).unwrap();

    let sealed = Vault::new(two(), None).seal("school", "x", b"secret");

    assert_eq!(serving.open("school", "x", &sealed).unwrap(), b"secret");
    assert_eq!(serving.seal("school", "x", b"secret")[0], 2);
}
