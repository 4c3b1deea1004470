//! A search that cannot fail proves nothing: something that must be found is put into every place, in every form.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rusqlite::Connection;
use tarishi_server::{Config, adapters::registry, config::MPESA_WEBHOOK_TOKEN};
use tempfile::TempDir;

use super::{Kind, may, search};
use crate::harness::{
    CANARY_TEXT, Result,
    gather::{ANSWERS, GATHERED, KNOWN},
    recorder::ANSWER,
};

/// The test whose folder a [`clean_run`] has.
const TEST: &str = "scenarios::one::a_test";
const FOLDER: &str = "scenarios.one.a_test-1-0";
const PHONE: &str = "+254712345678";
/// What a server gave to one caller, and nobody else knows.
const OWN: &str = "a-secret-of-this-server-alone";
const LOG: &str = "servers-1.log";

/// A run that left what it should, with nothing in it that must not be there.
///
/// # Errors
/// It cannot be written.
pub fn clean_run() -> Result<TempDir> {
    let root = tempfile::tempdir()?;
    let folder = root.path().join(GATHERED).join(FOLDER);
    fs::create_dir_all(&folder)?;
    fs::create_dir_all(root.path().join(KNOWN))?;
    fs::write(root.path().join(KNOWN).join(FOLDER), format!("{:?}\n", OWN))?;
    fs::write(root.path().join(GATHERED).join(LOG), "{\"level\":\"DEBUG\",\"message\":\"answered\"}\n")?;
    let mut answers = String::new();
    for route in may::ROUTES_TO_SEE {
        answers.push_str(&answer(&route.replace('*', "one"), &allowed(route)));
    }
    fs::write(folder.join(ANSWERS), answers)?;
    let conn = Connection::open(folder.join("server.db"))?;
    conn.execute_batch(
        "CREATE TABLE operations (payload TEXT, problem TEXT); CREATE TABLE attempts (message TEXT);
         INSERT INTO operations VALUES ('{}', NULL);",
    )?;
    conn.execute("INSERT INTO operations VALUES (?1, NULL)", [format!("{PHONE} {CANARY_TEXT}")])?;
    Ok(root)
}

/// A body with everything that this answer may show.
fn allowed(route: &str) -> String {
    match route {
        "POST /api/v2/devices" => format!("{{\"token\":\"{OWN}\"}}"),
        "POST /api/v2/sync" => {
            format!("{{\"token\":\"{OWN}\",\"changes\":[{{\"outcome\":{{\"messages\":[{{\"to\":\"{PHONE}\"}}]}}}}]}}")
        }
        "GET /api/v2/operations/*" => format!("{{\"outcome\":\"{PHONE}\"}}"),
        _ => "{}".to_owned(),
    }
}

fn answer(route: &str, body: &str) -> String {
    format!("{ANSWER}{route} 200\nHTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{body}")
}

/// Puts it into a run.
type Plant = Box<dyn Fn(&Path) -> Result<()>>;

/// One thing put where it must not be.
struct Planted {
    what: String,
    kind: Kind,
    plant: Plant,
}

fn planted() -> Vec<Planted> {
    let (mut all, mut texts) = (Vec::new(), vec![("a secret of this server".to_owned(), Kind::Secret, OWN.to_owned())]);
    texts.push(("a phone".to_owned(), Kind::Phone, PHONE.to_owned()));
    texts.push(("a text".to_owned(), Kind::Text, format!("Dear parent ({CANARY_TEXT})")));
    texts.push(("a path token".to_owned(), Kind::Secret, MPESA_WEBHOOK_TOKEN.to_owned()));
    for (what, text) in credentials() {
        for (form, text) in
            [("plain", text.clone()), ("hex", hex::encode(&text)), ("base64", STANDARD.encode(format!("user:{text}")))]
        {
            texts.push((format!("{what}, {form}"), Kind::Secret, text));
        }
    }
    for (what, kind, text) in texts {
        let add = |file: &'static str, line: String| -> Plant {
            Box::new(move |root| append(&root.join(GATHERED).join(file), &line))
        };
        all.push(Planted { what: format!("{what} in a log"), kind, plant: add(LOG, format!("{{\"a\":\"{text}\"}}\n")) });
        let file: &'static str = "scenarios.one.a_test-1-0/answers.txt";
        let told = answer("GET /api/v2/integrations/logs", &format!("{{\"message\":{:?}}}", text));
        all.push(Planted { what: format!("{what} in an answer"), kind, plant: add(file, told) });
        let beside = answer("POST /api/v2/sync", &format!("{{\"receipts\":[{{\"detail\":{:?}}}]}}", text));
        all.push(Planted { what: format!("{what} beside what an answer may show"), kind, plant: add(file, beside) });
        all.push(Planted { what: format!("{what} in a column"), kind, plant: row(text.clone(), "attempts") });
        if kind == Kind::Secret {
            all.push(Planted { what: format!("{what} in a column that is free"), kind, plant: row(text, "operations") });
        }
    }
    all
}

/// A credential of each adapter that has one.
fn credentials() -> Vec<(String, String)> {
    let config = Config::for_tests(Path::new("."), "http://127.0.0.1:9");
    let of = |(name, adapter): (&str, std::sync::Arc<dyn tarishi_server::adapters::Adapter>)| {
        let settings = config.adapter_settings(adapter.descriptor(), true);
        let spec = adapter.descriptor().settings.iter().find(|spec| spec.secret && settings.contains_key(spec.name))?;
        let text = settings.get(spec.name)?.lines().max_by_key(|line| line.len())?.to_owned();
        // Of a file with a key the key is the secret.
        let key = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|file| Some(file["private_key"].as_str()?.to_owned()));
        let key = key.and_then(|key| key.lines().max_by_key(|line| line.len()).map(str::to_owned));
        Some((name.to_owned(), key.unwrap_or(text)))
    };
    registry().into_iter().filter_map(of).collect()
}

fn append(file: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    Ok(fs::OpenOptions::new().append(true).open(file)?.write_all(text.as_bytes())?)
}

fn row(text: String, table: &'static str) -> Plant {
    Box::new(move |root| {
        let conn = Connection::open(root.join(GATHERED).join(FOLDER).join("server.db"))?;
        let column = if table == "attempts" { "message" } else { "payload" };
        conn.execute(&format!("INSERT INTO {table} ({column}) VALUES (?1)"), [&text])?;
        Ok(())
    })
}

/// Puts each thing into a clean run and searches. Says how many were found.
///
/// # Errors
/// One was not found, or something was found in the clean run.
pub async fn prove() -> Result<usize> {
    let tests = [TEST.to_owned()];
    let clean = clean_run()?;
    let report = search(clean.path(), &tests).await?;
    if !report.is_clean() {
        return Err(format!("found where nothing is: {:?} {:?}", report.findings, report.gaps).into());
    }
    let all = planted();
    for Planted { what, kind, plant } in &all {
        let root = clean_run()?;
        plant(root.path())?;
        let report = search(root.path(), &tests).await?;
        if !report.findings.iter().any(|finding| finding.kind == *kind) {
            return Err(format!("not found: {what}").into());
        }
    }
    Ok(all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whatever_is_put_anywhere_is_found() {
        let found = prove().await.unwrap();
        assert!(found > 100, "{found}");
    }
}
