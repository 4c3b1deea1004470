//! Enrolment by hand: the whole wanted state, which may be set again.
//!
//! A repeat that leaves a field out resets it, so every field is sent each time.

use serde::{Deserialize, Serialize};
use tarishi_protocol::{Code, Enroll, EnrollOutcome, LookUp};

use super::super::{AdapterError, Answer, Call, Reference};
use super::{
    Site,
    config::{UserField, positive},
    course,
    form::Form,
    memo, next, not_found, succeeded, wire,
    wire::Stake,
};

#[derive(Default, Deserialize, Serialize)]
struct Found {
    user: Option<i64>,
    course: Option<i64>,
}

/// One step: the user, the course, the enrolment.
pub(super) async fn step(call: &Call<'_>, site: &Site<'_>, enroll: &Enroll) -> Result<Answer, AdapterError> {
    let role = site.config.role(enroll.role.as_deref());
    let role = role.ok_or_else(|| wire::refused(Code::InvalidValue, "the role is not named in setting role_ids"))?;
    let (start, end) = (seconds(enroll.start.as_ref())?, seconds(enroll.end.as_ref())?);
    if end != 0 && end < start {
        return Err(wire::refused(Code::InvalidValue, "the end is before the start"));
    }
    match memo(call) {
        Found { user: Some(user), course: Some(course) } => {
            let suspend = enroll.suspend.unwrap_or(false);
            let form = Form::new("enrol_manual_enrol_users")
                .with("enrolments[0][roleid]", role)
                .with("enrolments[0][userid]", user)
                .with("enrolments[0][courseid]", course)
                .with("enrolments[0][timestart]", start)
                .with("enrolments[0][timeend]", end)
                .with_flag("enrolments[0][suspend]", suspend);
            // A function without a result says `null`; anything else is not its success.
            match site.ask(&form, Stake::Repeatable).await? {
                serde_json::Value::Null => Ok(succeeded(
                    &EnrollOutcome { enrolled: !suspend },
                    Some(Reference::new(format!("enrolment:{course}:{user}"))),
                )),
                _ => Err(wire::strange(Stake::Repeatable)),
            }
        }
        Found { user: Some(user), course: None } => {
            Ok(next(&Found { user: Some(user), course: Some(course::find(site, &enroll.course).await?) }))
        }
        Found { user: None, .. } => Ok(next(&Found { user: Some(find(site, &enroll.user).await?), course: None })),
    }
}

/// The id of the one user who is meant.
async fn find(site: &Site<'_>, user: &LookUp) -> Result<i64, AdapterError> {
    let field = UserField::parse(&user.by)
        .ok_or_else(|| wire::refused(Code::InvalidValue, "a user is found by id, idnumber, username or email"))?;
    let value = field.plain(&user.value);
    if value.is_empty() || (field == UserField::Id && positive(&value).is_none()) {
        return Err(wire::refused(Code::InvalidValue, "the value cannot name a user"));
    }
    let form = Form::new("core_user_get_users_by_field").with("field", field.as_str()).with("values[0]", &value);
    let found = wire::list(site.ask(&form, Stake::Nothing).await?, None, Stake::Nothing)?;
    match found.as_slice() {
        [] => Err(not_found("user")),
        [one] => {
            // What was found must be what was asked for.
            let same = wire::text(one, field.as_str()).is_none_or(|known| field.plain(&known) == value);
            wire::id(one).filter(|_| same).ok_or_else(|| wire::strange(Stake::Nothing))
        }
        _ => Err(wire::refused(Code::InvalidValue, "several users are named so").with_code("AMBIGUOUS_USER")),
    }
}

/// Unix seconds; 0 = no bound.
fn seconds(at: Option<&chrono::DateTime<chrono::Utc>>) -> Result<i64, AdapterError> {
    let seconds = at.map_or(0, chrono::DateTime::timestamp);
    if seconds < 0 {
        return Err(wire::refused(Code::InvalidValue, "a time before 1970 cannot be told to Moodle"));
    }
    Ok(seconds)
}
