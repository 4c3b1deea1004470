//! Moodle's settings, read and checked before anything is sent.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::super::{AdapterError, SettingSpec, Settings, address, settings::plain};

/// Variables of one request: PHP drops what is above its `max_input_vars` (1000 unless the site raised it) without a word.
pub(super) const MAX_VARS: usize = 900;
/// What a budget must at least hold: the largest single item with all that goes before it.
const MAX_VARS_LEAST: usize = 40;
const STUDENT_ROLE: i64 = 5;
const CATEGORY: i64 = 1;
/// Longer than a site lets one request work, so that a create that is still under way has ended.
const SETTLE_AFTER: Duration = Duration::from_secs(180);

pub(super) const SETTINGS: &[SettingSpec] = &[
    plain("base_url", true, "the site's wwwroot exactly: scheme, host, port, sub-path; http only on the loopback"),
    SettingSpec { name: "token", secret: true, required: true, help: "web-service token of a service user of its own" },
    plain("student_role_id", false, "id of the role of learners; default 5"),
    plain("role_ids", false, "other roles by name, as teacher=4,editingteacher=3"),
    plain("default_category_id", false, "id of the category of new courses that name none; default 1"),
    plain("user_field", false, "what names a learner in sync_grades: idnumber (default), username, email or id"),
    plain("max_vars", false, "form variables of one request, at most; below the site's max_input_vars; default 900"),
    plain("settle_after_ms", false, "how long after a lost create \"there is no such course\" is believed; default 180000"),
];

/// The field of a user that a text names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum UserField {
    Id,
    IdNumber,
    Username,
    Email,
}

impl UserField {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "id" => Some(Self::Id),
            "idnumber" => Some(Self::IdNumber),
            "username" => Some(Self::Username),
            "email" => Some(Self::Email),
            _ => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::IdNumber => "idnumber",
            Self::Username => "username",
            Self::Email => "email",
        }
    }

    /// The name as Moodle keeps it: user names are lower case there, and others are refused.
    pub(super) fn plain(self, name: &str) -> String {
        match self {
            Self::Username | Self::Email => name.trim().to_lowercase(),
            Self::Id | Self::IdNumber => name.trim().to_owned(),
        }
    }
}

/// One site.
pub(super) struct Config<'a> {
    pub(super) base_url: String,
    pub(super) token: &'a str,
    pub(super) student_role: i64,
    roles: BTreeMap<&'a str, i64>,
    pub(super) category: i64,
    pub(super) user_field: UserField,
    pub(super) max_vars: usize,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    pub(super) fn read(settings: &'a Settings) -> Result<Self, AdapterError> {
        let token = settings.require("token")?;
        if !(token.len() <= 128 && token.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return Err(AdapterError::misconfigured("setting token must be letters and digits"));
        }
        settle_after(settings)?;
        let field = settings.get("user_field").unwrap_or("idnumber");
        let max_vars = number(settings, "max_vars", MAX_VARS)?;
        if max_vars < MAX_VARS_LEAST {
            return Err(AdapterError::misconfigured("setting max_vars must be at least 40"));
        }
        Ok(Self {
            base_url: address::base_url("base_url", settings.require("base_url")?)?,
            token,
            student_role: id(settings, "student_role_id", STUDENT_ROLE)?,
            roles: roles(settings.get("role_ids").unwrap_or_default())?,
            category: id(settings, "default_category_id", CATEGORY)?,
            user_field: UserField::parse(field)
                .ok_or_else(|| AdapterError::misconfigured("setting user_field must be idnumber, username, email or id"))?,
            max_vars,
        })
    }

    /// The id of a role: the learners' unless another is named.
    pub(super) fn role(&self, name: Option<&str>) -> Option<i64> {
        let Some(name) = name.map(str::trim) else { return Some(self.student_role) };
        let known = self.roles.get(name).copied();
        known.or((name == "student").then_some(self.student_role)).or_else(|| positive(name))
    }
}

/// How long after a lost create "there is none" is believed.
pub(super) fn settle_after(settings: &Settings) -> Result<Duration, AdapterError> {
    settings.wait("settle_after", SETTLE_AFTER)
}

pub(super) fn settle_after_or_default(settings: &Settings) -> Duration {
    settle_after(settings).unwrap_or(SETTLE_AFTER)
}

/// An id of Moodle's: a whole number above zero.
pub(super) fn positive(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id > 0)
}

fn id(settings: &Settings, name: &str, otherwise: i64) -> Result<i64, AdapterError> {
    let wrong = || AdapterError::misconfigured(format!("setting {name} must be a number above 0"));
    settings.get(name).map_or(Ok(otherwise), |text| positive(text).ok_or_else(wrong))
}

fn number(settings: &Settings, name: &str, otherwise: usize) -> Result<usize, AdapterError> {
    let wrong = |_| AdapterError::misconfigured(format!("setting {name} must be a whole number"));
    settings.get(name).map_or(Ok(otherwise), |text| text.parse().map_err(wrong))
}

fn roles(text: &str) -> Result<BTreeMap<&str, i64>, AdapterError> {
    let pair = |part: &'_ str| -> Option<(usize, i64)> {
        let (name, id) = part.split_once('=')?;
        Some((name.trim().len(), positive(id.trim())?)).filter(|(length, _)| *length > 0)
    };
    let mut roles = BTreeMap::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (_, id) =
            pair(part).ok_or_else(|| AdapterError::misconfigured("setting role_ids must be as teacher=4,editingteacher=3"))?;
        roles.insert(part.split_once('=').map_or(part, |(name, _)| name).trim(), id);
    }
    Ok(roles)
}
