//! What becomes of one recipient of a request.

use serde_json::{Value, json};

/// Price of one part in ten-thousandths of a shilling.
const PART_COST: usize = 8_000;
/// Status code of an accepted message.
const SENT: u16 = 101;

pub(super) struct Recipient {
    pub(super) number: String,
    /// Status code of the provider.
    pub(super) code: u16,
    /// The message's id when accepted.
    pub(super) message_id: Option<String>,
    /// The delivery report to come, other than `Success`.
    pub(super) report: Option<String>,
    parts: usize,
}

impl Recipient {
    /// `fault_code` is a status code, or the status of the delivery report of an accepted message (`Failed`, …).
    pub(super) fn new(number: &str, parts: usize, fault_code: Option<&str>) -> Self {
        let code = fault_code.and_then(|code| code.parse().ok());
        let report = fault_code.filter(|_| code.is_none()).map(str::to_owned);
        let code = if is_number(number) { code.unwrap_or(SENT) } else { 403 };
        Self { number: number.to_owned(), code, message_id: None, report, parts }
    }

    pub(super) fn is_accepted(&self) -> bool {
        (100..=102).contains(&self.code)
    }

    /// Cost in ten-thousandths of a shilling.
    pub(super) fn cost(&self) -> usize {
        if self.is_accepted() { PART_COST * self.parts } else { 0 }
    }

    pub(super) fn answer(&self) -> Value {
        let mut answer = json!({
            "statusCode": self.code,
            "number": self.number,
            "status": status_name(self.code),
            "cost": money(self.cost()),
            "messageId": self.message_id.as_deref().unwrap_or("None"),
        });
        if self.is_accepted() {
            answer["messageParts"] = json!(self.parts);
        }
        answer
    }
}

/// `KES 0.8000`, or `0` for nothing.
pub(super) fn money(ten_thousandths: usize) -> String {
    if ten_thousandths == 0 {
        return "0".into();
    }
    format!("KES {}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
}

/// E.164 with its plus.
fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn status_name(code: u16) -> &'static str {
    match code {
        100..=102 => "Success",
        401 => "RiskHold",
        402 => "InvalidSenderId",
        403 => "InvalidPhoneNumber",
        404 => "UnsupportedNumberType",
        405 => "InsufficientBalance",
        406 => "UserInBlacklist",
        407 => "CouldNotRoute",
        409 => "DoNotDisturbRejection",
        500 => "InternalServerError",
        501 => "GatewayError",
        502 => "RejectedByGateway",
        _ => "Unknown",
    }
}
