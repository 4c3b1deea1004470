//! What an app wants done, each with a mark by which the provider's books tell it from all others.

use std::{
    fmt,
    io::{BufWriter, Write as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tarishi_core::NewOperation;

use super::Result;

/// Whom [`Intents::push`] notifies.
pub const PUSH_USER: &str = "parent";
/// Where that user's phone takes notifications, by FCM.
pub const PUSH_TOKEN: &str = "fcm-of-parent";

/// In every text that an app sends: it is searched for where no payload may be (`tests/run secrets`).
pub const CANARY_TEXT: &str = "qanarium";

/// How the effect of one operation is found at the provider.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mark {
    /// A payment: whose phone, how much.
    Money {
        /// Digits only.
        phone: String,
        /// With two places.
        amount: String,
    },
    /// A message: to whom, what.
    Text {
        /// Digits only.
        to: String,
        /// SHA-256 of the text, hex.
        sha256: String,
    },
    /// A file: where, what.
    File {
        /// Below the tenant's folder.
        path: String,
        /// SHA-256 of the bytes, hex.
        sha256: String,
    },
    /// A row of the provider's ledger that its name alone tells from all others.
    Named {
        /// The effect, in the ledger's word.
        effect: &'static str,
        /// A course's number, a file's path.
        name: String,
    },
}

/// One operation to be carried out once.
#[derive(Clone)]
pub struct Intent {
    /// Its idempotency key; unique in a test.
    pub key: String,
    /// Its effect.
    pub mark: Mark,
    /// The line of an import file.
    pub line: Value,
}

impl fmt::Debug for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intent").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Intent {
    /// In the same order as all others of this ordering key.
    #[must_use]
    pub fn ordered(mut self, key: &str) -> Self {
        self.line["ordering_key"] = key.into();
        self
    }

    /// For a client in this process.
    #[must_use]
    pub fn operation(&self) -> NewOperation {
        let text = |name: &str| self.line[name].as_str().unwrap_or_default().to_owned();
        let mut operation = NewOperation::new(text("adapter"), text("action"), self.line["payload"].to_string());
        operation.key = Some(self.key.clone());
        operation.ordering_key = self.line["ordering_key"].as_str().map(str::to_owned);
        operation
    }
}

/// Makes intents that differ from all others of the same run.
#[derive(Debug)]
pub struct Intents {
    run: String,
    made: u32,
}

impl Intents {
    /// For a run of this name.
    #[must_use]
    pub fn new(run: &str) -> Self {
        Self { run: run.to_owned(), made: 0 }
    }

    /// Collect a payment over M-Pesa.
    pub fn charge(&mut self) -> Intent {
        self.payment("mpesa")
    }

    /// Collect a payment over Flutterwave's mobile money.
    pub fn flutterwave(&mut self) -> Intent {
        self.payment("flutterwave")
    }

    /// Collect a payment on Pesapal's page; somebody must pay there.
    pub fn pesapal(&mut self) -> Intent {
        self.payment("pesapal")
    }

    fn payment(&mut self, adapter: &str) -> Intent {
        let (number, phone) = self.next();
        let amount = format!("{}.00", 100 + number % 900);
        let key = format!("{}-fee-{number}", self.run);
        let payload = json!({
            "amount": { "amount": amount, "currency": "KES" }, "phone": format!("+{phone}"), "reference": format!("FEE{number:06}"),
        });
        Self::intent(key, adapter, "charge", &payload, Mark::Money { phone, amount })
    }

    /// Send a text.
    pub fn text(&mut self) -> Intent {
        let (number, to) = self.next();
        let message =
            format!("Dear parent, fees for pupil {number} are due on Friday. Reply STOP to stop. ({} {CANARY_TEXT})", self.run);
        let sha256 = hex::encode(Sha256::digest(message.as_bytes()));
        let key = format!("{}-sms-{number}", self.run);
        Self::intent(key, "sms", "send", &json!({ "to": format!("+{to}"), "message": message }), Mark::Text { to, sha256 })
    }

    /// Send a template by WhatsApp.
    pub fn whatsapp(&mut self) -> Intent {
        let (number, to) = self.next();
        let pupil = format!("pupil {number} ({} {CANARY_TEXT})", self.run);
        // As the simulated provider writes a template down.
        let sha256 = hex::encode(Sha256::digest(format!("fees_due|{pupil}").as_bytes()));
        let template = json!({ "name": "fees_due", "language": "sw", "params": [pupil] });
        let payload = json!({ "to": format!("+{to}"), "template": template });
        let key = format!("{}-whatsapp-{number}", self.run);
        Self::intent(key, "whatsapp", "send", &payload, Mark::Text { to, sha256 })
    }

    /// Store a small file.
    pub fn upload(&mut self) -> Intent {
        let (number, _) = self.next();
        let bytes = format!("Attendance of class {number}, signed by the teacher. ({} {CANARY_TEXT})\n", self.run);
        let path = format!("{}/attendance-{number}.txt", self.run);
        let mark = Mark::File { path: path.clone(), sha256: hex::encode(Sha256::digest(bytes.as_bytes())) };
        let payload = json!({ "destination": path, "content_type": "text/plain", "content_base64": STANDARD.encode(bytes) });
        Self::intent(format!("{}-file-{number}", self.run), "local_storage", "upload", &payload, mark)
    }

    /// Store a small file in Google Drive.
    pub fn drive(&mut self) -> Intent {
        let (number, _) = self.next();
        let path = format!("{}/minutes-{number}.txt", self.run);
        let bytes = format!("Minutes of meeting {number}. ({} {CANARY_TEXT})\n", self.run);
        let payload = json!({ "destination": path, "content_type": "text/plain", "content_base64": STANDARD.encode(bytes) });
        let mark = Mark::Named { effect: "file", name: path };
        Self::intent(format!("{}-drive-{number}", self.run), "google_drive", "upload", &payload, mark)
    }

    /// Create a course.
    pub fn course(&mut self) -> Intent {
        let (number, _) = self.next();
        let idnumber = format!("{}-course-{number}", self.run);
        let payload =
            json!({ "idnumber": idnumber, "fullname": "Mathematics 4B", "shortname": format!("{}-{number}", self.run) });
        let mark = Mark::Named { effect: "course", name: idnumber };
        Self::intent(format!("{}-moodle-{number}", self.run), "moodle", "create_course", &payload, mark)
    }

    /// Notify a user whose only phone took [`PUSH_TOKEN`].
    pub fn push(&mut self) -> Intent {
        let (number, _) = self.next();
        let body = format!("Fees for pupil {number} were paid. ({} {CANARY_TEXT})", self.run);
        let payload = json!({ "to": { "user": PUSH_USER }, "title": "Fees", "body": body });
        // As the simulated provider writes a notification down.
        let sha256 = hex::encode(Sha256::digest(format!("Fees\n{body}").as_bytes()));
        let mark = Mark::Text { to: PUSH_TOKEN.to_owned(), sha256 };
        Self::intent(format!("{}-push-{number}", self.run), "push", "send", &payload, mark)
    }

    fn next(&mut self) -> (u32, String) {
        self.made += 1;
        (self.made, format!("2547{:08}", 10_000_000 + self.made))
    }

    fn intent(key: String, adapter: &str, action: &str, payload: &Value, mark: Mark) -> Intent {
        let line = json!({ "adapter": adapter, "action": action, "payload": payload, "key": key });
        Intent { key, mark, line }
    }
}

/// Writes a file for `tarishi import`.
///
/// # Errors
/// It cannot be written.
pub fn import_file<'a>(path: &Path, lines: impl IntoIterator<Item = &'a Value>) -> Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for line in lines {
        serde_json::to_writer(&mut file, line)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    Ok(())
}
