//! `cancel`: not to be done after all.

use clap::Args as ClapArgs;
use serde_json::json;
use tarishi_core::{CancelOutcome, protocol::OperationId};

use crate::{
    exit::{Exit, Failure},
    phone::Phone,
};

/// Cancel an operation: at once if it was never sent, else the server is asked.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The operation.
    id: OperationId,
}

pub(crate) async fn run(args: &Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let outcome = phone.client.cancel(args.id).await?;
    let (words, exit) = match outcome {
        CancelOutcome::Cancelled => ("cancelled", Exit::Done),
        CancelOutcome::Requested => ("requested: the server is asked with the next sync", Exit::Done),
        CancelOutcome::TooLate => ("too late: it has ended already", Exit::Failed),
    };
    phone.out.say(&json!({ "id": args.id, "result": outcome }), &format!("{}  {words}", args.id))?;
    Ok(exit)
}
