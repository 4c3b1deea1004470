//! The body of a request: PHP's brackets, percent-encoded, and never more variables than the site reads.
//!
//! PHP stops at `max_input_vars`, drops the rest and says nothing: the answer looks like success. So what is too long is
//! refused here, and lists are cut before. The token is a field of the body and stands nowhere else.

use std::fmt;

use super::super::{AdapterError, Disposition};

/// `wstoken`, `wsfunction` and `moodlewsrestformat`.
pub(super) const FIXED_VARS: usize = 3;
/// Items of one request, at most, however many would fit: locks are held shorter.
pub(super) const ITEMS_MAX: usize = 100;

/// The parameters of one function. `Debug` shows only how many: they name people.
pub(super) struct Form {
    function: &'static str,
    pairs: Vec<(String, String)>,
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("function", &self.function).field("variables", &self.variables()).finish_non_exhaustive()
    }
}

impl Form {
    pub(super) fn new(function: &'static str) -> Self {
        Self { function, pairs: Vec::new() }
    }

    /// One more leaf; the name is ours, the value may be anybody's.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
    pub(super) fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.pairs.push((name.into(), value.to_string()));
        self
    }

    /// Booleans are digits: `true` is refused.
    pub(super) fn with_flag(self, name: impl Into<String>, value: bool) -> Self {
        self.with(name, u8::from(value))
    }

    /// How many variables PHP will count.
    pub(super) fn variables(&self) -> usize {
        FIXED_VARS + self.pairs.len()
    }

    /// The whole body.
    pub(super) fn encode(&self, token: &str, max_vars: usize) -> Result<String, AdapterError> {
        if self.variables() > max_vars {
            let message = "the request has more variables than the site reads of one (setting max_vars)";
            return Err(AdapterError::new(Disposition::Unsupported, message));
        }
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair("wstoken", token).append_pair("wsfunction", self.function).append_pair("moodlewsrestformat", "json");
        for (name, value) in &self.pairs {
            body.append_pair(name, value);
        }
        Ok(body.finish())
    }
}

/// How many items of `each` variables fit into a request beside `others`.
pub(super) fn items(max_vars: usize, others: usize, each: usize) -> usize {
    (max_vars.saturating_sub(FIXED_VARS + others) / each.max(1)).clamp(1, ITEMS_MAX)
}
