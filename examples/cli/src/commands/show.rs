//! `show`: everything this phone knows of one operation.

use clap::Args as ClapArgs;
use serde_json::Value;
use tarishi_core::{OperationRecord, protocol::OperationId};

use crate::{
    exit::{Exit, Failure, describe_problem},
    phone::Phone,
};

/// Show one operation with its payload and outcome.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The operation.
    id: OperationId,
}

pub(crate) async fn run(args: &Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let record = phone.client.get(args.id).await?.ok_or(Failure::NotFound)?;
    if phone.out.is_json() {
        phone.out.object(&with_payload(&record)?)?;
    } else {
        for line in in_words(&record) {
            phone.out.line(&line)?;
        }
    }
    Ok(Exit::Done)
}

/// The object of `list`, and the payload: the owner of the phone may see it.
fn with_payload(record: &OperationRecord) -> Result<Value, Failure> {
    let mut object = serde_json::to_value(record)?;
    let payload = record.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
    object["payload"] = payload.unwrap_or(Value::Null);
    Ok(object)
}

fn in_words(record: &OperationRecord) -> Vec<String> {
    let mut lines = vec![
        format!("id            {}", record.id),
        format!("operation     {}.{}", record.adapter, record.action),
        format!("state         {}", record.state),
        format!("key           {}", record.key),
        format!("created       {}", record.created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
    ];
    if let Some(key) = &record.ordering_key {
        lines.push(format!("ordering key  {key}"));
    }
    if let Some(after) = &record.after {
        lines.push(format!("after         {}:{}", after.operation_id, after.on.as_str()));
    }
    if let Some(id) = &record.retry_of {
        lines.push(format!("retry of      {id}"));
    }
    if let Some(id) = &record.replaces {
        lines.push(format!("replaces      {id}"));
    }
    if record.cancel_requested {
        lines.push("cancel        requested, the server has not answered".to_owned());
    }
    if let Some(payload) = &record.payload {
        lines.push(format!("payload       {payload}"));
    }
    if let Some(outcome) = &record.outcome {
        lines.push(format!("outcome       {outcome}"));
    }
    if let Some(problem) = &record.problem {
        lines.push(format!("problem       {}", describe_problem(problem)));
    }
    lines
}
