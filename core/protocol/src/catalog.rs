//! Which adapters and actions exist, and what each action means for safety.

/// What an adapter deals with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Category {
    /// Money.
    Payment,
    /// Texts to phones.
    Messaging,
    /// Push notifications.
    Push,
    /// Files.
    Storage,
    /// A learning management system.
    Lms,
    /// The fallback chain.
    Notification,
}

/// Every adapter this version knows.
pub const ADAPTERS: [(&str, Category); 10] = [
    ("mpesa", Category::Payment),
    ("flutterwave", Category::Payment),
    ("pesapal", Category::Payment),
    ("sms", Category::Messaging),
    ("whatsapp", Category::Messaging),
    ("push", Category::Push),
    ("google_drive", Category::Storage),
    ("local_storage", Category::Storage),
    ("moodle", Category::Lms),
    ("notifications", Category::Notification),
];

/// Words that can be no adapter's or action's name, since they are routes, or the server's own.
pub const RESERVED: [&str; 6] = ["health", "logs", "webhook", "oauth", "status", "event"];

/// The category of a known adapter.
#[must_use]
pub fn category(adapter: &str) -> Option<Category> {
    ADAPTERS.iter().find(|(name, _)| *name == adapter).map(|(_, category)| *category)
}

/// The actions of a known adapter.
#[must_use]
pub fn actions(adapter: &str) -> &'static [&'static str] {
    match category(adapter) {
        Some(Category::Payment) => &["charge", "query", "refund"],
        Some(Category::Messaging) => &["send", "query", "balance"],
        Some(Category::Push) => &["send", "query"],
        Some(Category::Storage) => &["upload", "download", "delete", "list"],
        Some(Category::Lms) => &["enroll", "sync_grades", "sync_courses", "create_course"],
        Some(Category::Notification) => &["notify"],
        None => &[],
    }
}

/// Currencies with mobile money, and their networks (Flutterwave's words).
pub const MOBILE_NETWORKS: [(&str, &[&str]); 5] = [
    ("KES", &["SAFARICOM", "AIRTEL"]),
    ("UGX", &["MTN", "AIRTEL"]),
    ("RWF", &["MTN", "AIRTEL"]),
    ("GHS", &["MTN", "VODAFONE", "AIRTELTIGO"]),
    ("TZS", &["VODACOM", "TIGO", "AIRTEL", "HALOPESA"]),
];

/// The mobile-money networks that a charge in this currency may name.
#[must_use]
pub fn mobile_networks(currency: &str) -> &'static [&'static str] {
    MOBILE_NETWORKS.iter().find(|(known, _)| *known == currency).map_or(&[], |(_, networks)| networks)
}

/// Money moves: the app names the key, outcomes are never guessed, records are never forgotten.
#[must_use]
pub fn moves_money(action: &str) -> bool {
    matches!(action, "charge" | "refund")
}

/// The app must give an idempotency key.
#[must_use]
pub fn needs_key(adapter: &str, action: &str) -> bool {
    category(adapter) == Some(Category::Payment) && moves_money(action)
}

/// The action only reads: repeating it is harmless.
#[must_use]
pub fn only_reads(action: &str) -> bool {
    matches!(action, "query" | "balance" | "download" | "list" | "sync_courses")
}

/// Does a pattern `adapter:action`, in which either may be `*`, cover this action?
#[must_use]
pub fn pattern_covers(pattern: &str, adapter: &str, action: &str) -> bool {
    // `limits.paused` of early servers wrote a dot.
    let Some((left, right)) = pattern.split_once([':', '.']) else { return pattern == "*" };
    (left == "*" || left == adapter) && (right == "*" || right == action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_names() {
        assert!(pattern_covers("mpesa:charge", "mpesa", "charge"));
        assert!(pattern_covers("mpesa:*", "mpesa", "refund"));
        assert!(pattern_covers("*:*", "sms", "send"));
        assert!(!pattern_covers("mpesa:charge", "mpesa", "refund"));
        assert!(!pattern_covers("mpesa", "mpesa", "charge"));
    }

    #[test]
    fn no_adapter_or_action_takes_a_reserved_word() {
        for (adapter, _) in ADAPTERS {
            assert!(!RESERVED.contains(&adapter));
            assert!(actions(adapter).iter().all(|action| !RESERVED.contains(action)));
            assert!(!actions(adapter).is_empty());
        }
    }
}
