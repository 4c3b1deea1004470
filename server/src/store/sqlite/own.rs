//! Operations of the server's own making: deliveries of events, steps of chains. They go the same road as everybody's.

use rusqlite::Connection;
use serde_json::value::RawValue;
use tarishi_protocol::{Fingerprint, Operation, OperationId, Payload};

use super::intake;
use crate::{
    clock::date,
    store::{Actor, Checked, Error, Ms, Preview, Result},
};

/// What the server wants done.
pub(super) struct Own<'a> {
    pub(super) tenant: &'a str,
    /// One that nobody else can have.
    pub(super) account: &'a str,
    pub(super) actor: Actor,
    pub(super) id: OperationId,
    /// Names the effect: asked again, it is the same.
    pub(super) key: String,
    pub(super) adapter: &'a str,
    pub(super) action: &'a str,
    pub(super) text: String,
    /// What the text says.
    pub(super) payload: Payload,
    /// What a receipt without reference may be recognised by.
    pub(super) correlation: Option<String>,
    /// When it becomes too old to begin.
    pub(super) expires_at: Ms,
}

/// Takes it, unless it is there.
pub(super) fn take(conn: &Connection, own: Own<'_>, now: Ms) -> Result<()> {
    let (desk, checked) = checked(own, now)?;
    intake::verdict(conn, &desk, &Preview::Take(Box::new(checked)), false).map(drop)
}

/// Takes what cannot be there yet.
pub(super) fn take_new(conn: &Connection, own: Own<'_>, now: Ms) -> Result<()> {
    let (desk, checked) = checked(own, now)?;
    intake::take(conn, &desk, &checked).map(drop)
}

fn checked(own: Own<'_>, now: Ms) -> Result<(intake::Desk<'_>, Checked)> {
    let unfit = |error: &dyn std::fmt::Display| Error::Damaged(format!("an operation of our own: {error}"));
    let fingerprint = Fingerprint::of(own.adapter, own.action, &own.text).map_err(|error| unfit(&error))?;
    let raw = RawValue::from_string(own.text).map_err(|error| unfit(&error))?;
    let checked = Checked {
        fingerprint,
        operation: Operation::new(own.id, own.key, (own.adapter, own.action), raw, date(now)),
        payload: own.payload,
        channels: Vec::new(),
        exclusive: None,
        correlation: own.correlation,
        expires_at: own.expires_at,
        enqueued_at: now,
    };
    Ok((intake::Desk { tenant: own.tenant, account: own.account, actor: own.actor, device: None, now }, checked))
}
