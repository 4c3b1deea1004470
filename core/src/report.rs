//! A text to send to support: what stands where and why nothing moves. No secret, no phone number, no payload, no key.

use core::fmt::Write as _;

use crate::{Error, clock::date, inner::Inner, outbox::read, sync::backoff::Trouble};

impl Inner {
    pub(crate) async fn report(&self) -> Result<String, Error> {
        let (stats, agenda, problems) = self
            .outbox
            .read(|connection, context| {
                let agenda = read::work(connection, context.uptime.now())?;
                Ok((read::stats(connection)?, agenda, problem_codes(connection)?))
            })
            .await?;
        let (now, wall_ms) = (self.now(), self.wall_ms());
        let bytes = std::fs::metadata(&self.options.database).map_or(0, |file| file.len());
        let conditions = self.conditions();
        let mut text = String::new();
        let mut line = |name: &str, value: &dyn core::fmt::Display| {
            // Writing into a string does not fail.
            let _ = writeln!(text, "{name}: {value}");
        };
        line("tarishi-core", &env!("CARGO_PKG_VERSION"));
        line("at", &date(wall_ms).to_rfc3339());
        line("database bytes", &bytes);
        line("sealed", &self.options.seal_key.is_some());
        for (state, count) in &stats {
            line(state, count);
        }
        for (code, count) in &problems {
            line(&format!("problem {code}"), count);
        }
        line("network", &format_args!("{:?}", conditions.network));
        line("foreground", &conditions.foreground);
        line("something to send now", &(agenda.ready || agenda.errands));
        if let Some(reason) = conditions.forbidden(&self.options, now, wall_ms) {
            line("forbidden by", &format_args!("{reason:?}"));
        }
        if let Some(gate) = conditions.gate(now) {
            line("waits for", &format_args!("{} s", (gate - now + 999) / 1_000));
        }
        if let Some(trouble) = conditions.backoff.trouble() {
            line("trouble", &if trouble == Trouble::Unreachable { "unreachable" } else { "server" });
        }
        if let Some((at, how)) = conditions.last_exchange {
            line("last exchange", &format_args!("{how} at {}", date(at).to_rfc3339()));
        }
        if !conditions.limits.paused.is_empty() {
            line("paused by the server", &conditions.limits.paused.join(", "));
        }
        line("server takes bytes", &conditions.body_bytes_max());
        if let Some(recovery) = self.outbox.recovery() {
            let (salvaged, unreadable) = (recovery.salvaged, recovery.unreadable);
            line("recovered", &format_args!("{salvaged} operations, {unreadable} of them unreadable"));
        }
        Ok(text)
    }
}

/// How often each problem stands in what has not succeeded, of the last thousand rows.
fn problem_codes(connection: &rusqlite::Connection) -> Result<std::collections::BTreeMap<String, u64>, Error> {
    let sql =
        "SELECT problem FROM (SELECT problem, state FROM operations ORDER BY seq DESC LIMIT 1000) WHERE problem IS NOT NULL";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut codes = std::collections::BTreeMap::new();
    for text in rows {
        if let Ok(problem) = serde_json::from_str::<tarishi_protocol::Problem>(&text?) {
            *codes.entry(problem.code).or_insert(0) += 1;
        }
    }
    Ok(codes)
}
