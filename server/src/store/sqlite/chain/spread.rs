//! `notify` becomes chains, one a person, a bounded number at a time; and ends when they have.

use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tarishi_protocol::{Code, Listed, Notify, NotifyOutcome, NotifyTo, OperationId, Payload, Problem, State, check_payload};
use uuid::Uuid;

use super::{
    super::{apply, caps, feed, map, order},
    advance, book, costs,
    rows::{self, Broadcast},
};
use crate::{
    chain::Cost,
    dispatch::policy::Decision,
    store::{ChainState, Ms, OperationRow, Result, Source},
};

/// Chains that one transaction begins, at most.
const SPREAD_MAX: usize = 100;
/// When somebody looks whether all is well with a `notify` whose chains go on, in milliseconds.
const LOOK_MS: Ms = 24 * 3_600_000;

/// Begins chains of a `notify` whose turn has come; what is left follows in another transaction.
pub(in super::super) fn spread(conn: &Connection, tenant: &str, id: OperationId, now: Ms) -> Result<()> {
    let Some(row) = map::load(conn, tenant, id)? else { return Ok(()) };
    let page = match row.state {
        State::Ready if row.expires_at <= now => return order::end_too_old(conn, &row, now),
        State::Ready => begin(conn, &row, now)?,
        State::Waiting => next_page(conn, tenant, id)?,
        State::Held
        | State::Calling
        | State::Unresolved
        | State::Expired
        | State::Cancelled
        | State::Failed
        | State::Succeeded => return Ok(()),
    };
    let Some(Page { broadcast, accounts, more }) = page else { return Ok(()) };
    let broadcast = Rc::new(broadcast);
    let mut goes_on = more;
    for account in &accounts {
        goes_on |= start(conn, &row, &broadcast, account, now)?;
    }
    let sql = "UPDATE broadcasts SET spread = spread + ?3 WHERE tenant_id = ?1 AND operation_id = ?2";
    conn.prepare_cached(sql)?.execute(params![tenant, id.as_bytes(), i64::try_from(accounts.len()).unwrap_or(0)])?;
    let next_at = if more { now } else { now + LOOK_MS };
    let sql = "UPDATE operations SET state = 'waiting', first_opened_at = coalesce(first_opened_at, ?4), next_at = ?3, \
               lease_until = NULL WHERE tenant_id = ?1 AND operation_id = ?2 AND ended_at IS NULL";
    conn.prepare_cached(sql)?.execute(params![tenant, id.as_bytes(), next_at, now])?;
    if goes_on { Ok(()) } else { conclude(conn, tenant, id, now) }
}

/// People whose chains begin together.
struct Page {
    broadcast: Broadcast,
    accounts: Vec<String>,
    more: bool,
}

fn next_page(conn: &Connection, tenant: &str, id: OperationId) -> Result<Option<Page>> {
    let Some(broadcast) = rows::broadcast(conn, tenant, id)? else { return Ok(None) };
    let (accounts, more) = rows::unspread(conn, tenant, id, SPREAD_MAX)?;
    Ok(Some(Page { broadcast, accounts, more }))
}

/// Notes what it begins with, and gives its first page; none if it cannot begin.
fn begin(conn: &Connection, row: &OperationRow, now: Ms) -> Result<Option<Page>> {
    let fail = |problem: Problem| order::end(conn, row, State::Failed, Some(problem), now).map(|()| None);
    let Ok(payload) = check_payload(&row.adapter, &row.action, row.version, &row.payload) else {
        return fail(Problem::new(Code::VersionUnsupported, "this server no longer reads this payload"));
    };
    let Payload::Notify(notify) = &payload else {
        return fail(Problem::new(Code::UnknownAction, "this is no notification"));
    };
    let Some(kind) = book::notification_type(conn, &row.tenant, &notify.kind)? else {
        return fail(Problem::new(Code::NotFound, "there is no such type of notification").with_field("payload.type"));
    };
    let Some(template) = book::template(conn, &row.tenant, &notify.kind)? else {
        return fail(Problem::new(Code::NotFound, "this type of notification has no texts").with_field("payload.type"));
    };
    let Some(mut accounts) = members(conn, &row.tenant, notify)? else {
        return fail(Problem::new(Code::NotFound, "there is no such list").with_field("payload.to.list"));
    };
    match caps::reserve(conn, row, &payload, None, now)? {
        caps::Room::Yes => {}
        caps::Room::Never(problem) => return fail(problem),
        caps::Room::Tomorrow { at } => {
            super::super::dispatch::release(conn, &row.tenant, row.id, at)?;
            return Ok(None);
        }
    }
    let sql = "INSERT INTO broadcasts (tenant_id, operation_id, kind, route, texts, data, dedupe_key, is_list, members, total) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        row.id.as_bytes(),
        notify.kind,
        map::to_json(&kind.route)?,
        map::to_json(&template.texts)?,
        map::to_json(&notify.data)?,
        notify.dedupe_key,
        matches!(notify.to, NotifyTo::List(_)),
        map::to_json(&accounts)?,
        i64::try_from(accounts.len()).unwrap_or(i64::MAX)
    ])?;
    feed::publish(conn, &row.tenant, row.id, now)?;
    let more = accounts.len() > SPREAD_MAX;
    accounts.truncate(SPREAD_MAX);
    let broadcast = Broadcast {
        kind: notify.kind.clone(),
        route: kind.route,
        texts: template.texts,
        data: notify.data.clone(),
        dedupe_key: notify.dedupe_key.clone(),
    };
    Ok(Some(Page { broadcast, accounts, more }))
}

/// Whom it is for, each once; none for a list that is not there.
fn members(conn: &Connection, tenant: &str, notify: &Notify) -> Result<Option<Vec<String>>> {
    let mut accounts = match &notify.to {
        NotifyTo::User(account) => vec![account.clone()],
        NotifyTo::List(Listed::These(accounts)) => accounts.clone(),
        NotifyTo::List(Listed::Named(name)) => match book::list(conn, tenant, name)? {
            Some(list) => list.members,
            None => return Ok(None),
        },
    };
    let mut seen = std::collections::HashSet::new();
    accounts.retain(|account| seen.insert(account.clone()));
    Ok(Some(accounts))
}

/// The id of one person's chain: of its `notify` and the person, whoever begins it.
fn id_of(operation: OperationId, account: &str) -> Uuid {
    let digest = Sha256::new().chain_update(operation.as_bytes()).chain_update(account.as_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Begins one person's chain; says whether it goes on.
fn start(conn: &Connection, row: &OperationRow, broadcast: &Rc<Broadcast>, account: &str, now: Ms) -> Result<bool> {
    let double = is_double(conn, &row.tenant, broadcast, account, now)?;
    let state = if double { ChainState::Duplicate } else { ChainState::Active };
    let id = id_of(row.id, account);
    let sql = "INSERT INTO notifications (tenant_id, notification_id, operation_id, account, kind, state, dedupe_key, created_at, \
               deadline_at, next_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING";
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        id.as_bytes(),
        row.id.as_bytes(),
        account,
        broadcast.kind,
        state.as_str(),
        broadcast.dedupe_key,
        now,
        now + broadcast.route.deadline_ms(),
        (!double).then_some(now),
        double.then_some(now)
    ])?;
    advance::advance_of(conn, &row.tenant, id, broadcast, now)
}

/// The same was sent to the same person a short time ago.
fn is_double(conn: &Connection, tenant: &str, broadcast: &Broadcast, account: &str, now: Ms) -> Result<bool> {
    let Some(key) = &broadcast.dedupe_key else { return Ok(false) };
    let sql = "SELECT 1 FROM notifications WHERE tenant_id = ?1 AND kind = ?2 AND account = ?3 AND dedupe_key = ?4 \
               AND created_at > ?5 AND state <> 'duplicate'";
    let since = now - Ms::from(broadcast.route.dedupe_window_s) * 1_000;
    Ok(conn.prepare_cached(sql)?.exists(params![tenant, broadcast.kind, account, key, since])?)
}

/// Ends a `notify` whose chains have ended; a chain that succeeds late makes it a success after all.
pub(super) fn conclude(conn: &Connection, tenant: &str, id: OperationId, now: Ms) -> Result<()> {
    let sql = "SELECT total > spread, is_list FROM broadcasts WHERE tenant_id = ?1 AND operation_id = ?2";
    let found: Option<(bool, bool)> =
        conn.prepare_cached(sql)?.query_row(params![tenant, id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((unspread, is_list)) = found else { return Ok(()) };
    let open = "SELECT 1 FROM notifications WHERE tenant_id = ?1 AND operation_id = ?2 AND ended_at IS NULL";
    if unspread || conn.prepare_cached(open)?.exists(params![tenant, id.as_bytes()])? {
        return Ok(());
    }
    let Some(row) = map::load(conn, tenant, id)? else { return Ok(()) };
    let may_move = match row.state {
        State::Waiting | State::Failed => true,
        // A late arrival changes the counts of a list.
        State::Succeeded => is_list,
        State::Held | State::Ready | State::Calling | State::Unresolved | State::Expired | State::Cancelled => false,
    };
    if !may_move {
        return Ok(());
    }
    let outcome = if is_list { of_all(conn, tenant, id)? } else { of_one(conn, tenant, id)? };
    let failed = !is_list && !matches!(outcome.state.as_str(), "succeeded" | "unconfirmed" | "duplicate");
    let problem = failed.then(|| {
        let detail = format!("no channel reached the person: {}", outcome.state);
        Problem::new(Code::ProviderRejected, detail).with_provider_code(outcome.state.clone())
    });
    if failed && row.state == State::Failed {
        return Ok(());
    }
    let state = if failed { State::Failed } else { State::Succeeded };
    let outcome: Value = json!(outcome);
    if row.state == state && row.outcome.as_ref() == Some(&outcome) {
        return Ok(());
    }
    let decision = Decision { state: Some(state), outcome: Some(outcome), problem, ..Decision::default() };
    apply::apply(conn, &row, &Source::Poll, decision, "", now).map(drop)
}

fn of_one(conn: &Connection, tenant: &str, id: OperationId) -> Result<NotifyOutcome> {
    let only = rows::notifications_of(conn, tenant, id, None, 1)?.into_iter().next();
    Ok(NotifyOutcome {
        state: only.as_ref().map_or(ChainState::Exhausted, |only| only.state).as_str().to_owned(),
        channel: only.and_then(|only| only.channel).map(|channel| channel.as_str().to_owned()),
        cost: cost(conn, tenant, id)?,
        counts: None,
    })
}

fn of_all(conn: &Connection, tenant: &str, id: OperationId) -> Result<NotifyOutcome> {
    Ok(NotifyOutcome {
        state: "ended".to_owned(),
        channel: None,
        cost: cost(conn, tenant, id)?,
        counts: Some(counts(conn, tenant, id)?.into_iter().map(|(state, count)| (state, count.into())).collect()),
    })
}

/// How many of the people stand how.
pub(in super::super) fn counts(
    conn: &Connection,
    tenant: &str,
    id: OperationId,
) -> Result<std::collections::BTreeMap<String, u64>> {
    let sql = "SELECT state, count(*) FROM notifications WHERE tenant_id = ?1 AND operation_id = ?2 GROUP BY state";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant, id.as_bytes()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    let mut counts = rows.collect::<rusqlite::Result<std::collections::BTreeMap<_, _>>>()?;
    counts.insert("total".to_owned(), counts.values().sum());
    Ok(counts)
}

fn cost(conn: &Connection, tenant: &str, id: OperationId) -> Result<Option<String>> {
    let sql = "SELECT d.currency, sum(d.cost) FROM deliveries d JOIN notifications n ON n.tenant_id = d.tenant_id \
               AND n.notification_id = d.notification_id WHERE n.tenant_id = ?1 AND n.operation_id = ?2 \
               AND d.currency IS NOT NULL AND d.cost > 0 GROUP BY d.currency ORDER BY d.currency";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement
        .query_map(params![tenant, id.as_bytes()], |row| Ok(Cost { currency: row.get(0)?, micros: row.get(1)? }.to_string()))?;
    let costs = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok((!costs.is_empty()).then(|| costs.join(" + ")))
}

/// Chains whose `notify` is no longer kept; says how many rows.
pub(in super::super) fn sweep(conn: &Connection, before: Ms, most: i64) -> Result<usize> {
    let gone = "SELECT notification_id FROM notifications n WHERE n.ended_at < ?1 AND NOT EXISTS (SELECT 1 FROM operations o \
                WHERE o.tenant_id = n.tenant_id AND o.operation_id = n.operation_id) LIMIT ?2";
    let deliveries = format!(
        "DELETE FROM deliveries WHERE (tenant_id, notification_id) IN \
         (SELECT tenant_id, notification_id FROM notifications WHERE notification_id IN ({gone}))"
    );
    conn.prepare_cached(&deliveries)?.execute(params![before, most])?;
    let chains = format!("DELETE FROM notifications WHERE notification_id IN ({gone})");
    let count = conn.prepare_cached(&chains)?.execute(params![before, most])?;
    if count > 0 {
        let sql = "DELETE FROM broadcasts WHERE (tenant_id, operation_id) IN (SELECT b.tenant_id, b.operation_id FROM broadcasts b \
                   WHERE NOT EXISTS (SELECT 1 FROM operations o WHERE o.tenant_id = b.tenant_id AND o.operation_id = b.operation_id) \
                   AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.tenant_id = b.tenant_id \
                   AND n.operation_id = b.operation_id) LIMIT ?1)";
        conn.prepare_cached(sql)?.execute([most])?;
    }
    Ok(count.max(costs::sweep(conn, before, most)?))
}
