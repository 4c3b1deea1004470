//! What an adapter can do and what it needs.

use std::time::Duration;

use tarishi_protocol::catalog::Category;

use super::SettingSpec;

/// What an adapter can do and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// Its name in operations, routes and settings.
    pub name: &'static str,
    /// What it deals with.
    pub category: Category,
    /// Its actions.
    pub actions: &'static [ActionSpec],
    /// Its settings, by the names of the environment variables without the prefix, in lower case.
    pub settings: &'static [SettingSpec],
    /// The prefix of its environment variables: `MPESA_`.
    pub env_prefix: &'static str,
    /// Calls that may be open at once for one tenant.
    pub slots: u32,
    /// It takes webhooks.
    pub webhooks: bool,
    /// Its page.
    pub docs: &'static str,
}

impl Descriptor {
    /// The action of this name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&'static ActionSpec> {
        self.actions.iter().find(|action| action.name == name)
    }
}

/// One action of an adapter.
#[derive(Clone, Copy, Debug)]
pub struct ActionSpec {
    /// Its name.
    pub name: &'static str,
    /// How long one call may take; the lease is this and 15 s.
    pub call_deadline: Duration,
    /// The call carries an access token.
    pub needs_token: bool,
    /// It changes something at the provider.
    pub has_effect: bool,
}
