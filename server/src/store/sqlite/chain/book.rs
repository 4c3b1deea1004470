//! What a tenant decided, its address book, and what was learnt of people.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use tarishi_protocol::Phone;

use super::super::{map, push};
use crate::{
    chain::{
        Channel, Facts, Recipient,
        people::{STALE_MS, UNREACHABLE_MS},
    },
    store::{Error, ListRow, Ms, RecipientRow, Result, TemplateRow, TypeRow},
};

pub(in super::super) fn put_type(conn: &Connection, row: &TypeRow) -> Result<()> {
    let sql = "INSERT INTO notification_types (tenant_id, name, route, updated_at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (tenant_id, name) DO UPDATE SET route = excluded.route, updated_at = excluded.updated_at";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.name, map::to_json(&row.route)?, row.updated_at])?;
    Ok(())
}

pub(in super::super) fn notification_type(conn: &Connection, tenant: &str, name: &str) -> Result<Option<TypeRow>> {
    let sql = "SELECT route, updated_at FROM notification_types WHERE tenant_id = ?1 AND name = ?2";
    let found: Option<(String, Ms)> =
        conn.prepare_cached(sql)?.query_row([tenant, name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let read = |(route, updated_at): (String, Ms)| {
        Ok(TypeRow { tenant: tenant.to_owned(), name: name.to_owned(), route: from_json(&route)?, updated_at })
    };
    found.map(read).transpose()
}

/// Forgets a type; false if there was none.
pub(in super::super) fn delete_type(conn: &Connection, tenant: &str, name: &str) -> Result<bool> {
    let sql = "DELETE FROM notification_types WHERE tenant_id = ?1 AND name = ?2";
    Ok(conn.prepare_cached(sql)?.execute([tenant, name])? == 1)
}

/// Forgets the texts of a type; false if there were none.
pub(in super::super) fn delete_template(conn: &Connection, tenant: &str, name: &str) -> Result<bool> {
    let sql = "DELETE FROM notification_templates WHERE tenant_id = ?1 AND name = ?2";
    Ok(conn.prepare_cached(sql)?.execute([tenant, name])? == 1)
}

/// Forgets a list; false if there was none.
pub(in super::super) fn delete_list(conn: &Connection, tenant: &str, name: &str) -> Result<bool> {
    let sql = "DELETE FROM lists WHERE tenant_id = ?1 AND name = ?2";
    Ok(conn.prepare_cached(sql)?.execute([tenant, name])? == 1)
}

pub(in super::super) fn put_template(conn: &Connection, row: &TemplateRow) -> Result<()> {
    let sql = "INSERT INTO notification_templates (tenant_id, name, texts, updated_at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (tenant_id, name) DO UPDATE SET texts = excluded.texts, updated_at = excluded.updated_at";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.name, map::to_json(&row.texts)?, row.updated_at])?;
    Ok(())
}

pub(in super::super) fn template(conn: &Connection, tenant: &str, name: &str) -> Result<Option<TemplateRow>> {
    let sql = "SELECT texts, updated_at FROM notification_templates WHERE tenant_id = ?1 AND name = ?2";
    let found: Option<(String, Ms)> =
        conn.prepare_cached(sql)?.query_row([tenant, name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let read = |(texts, updated_at): (String, Ms)| {
        Ok(TemplateRow { tenant: tenant.to_owned(), name: name.to_owned(), texts: from_json(&texts)?, updated_at })
    };
    found.map(read).transpose()
}

/// What was learnt of an address goes with it.
pub(in super::super) fn put_recipient(conn: &Connection, row: &RecipientRow) -> Result<()> {
    let before = recipient(conn, &row.tenant, &row.account)?.map(|row| row.recipient).unwrap_or_default();
    for channel in [Channel::Whatsapp, Channel::Sms] {
        if before.number(channel) != row.recipient.number(channel) {
            let sql = "DELETE FROM recipient_facts WHERE tenant_id = ?1 AND account = ?2 AND channel = ?3";
            conn.prepare_cached(sql)?.execute(params![row.tenant, row.account, channel.as_str()])?;
        }
    }
    let sql = "INSERT INTO recipients (tenant_id, account, data, phone, whatsapp, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
               ON CONFLICT (tenant_id, account) DO UPDATE SET data = excluded.data, phone = excluded.phone, \
               whatsapp = excluded.whatsapp, updated_at = excluded.updated_at";
    let number = |channel| row.recipient.number(channel).map(Phone::as_str);
    conn.prepare_cached(sql)?.execute(params![
        row.tenant,
        row.account,
        map::to_json(&row.recipient)?,
        number(Channel::Sms),
        number(Channel::Whatsapp),
        row.updated_at
    ])?;
    Ok(())
}

pub(in super::super) fn recipient(conn: &Connection, tenant: &str, account: &str) -> Result<Option<RecipientRow>> {
    let sql = "SELECT data, updated_at FROM recipients WHERE tenant_id = ?1 AND account = ?2";
    let found: Option<(String, Ms)> =
        conn.prepare_cached(sql)?.query_row([tenant, account], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let read = |(data, updated_at): (String, Ms)| {
        Ok(RecipientRow { tenant: tenant.to_owned(), account: account.to_owned(), recipient: from_json(&data)?, updated_at })
    };
    found.map(read).transpose()
}

/// Forgets a person; false if nobody knew them.
pub(in super::super) fn delete_recipient(conn: &Connection, tenant: &str, account: &str) -> Result<bool> {
    conn.prepare_cached("DELETE FROM recipient_facts WHERE tenant_id = ?1 AND account = ?2")?.execute([tenant, account])?;
    let sql = "DELETE FROM recipients WHERE tenant_id = ?1 AND account = ?2";
    Ok(conn.prepare_cached(sql)?.execute([tenant, account])? == 1)
}

pub(in super::super) fn put_list(conn: &Connection, row: &ListRow) -> Result<()> {
    let sql = "INSERT INTO lists (tenant_id, name, members, updated_at) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (tenant_id, name) DO UPDATE SET members = excluded.members, updated_at = excluded.updated_at";
    conn.prepare_cached(sql)?.execute(params![row.tenant, row.name, map::to_json(&row.members)?, row.updated_at])?;
    Ok(())
}

pub(in super::super) fn list(conn: &Connection, tenant: &str, name: &str) -> Result<Option<ListRow>> {
    let sql = "SELECT members, updated_at FROM lists WHERE tenant_id = ?1 AND name = ?2";
    let found: Option<(String, Ms)> =
        conn.prepare_cached(sql)?.query_row([tenant, name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let read = |(members, updated_at): (String, Ms)| {
        Ok(ListRow { tenant: tenant.to_owned(), name: name.to_owned(), members: from_json(&members)?, updated_at })
    };
    found.map(read).transpose()
}

/// What the book says of a person; somebody who is not in it has phones with the app at most.
pub(super) fn person(conn: &Connection, tenant: &str, account: &str, now: Ms) -> Result<(Recipient, Facts)> {
    let recipient = recipient(conn, tenant, account)?.map(|row| row.recipient).unwrap_or_default();
    let (devices, fresh) = push::phones(conn, tenant, account, now - STALE_MS)?;
    let sql = "SELECT channel, reason FROM recipient_facts WHERE tenant_id = ?1 AND account = ?2 AND fact_until > ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let rows =
        statement.query_map(params![tenant, account, now], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut unreachable = BTreeMap::new();
    for row in rows {
        let (word, reason) = row?;
        unreachable.extend(Channel::from_word(&word).map(|channel| (channel, reason)));
    }
    Ok((recipient, Facts { devices, fresh, unreachable }))
}

/// A provider said that a person cannot be reached by a channel.
pub(super) fn learn(conn: &Connection, tenant: &str, account: &str, channel: Channel, reason: &str, now: Ms) -> Result<()> {
    let sql = "INSERT INTO recipient_facts (tenant_id, account, channel, reason, fact_until) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (tenant_id, account, channel) DO UPDATE SET reason = excluded.reason, fact_until = excluded.fact_until";
    conn.prepare_cached(sql)?.execute(params![tenant, account, channel.as_str(), reason, now + UNREACHABLE_MS])?;
    Ok(())
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Damaged(error.to_string()))
}
