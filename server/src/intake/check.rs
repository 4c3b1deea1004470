//! What can be said of one operation before the database is asked.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use tarishi_protocol::{
    Code, Fingerprint, Listed, Notify, NotifyTo, Operation, Payload, Problem, check_envelope, check_payload, known_path, limits,
};

use super::internal;
use crate::{
    App,
    chain::Channel,
    store::{Checked, Exclusive, Grants, Ms, Preview},
};

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Whose.
    pub tenant: &'a str,
    /// What the credential allows.
    pub grants: &'a Grants,
    /// The asker's wall clock.
    pub sent_at: DateTime<Utc>,
    /// Our clock.
    pub now: Ms,
}

/// Why an operation is not taken.
enum No {
    Refuse(Problem),
    Later(Problem),
}

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self::Refuse(problem)
    }
}

/// Reads one operation of a batch. One that cannot be read but has an id is refused alone.
pub(super) async fn read(app: &App, asker: &Asker<'_>, raw: &RawValue, index: usize) -> Result<Preview, Problem> {
    match serde_json::from_str::<Operation>(raw.get()) {
        Ok(operation) => preview(app, asker, operation).await,
        Err(error) => {
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or_default().to_owned();
            let field = text.split([':', '`']).find(|part| !part.contains(' ')).map(str::to_owned);
            let whole: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
            let id = whole.get("id").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
            let named = format!("operations[{index}]");
            let Some(id) = id else {
                return Err(
                    Problem::new(Code::Malformed, "an operation without a readable id").with_field(format!("{named}.id"))
                );
            };
            let problem = Problem::new(Code::Malformed, "the operation's envelope cannot be read");
            let problem = problem.with_field(field.unwrap_or(named));
            let ordering_key = whole.get("ordering_key").and_then(|key| key.as_str()).map(str::to_owned);
            Ok(Preview::Refuse { id, key: None, fingerprint: None, ordering_key, problem })
        }
    }
}

/// Checks and authorises one operation.
///
/// # Errors
/// The settings could not be read.
pub async fn preview(app: &App, asker: &Asker<'_>, operation: Operation) -> Result<Preview, Problem> {
    let id = operation.id;
    let ordering_key = operation.ordering_key.clone();
    let key = operation.idempotency_key.clone();
    let fingerprint = Fingerprint::of(&operation.adapter, &operation.action, operation.payload.get()).ok();
    let effective = app.effective(asker.tenant, &operation.adapter).await.map_err(internal)?;
    let mut checked = check(app, asker, effective.as_ref(), operation, fingerprint);
    if let Ok(taken) = &mut checked
        && let Payload::Notify(notify) = &taken.payload
    {
        match notifiable(app, asker.tenant, notify).await? {
            Ok(channels) => taken.channels = channels,
            Err(problem) => checked = Err(No::Refuse(problem)),
        }
    }
    Ok(match checked {
        Ok(checked) => Preview::Take(Box::new(checked)),
        Err(No::Refuse(problem)) => Preview::Refuse { id, key: Some(key), fingerprint, ordering_key, problem },
        Err(No::Later(problem)) => Preview::Later { id, key, fingerprint, ordering_key, problem },
    })
}

/// The channels that a notification may go by; or what it lacks: its type, its texts, a list, something that the texts need. Told
/// now and not at night.
async fn notifiable(app: &App, tenant: &str, notify: &Notify) -> Result<Result<Vec<Channel>, Problem>, Problem> {
    let refused = |code, detail: String, field: &str| Ok(Err(Problem::new(code, detail).with_field(field)));
    let kind = app.store.notification_type(tenant, &notify.kind).await.map_err(internal)?;
    let template = app.store.notification_template(tenant, &notify.kind).await.map_err(internal)?;
    let (Some(kind), Some(template)) = (kind, template) else {
        return refused(Code::NotFound, "there is no type of this name, or it has no texts".to_owned(), "payload.type");
    };
    let channels: Vec<_> = kind.route.channels.iter().map(|leg| leg.channel).collect();
    if let Some(missing) = template.texts.missing(&channels, &notify.data) {
        let field = known_path(&format!("payload.data.{missing}"));
        return refused(Code::MissingField, "a text needs it".to_owned(), &field);
    }
    if let NotifyTo::List(Listed::Named(name)) = &notify.to
        && app.store.list(tenant, name).await.map_err(internal)?.is_none()
    {
        return refused(Code::NotFound, "there is no list of this name".to_owned(), "payload.to.list");
    }
    Ok(Ok(channels))
}

fn check(
    app: &App,
    asker: &Asker<'_>,
    effective: Option<&crate::integrations::Effective>,
    operation: Operation,
    fingerprint: Option<Fingerprint>,
) -> Result<Checked, No> {
    check_envelope(&operation)?;
    let (name, action) = (operation.adapter.as_str(), operation.action.as_str());
    let unknown = |detail: String| No::Refuse(Problem::new(Code::UnknownAdapter, detail).with_field("adapter"));
    let adapter = app.adapters.get(name).ok_or_else(|| unknown(format!("this server has no adapter {name}")))?;
    let effective = effective.filter(|effective| effective.enabled);
    let effective = effective.ok_or_else(|| unknown(format!("{name} is not switched on here")))?;
    if operation.version > 1 {
        let problem = Problem::new(Code::VersionUnsupported, "this server knows version 1").with_field("version");
        return Err(No::Later(problem));
    }
    let payload = check_payload(name, action, operation.version, operation.payload.get())?;
    if adapter.descriptor().action(action).is_none() {
        return Err(No::Later(Problem::new(Code::VersionUnsupported, "this server does not do this yet").with_field("action")));
    }
    authorise(asker.grants, &operation, &payload)?;
    if effective.paused.contains(action) || effective.paused.contains("*") {
        return Err(No::Later(Problem::new(Code::Paused, format!("the operator paused {name}:{action}"))));
    }
    if !operation.blobs.is_empty() {
        return Err(No::Later(Problem::new(Code::BlobMissing, "its files have not arrived").with_field("blobs")));
    }
    let fingerprint =
        fingerprint.ok_or_else(|| Problem::new(Code::Malformed, "the payload is not JSON").with_field("payload"))?;
    let enqueued_at = enqueued_at(&operation, asker);
    let ttl = Ms::try_from(operation.ttl_ms.unwrap_or(limits::TTL_MS_DEFAULT)).unwrap_or(Ms::MAX / 4);
    Ok(Checked {
        fingerprint,
        exclusive: Exclusive::of(&payload),
        correlation: adapter.correlation(action, &payload),
        expires_at: enqueued_at.saturating_add(ttl),
        enqueued_at,
        payload,
        channels: Vec::new(),
        operation,
    })
}

fn authorise(grants: &Grants, operation: &Operation, payload: &Payload) -> Result<(), Problem> {
    if !grants.allow(&operation.adapter, &operation.action) {
        let detail = format!("the credential does not allow {}:{}", operation.adapter, operation.action);
        return Err(Problem::new(Code::Forbidden, detail).with_field("adapter"));
    }
    let caps = &grants.caps;
    let (amount, phones) = match payload {
        Payload::Charge(charge) => (Some(charge.amount.minor_units()), charge.phone.iter().collect()),
        Payload::Refund(refund) => (refund.amount.as_ref().map(tarishi_protocol::Money::minor_units), Vec::new()),
        Payload::MessageSend(send) => (None, send.to.0.iter().collect::<Vec<_>>()),
        _ => (None, Vec::new()),
    };
    if let (Some(cap), Some(amount)) = (caps.amount_per_operation, amount)
        && amount > cap
    {
        return Err(Problem::new(Code::CapExceeded, "the amount is above the credential's cap").with_field("payload.amount"));
    }
    if caps.recipients.is_some() && matches!(payload, Payload::Notify(_)) {
        let detail = "the credential may reach named phones only, and a notification goes where the address book says";
        return Err(Problem::new(Code::CapExceeded, detail).with_field("payload"));
    }
    if let Some(allowed) = &caps.recipients
        && phones.iter().any(|phone| !allowed.iter().any(|known| known == phone.as_str()))
    {
        return Err(Problem::new(Code::CapExceeded, "the credential may not reach this phone").with_field("payload"));
    }
    Ok(())
}

/// When it was enqueued, by our clock. An exact age decides; otherwise the asker's wall-clock age, kept between the age that
/// is certain and the last server time that was seen before.
fn enqueued_at(operation: &Operation, asker: &Asker<'_>) -> Ms {
    let latest = asker.now.saturating_sub(Ms::try_from(operation.age_ms).unwrap_or(Ms::MAX / 4));
    if operation.age_exact {
        return latest;
    }
    let wall_age = (asker.sent_at - operation.created_at).num_milliseconds().max(0);
    let earliest = operation.queued_after.map_or(Ms::MIN / 4, |at| at.timestamp_millis()).min(latest);
    asker.now.saturating_sub(wall_age).clamp(earliest, latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(age_ms: u64, exact: bool, created: i64, queued_after: Option<i64>) -> Operation {
        let at = |ms| DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339();
        let mut value = serde_json::json!({
            "id": "0198c0de-0000-7000-8000-000000000001", "idempotency_key": "k", "adapter": "sms", "action": "balance",
            "payload": {}, "created_at": at(created), "age_ms": age_ms, "age_exact": exact
        });
        if let Some(queued_after) = queued_after {
            value["queued_after"] = at(queued_after).into();
        }
        serde_json::from_str(&value.to_string()).unwrap()
    }

    fn asker(grants: &Grants) -> Asker<'_> {
        Asker { tenant: "t", grants, sent_at: DateTime::from_timestamp_millis(50_000_000).unwrap(), now: 1_000_000_000 }
    }

    #[test]
    fn an_exact_age_is_believed_whatever_the_wall_clock_says() {
        let grants = Grants::default();
        assert_eq!(enqueued_at(&operation(5_000, true, 0, None), &asker(&grants)), 999_995_000);
    }

    #[test]
    fn an_inexact_age_is_kept_between_what_is_certain() {
        let grants = Grants::default();
        let asker = asker(&grants);
        // The wall clocks say 10 s, the boot clock says at least 20 s.
        assert_eq!(enqueued_at(&operation(20_000, false, 49_990_000, None), &asker), 999_980_000);
        // The wall clock was set forward between: it cannot be older than the server time seen before it.
        assert_eq!(enqueued_at(&operation(1_000, false, 0, Some(999_900_000)), &asker), 999_900_000);
        // The wall clock was set back: not younger than the boot clock says.
        assert_eq!(enqueued_at(&operation(1_000, false, 60_000_000, Some(999_900_000)), &asker), 999_999_000);
    }
}
