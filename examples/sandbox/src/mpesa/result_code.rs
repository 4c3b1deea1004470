//! The words that go with Daraja's codes. They vary from day to day at Safaricom; only codes mean anything.

/// The text of a result code.
pub(super) fn description(code: &str) -> &'static str {
    match code {
        "0" => "The service request is processed successfully.",
        "1" => "The balance is insufficient for the transaction.",
        "2" => "Declined due to limit rule: less than the minimum transaction amount.",
        "3" => "Declined due to limit rule: greater than the maximum transaction amount.",
        "4" => "Declined due to limit rule: would exceed daily transfer limit.",
        "8" => "Declined due to limit rule: would exceed the maximum balance.",
        "17" => "Rule limited.",
        "26" => "System busy.",
        "1001" => "Unable to lock subscriber, a transaction is already in process for the current subscriber.",
        "1019" => "Transaction has expired.",
        "1025" | "9999" => "An error occurred while sending a push request.",
        "1032" => "Request Cancelled by user.",
        "1037" => "DS timeout user cannot be reached.",
        "2001" => "The initiator information is invalid.",
        "2028" => "The request is not permitted according to product assignment.",
        "4999" => "The transaction is still under processing",
        "8006" => "The security credential is locked.",
        "R000001" => "The transaction has already been reversed.",
        "R000002" => "The original transaction id is invalid.",
        _ => "The request could not be completed.",
    }
}

/// The text of an error code.
pub(super) fn error_message(code: &str) -> &'static str {
    match code {
        "400.002.02" => "Bad Request - Invalid Request",
        "404.001.03" => "Invalid Access Token",
        "500.001.1001" => "The transaction is being processed",
        "500.003.02" => "Error Occurred - Spike Arrest Violation",
        "500.003.03" => "Error Occurred - Quota Violation",
        "500.003.1001" => "Internal Server Error",
        _ => "Error Occurred",
    }
}
