//! What is tried, and what is promised of each.

use serde_json::{Value, json, value::RawValue};
use tarishi_protocol::{
    Money, Phone, SyncRequest, check_envelope, check_key, check_ordering_key, check_payload,
    codec::{self, gzip},
    limits::{DECODED_BYTES_MAX, ENCODED_BYTES_MAX},
};
use tarishi_server::vault::Vault;
use uuid::Uuid;

use super::{Target, answers, hooks, http, samples};
use crate::harness::Result;

type Read = fn(&[u8]) -> std::result::Result<(), String>;

/// A function that reads.
struct Plain {
    name: &'static str,
    samples: Vec<Vec<u8>>,
    read: Read,
}

impl Target for Plain {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn samples(&self) -> &[Vec<u8>] {
        &self.samples
    }

    fn read(&mut self, input: &[u8]) -> std::result::Result<(), String> {
        (self.read)(input)
    }
}

/// Every target.
///
/// # Errors
/// A sample cannot be read, or a server does not start.
pub fn all() -> Result<Vec<Box<dyn Target>>> {
    let requests = vec![samples::golden("sync_request.json")?, samples::golden("sync_request_least.json")?];
    let packed = requests.iter().map(|body| gzip(body)).collect();
    let texts = |all: &[&str]| all.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let payloads = samples::payloads()?.iter().map(|row| row.to_string().into_bytes()).collect();
    let cursors = vec![vault().cursor("default", "operations", Uuid::nil()).into_bytes(), b"AAAA".to_vec()];
    let plain = [
        Plain { name: "sync body", samples: requests.clone(), read: sync_body },
        Plain { name: "sync body, packed", samples: packed, read: packed_body },
        Plain { name: "payload", samples: payloads, read: payload },
        Plain { name: "phone", samples: texts(&["+254712345678", "+447700900123"]), read: phone },
        Plain {
            name: "money",
            samples: texts(&["1000.00 KES", "500 UGX", "0.5 USD", "92233720368547758.07 KES"]),
            read: money,
        },
        Plain { name: "cursor", samples: cursors, read: cursor },
    ];
    let mut all: Vec<Box<dyn Target>> = plain.into_iter().map(|target| Box::new(target) as Box<dyn Target>).collect();
    all.extend(hooks::all()?);
    all.extend(answers::all()?);
    all.extend(http::all(&requests)?);
    Ok(all)
}

fn sync_body(input: &[u8]) -> std::result::Result<(), String> {
    let Ok(request) = serde_json::from_slice::<SyncRequest<Box<RawValue>>>(input) else { return Ok(()) };
    for operation in &request.operations {
        if let Ok(operation) = serde_json::from_str::<tarishi_protocol::Operation>(operation.get()) {
            let _ = (check_envelope(&operation), check_key(&operation.idempotency_key));
            let _ = operation.ordering_key.as_deref().map(check_ordering_key);
        }
    }
    let again = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
    serde_json::from_slice::<SyncRequest<Box<RawValue>>>(&again)
        .map(drop)
        .map_err(|error| format!("written, it cannot be read: {error}"))
}

fn packed_body(input: &[u8]) -> std::result::Result<(), String> {
    match codec::decode(input.to_vec(), true, ENCODED_BYTES_MAX, DECODED_BYTES_MAX) {
        Ok(body) if body.len() > DECODED_BYTES_MAX => Err(format!("{} bytes were unpacked", body.len())),
        Ok(body) => sync_body(&body),
        Err(_) => Ok(()),
    }
}

fn payload(input: &[u8]) -> std::result::Result<(), String> {
    let Ok(row) = serde_json::from_slice::<Value>(input) else { return Ok(()) };
    let (adapter, action) = (row["adapter"].as_str().unwrap_or("sms"), row["action"].as_str().unwrap_or("send"));
    match check_payload(adapter, action, 1, &row["payload"].to_string()) {
        Ok(_) => Ok(()),
        // What is said of a wrong payload is shown to people and logged.
        Err(problem) => {
            match row["payload"]["phone"].as_str().filter(|phone| phone.len() > 8 && problem.detail.contains(phone)) {
                Some(_) => Err("the problem shows the phone number".to_owned()),
                None => Ok(()),
            }
        }
    }
}

fn phone(input: &[u8]) -> std::result::Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let Ok(phone) = text.parse::<Phone>() else { return Ok(()) };
    let whole = phone.as_str() == text && phone.digits().bytes().all(|byte| byte.is_ascii_digit());
    if whole && !format!("{phone:?}").contains(phone.digits()) {
        Ok(())
    } else {
        Err("it is read as another, or shown".to_owned())
    }
}

fn money(input: &[u8]) -> std::result::Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let (amount, currency) = text.split_once(' ').unwrap_or((&text, "KES"));
    let Ok(money) = Money::parse(amount, currency) else { return Ok(()) };
    let again =
        Money::parse(&money.amount(), money.currency()).map_err(|error| format!("written, it cannot be read: {error}"))?;
    let wire = serde_json::from_value::<Money>(json!(money)).map_err(|error| error.to_string())?;
    if again == money && wire == money { Ok(()) } else { Err("written and read it is another".to_owned()) }
}

fn cursor(input: &[u8]) -> std::result::Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let vault = vault();
    let Some(last) = vault.open_cursor("default", "operations", &text) else { return Ok(()) };
    if vault.cursor("default", "operations", last) == text {
        Ok(())
    } else {
        Err("a cursor that was not made here opens".to_owned())
    }
}

fn vault() -> Vault {
    Vault::from_master_key([7; 32])
}
