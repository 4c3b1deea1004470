//! What may lie where, each with its reason. Whatever is not said here may not.

use super::Kind;

/// A part of an answer that may hold what all others may not.
pub(super) struct Shown {
    /// The method.
    pub(super) method: &'static str,
    /// The path; `*` is one part of it.
    pub(super) path: &'static str,
    /// What of the body; `*` is every member of a list, `**` every value at whatever depth.
    pub(super) field: &'static str,
    /// What it may hold.
    pub(super) kind: Kind,
    /// Why.
    pub(super) because: &'static str,
}

const fn shown(method: &'static str, path: &'static str, field: &'static str, kind: Kind, because: &'static str) -> Shown {
    Shown { method, path, field, kind, because }
}

/// Parts of answers.
pub(super) const ANSWERS: &[Shown] = &[
    shown("POST", "/api/v2/devices", "token", Kind::Secret, "a new device's token, shown this once to who enrols it"),
    shown("POST", "/api/v2/subscriptions", "secret", Kind::Secret, "what signs its events, shown this once to who subscribes"),
    shown("POST", "/api/v2/subscriptions/*/rotate-secret", "secret", Kind::Secret, "the next one, shown this once"),
    shown("POST", "/api/v2/sync", "token", Kind::Secret, "the device's next token, shown to the device"),
    shown("POST", "/api/v2/sync", "changes.*.outcome", Kind::Phone, "to whom the account's own messages went"),
    shown("POST", "/api/v2/integrations/*/*", "outcome", Kind::Phone, "to whom the key's own messages went"),
    shown("GET", "/api/v2/operations/*", "outcome", Kind::Phone, "to whom messages went, for who may see the operation"),
    shown("GET", "/api/v2/operations", "operations.*.outcome", Kind::Phone, "as above, in a list"),
    shown("GET", "/api/v2/events", "events.*.data", Kind::Phone, "who paid or wrote, for the tenant's own backend"),
    shown("GET", "/api/v2/recipients/*", "phone", Kind::Phone, "the address book, for who keeps it"),
    shown("GET", "/api/v2/recipients/*", "whatsapp", Kind::Phone, "as above"),
    shown("GET", "/api/v2/integrations", "**.nominated_number", Kind::Phone, "the organisation's own number, for its admin"),
    shown("GET", "/api/v2/integrations/*", "**.nominated_number", Kind::Phone, "as above, of one adapter"),
    shown("GET", "/api/v2/integrations/*", "**.examples", Kind::Phone, "the schemas' examples, which are nobody's number"),
    shown("GET", "/openapi.json", "**.examples", Kind::Phone, "as above"),
];

/// Columns of the server's database that hold what the server must know to do its work. They are not sealed: who reads the
/// database reads what was sent to whom. Secrets are sealed or hashed everywhere.
pub(super) const COLUMNS: &[(&str, &str, &str)] = &[
    ("operations", "payload", "what is to be done: the number that is charged, the text that is sent"),
    ("operations", "outcome", "to whom each message went"),
    ("operations", "correlation", "by which a receipt without our reference is matched"),
    ("operations", "reference_data", "what a provider's call is recognised by"),
    ("operations", "memo", "what the next step of a call of several needs"),
    ("webhooks", "body", "what the provider said, so that it can be read again"),
    ("webhook_events", "correlation", "as in operations"),
    ("webhook_events", "news", "what the provider said, read"),
    ("events", "data", "who paid or wrote, for the tenant's own backend"),
    ("recipients", "data", "the address book: where people are reached"),
    ("recipients", "phone", "as above, to find who wrote back"),
    ("recipients", "whatsapp", "as above"),
];

/// Answers of which at least one must have been seen: those that tell of others' work.
pub(super) const ROUTES_TO_SEE: &[&str] = &[
    "POST /api/v2/sync",
    "POST /api/v2/devices",
    "GET /api/v2/devices",
    "GET /api/v2/events",
    "GET /api/v2/integrations",
    "GET /api/v2/integrations/health/*",
    "GET /api/v2/integrations/logs",
    "GET /api/v2/integrations/logs/*",
    "GET /api/v2/operations",
    "GET /api/v2/operations/*",
    "GET /health",
    "GET /metrics",
    "GET /openapi.json",
];

/// Tests that speak to no server of ours, and so leave nothing.
pub(super) fn runs_no_server(test: &str) -> bool {
    // The scripted server is not ours; the simulation has neither HTTP nor logs.
    test.starts_with("scenario_files::")
        || test.starts_with("simulation::")
        // A dispatcher without HTTP; two servers that start and stop, and nobody comes.
        || test == "scenarios::panics::an_adapter_that_panics_ends_with_a_human_and_never_sends_twice"
        || test == "scenarios::lifecycle::a_second_server_waits_until_the_first_has_let_go"
        // They hold lists against the adapters.
        || test == "scenarios::effects::the_list_names_every_action_that_has_an_effect"
        || test == "scenarios::webhooks::every::the_list_names_every_adapter_with_webhooks"
}

/// Does a path have this shape?
pub(super) fn is_path(shape: &str, path: &str) -> bool {
    let (shape, path) = (shape.split('/'), path.trim_end_matches('/').split('/'));
    shape.clone().count() == path.clone().count() && shape.zip(path).all(|(wanted, part)| wanted == "*" || wanted == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_part_of_a_path() {
        assert!(is_path("/api/v2/operations/*", "/api/v2/operations/0198"));
        assert!(is_path("/health", "/health") && is_path("/health", "/health/"));
        assert!(!is_path("/api/v2/operations/*", "/api/v2/operations"));
        assert!(!is_path("/api/v2/operations/*", "/api/v2/operations/0198/cancel"));
    }
}
