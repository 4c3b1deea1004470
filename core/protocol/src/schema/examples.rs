//! One good payload for every action, as the schemas show it.

use serde_json::{Value, json};

use crate::catalog::{self, Category};

/// A good payload; `None` for an action that this crate does not know.
#[must_use]
pub fn example(adapter: &str, action: &str) -> Option<Value> {
    let category = catalog::category(adapter).filter(|_| catalog::actions(adapter).contains(&action))?;
    Some(match (category, action) {
        (Category::Payment, "charge") if adapter == "mpesa" => json!({
            "amount": { "amount": "1000.00", "currency": "KES" }, "phone": "+254712345678", "reference": "FEE-2026-001",
        }),
        (Category::Payment, "charge") => json!({
            "amount": { "amount": "1000.00", "currency": "KES" }, "reference": "FEE-2026-001", "email": "payer@example.org",
            "method": "link", "return_url": "https://school.example.org/paid",
        }),
        (Category::Payment, "refund") => json!({
            "operation_id": "0198c0de-0000-7000-8000-000000000001", "reason": "paid twice",
        }),
        (Category::Payment, _) => json!({ "operation_id": "0198c0de-0000-7000-8000-000000000001" }),
        (Category::Messaging, "send") if adapter == "sms" => json!({
            "to": ["+254712345678", "+254112345678"], "message": "School is closed on Friday.",
        }),
        (Category::Messaging, "send") => json!({
            "to": "+254712345678", "template": { "name": "school_closed", "language": "en", "params": ["Friday"] },
        }),
        (Category::Push, "send") => json!({
            "to": { "user": "acc_9" }, "title": "School is closed", "body": "On Friday.", "data": { "class": "4B" },
        }),
        (Category::Messaging, "balance") => json!({}),
        (Category::Messaging | Category::Push, _) => json!({ "operation_id": "0198c0de-0000-7000-8000-000000000001" }),
        (Category::Storage, "upload") => json!({
            "destination": "class-4b/report.txt", "content_type": "text/plain", "content_base64": "aGVsbG8=",
        }),
        (Category::Storage, "download" | "delete") => json!({ "path": "class-4b/report.txt" }),
        (Category::Storage, _) => json!({ "path": "class-4b", "limit": 100 }),
        (Category::Lms, "enroll") => json!({
            "user": { "by": "idnumber", "value": "S-881" }, "course": { "by": "idnumber", "value": "MATH-4B-2026" },
            "role": "student", "start": "2026-01-05T06:00:00Z",
        }),
        (Category::Lms, "sync_grades") => json!({
            "direction": "push", "course": { "by": "idnumber", "value": "MATH-4B-2026" },
            "grades": [{ "user": "S-881", "grade": "87.5" }],
        }),
        (Category::Lms, "sync_courses") => json!({}),
        (Category::Lms, _) => json!({ "idnumber": "MATH-4B-2026", "fullname": "Mathematics 4B", "shortname": "math-4b" }),
        (Category::Notification, _) => json!({
            "type": "school_closed", "to": { "user": "acc_9" }, "data": { "day": "Friday" }, "dedupe_key": "closed-friday",
        }),
    })
}
