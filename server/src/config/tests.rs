use super::*;

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tarishi.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn load(text: &str, variables: &[(&str, &str)], flags: Flags) -> Result<Config, ConfigError> {
    let (_folder, path) = file(text);
    Config::load(Sources { file: Some(path), environment: environment(variables), flags })
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let text = "database = 'file.db'\nlisten = '127.0.0.1:1'\npublic_url = 'https://file.example/'";
    let variables = [("TARISHI_DATABASE", "env.db"), ("TARISHI_LISTEN", "127.0.0.1:2")];
    let flags = Flags { database: Some("flag.db".into()), ..Flags::default() };

    let config = load(text, &variables, flags).unwrap();

    assert_eq!(config.database, PathBuf::from("flag.db"));
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.base_url(), "https://file.example");
}

#[test]
fn no_file_and_no_variable_are_needed() {
    let config = Config::load(Sources::default()).unwrap();
    assert_eq!((config.database, config.listen.to_string()), (PathBuf::from(DATABASE_DEFAULT), LISTEN_DEFAULT.to_owned()));
}

#[test]
fn retries_are_read_by_adapter_and_action() {
    let text = "[adapters.mpesa.retry.charge]\nattempts = 3\nbase_ms = 1000\ncap_ms = 9000";
    let config = load(text, &[], Flags::default()).unwrap();
    assert_eq!(config.retry("mpesa", "charge"), Retry { attempts_max: 3, base_ms: 1000, cap_ms: 9000, ..Retry::default() });
    assert_eq!(config.retry("mpesa", "refund"), Retry::default());
}

#[test]
fn how_long_things_are_kept_is_a_setting() {
    let day = 24 * HOUR_MS;
    let variables = [("TARISHI_KEEP_WEBHOOKS_DAYS", "2")];
    let config = load("keep_polls_days = 3\nkeep_webhooks_days = 9", &variables, Flags::default()).unwrap();
    let Retention { operations, polls, webhooks } = config.retention;
    assert_eq!((operations, polls, webhooks), (90 * day, 3 * day, 2 * day));
    assert!(load("keep_operations_days = -1", &[], Flags::default()).is_err());
    assert!(load("", &[("TARISHI_KEEP_POLLS_DAYS", "65536")], Flags::default()).is_err());
}

#[test]
fn what_makes_no_sense_is_an_error_that_names_it() {
    let retry = load("[adapters.sms.retry.send]\nattempts = 0", &[], Flags::default()).unwrap_err();
    assert!(retry.to_string().contains("adapters.sms.retry.send"));
    assert!(load("databse = 'x'", &[], Flags::default()).unwrap_err().to_string().contains("databse"));
    assert!(matches!(load("", &[("TARISHI_LISTEN", "8080")], Flags::default()), Err(ConfigError::Listen(_))));
    assert!(matches!(load("", &[("TARISHI_MASTER_KEY", "x")], Flags::default()), Err(ConfigError::MasterKey)));
    assert!(matches!(load("", &[("TARISHI_TRUSTED_PROXIES", "10.0.0.1, me")], Flags::default()), Err(ConfigError::Proxy(_))));
    assert!(matches!(
        load("", &[("TARISHI_EVENT_NETWORKS", "10.0.0.0/8, home")], Flags::default()),
        Err(ConfigError::Networks(_))
    ));
    assert!(load("", &[("TARISHI_MAX_WAIT_MS", "long")], Flags::default()).is_err());
    let missing = Sources { file: Some("/nowhere/tarishi.toml".into()), ..Sources::default() };
    assert!(matches!(Config::load(missing), Err(ConfigError::NoFile(_))));
}

#[test]
fn events_go_into_private_networks_only_where_somebody_says_so() {
    let reach = |text: &str, variables: &[(&str, &str)]| load(text, variables, Flags::default()).unwrap().event_reach();
    let (loopback, private) = ("127.0.0.1".parse().unwrap(), "10.1.2.3".parse().unwrap());
    let allowed = |reach: Reach| (reach.allows(loopback), reach.allows(private));
    assert_eq!(allowed(reach("", &[])), (false, false));
    assert_eq!(allowed(reach("event_networks = '10.0.0.0/8'", &[])), (false, true));
    assert_eq!(allowed(reach("sandbox = 'http://127.0.0.1:9'", &[])), (true, false));
    assert_eq!(allowed(reach("sandbox = 'http://127.0.0.1:9'", &[("TARISHI_EVENT_NETWORKS", "10.0.0.0/8")])), (false, true));
}

#[test]
fn an_adapter_is_set_by_the_file_and_by_its_variables() {
    let text = "[adapters.mpesa]\nenabled = true\n[adapters.mpesa.settings]\nshortcode = 600999\npasskey = 'file'";
    let config = load(text, &[("MPESA_PASSKEY", "env"), ("MPESA_CONSUMER_KEY", "key")], Flags::default()).unwrap();
    let mpesa = &crate::adapters::registry()["mpesa"];

    let settings = config.adapter_settings(mpesa.descriptor(), true);

    assert_eq!(settings["shortcode"], "600999");
    assert_eq!(settings["passkey"], "env");
    assert_eq!(settings["consumer_key"], "key");
    assert!(config.adapter_settings(mpesa.descriptor(), false).is_empty());
    assert!(!format!("{config:?}").contains("600999"));
}

#[test]
fn settings_of_fcm_and_apns_are_known_by_their_provider_s_name_alone_too() {
    let variables =
        [("FCM_PROJECT_ID", "plain"), ("APNS_KEY_ID", "plain"), ("PUSH_APNS_KEY_ID", "prefixed"), ("DEFAULT_TTL_S", "5")];
    let config = load("", &variables, Flags::default()).unwrap();
    let registry = crate::adapters::registry();

    let settings = config.adapter_settings(registry["push"].descriptor(), true);

    assert_eq!((settings["fcm_project_id"].as_str(), settings["apns_key_id"].as_str()), ("plain", "prefixed"));
    assert!(!settings.contains_key("default_ttl_s"));
    assert!(!registry["push"].is_complete(&crate::adapters::Settings(settings)));
}

#[test]
fn the_sandbox_brings_addresses_credentials_and_short_waits() {
    let flags = Flags { sandbox: Some("http://127.0.0.1:9".into()), ..Flags::default() };
    let variables = [("MPESA_CONSUMER_KEY", "real"), ("MPESA_POLL_MS", "70"), ("TARISHI_DATABASE", "/data/t.db")];
    let config = load("", &variables, flags).unwrap();
    let registry = crate::adapters::registry();

    let mpesa = config.adapter_settings(registry["mpesa"].descriptor(), true);
    let storage = config.adapter_settings(registry["local_storage"].descriptor(), true);

    assert_eq!(mpesa["base_url"], "http://127.0.0.1:9/mpesa");
    assert_eq!(mpesa["consumer_key"], "sandbox-key");
    assert_eq!(mpesa["poll_ms"], "70");
    assert_eq!(mpesa["first_poll_ms"], "1000");
    assert_eq!(storage["root"], "/data/files");
    assert!(registry["mpesa"].check_settings(&crate::adapters::Settings(mpesa)).is_ok());
    assert!(config.retry("mpesa", "charge").base_ms < Retry::default().base_ms);
}

#[test]
fn types_of_notifications_are_decided_in_the_file_and_what_cannot_be_is_named() {
    let text = r#"
        [notifications.types.fees]
        priority = "normal"
        max_cost = { amount = "2.00", currency = "KES" }
        on_uncertain = "resend_once"
        [[notifications.types.fees.channels]]
        channel = "push"
        wait_s = 300
        [[notifications.types.fees.channels]]
        channel = "sms"
        wait_s = 3600
        tariff = { amount = "0.80", currency = "KES" }
        [notifications.types.alarm]
        priority = "urgent"
    "#;
    let types = load(text, &[], Flags::default()).unwrap().notification_types;
    let json = serde_json::to_value(&types["fees"]).unwrap();
    assert_eq!(json["channels"][1]["tariff"]["amount"], "0.80");
    assert_eq!((&json["on_uncertain"], &json["deadline_s"]), (&"resend_once".into(), &7_200.into()));
    assert_eq!(types["alarm"].channels.len(), 3, "what is not said comes from the priority");

    let told = |text: &str| load(text, &[], Flags::default()).unwrap_err().to_string();
    let wait = "[[notifications.types.fees.channels]]\nchannel = 'push'\nwait_s = 0";
    assert!(told(wait).contains("notifications.types.fees.channels[0].wait_s"), "{}", told(wait));
    assert!(told("[notifications.types.Fees]").contains("notifications.types.Fees"));
    assert!(told("[notifications.types.fees]\nchanels = []").contains("chanels"));
    assert!(told("[notifications.typos.fees]").contains("typos"));
}
