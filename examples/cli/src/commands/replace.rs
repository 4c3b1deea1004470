//! `replace`: another payload instead.

use clap::Args as ClapArgs;
use tarishi_core::protocol::OperationId;

use crate::{
    exit::{Exit, Failure},
    phone::Phone,
};

/// Cancel an operation and enqueue it anew with another payload, to run only if the first never does.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The operation to replace.
    id: OperationId,
    /// The new payload, a JSON object.
    #[arg(value_name = "JSON")]
    payload: String,
}

/// Payloads stay out of logs.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("id", &self.id).finish_non_exhaustive()
    }
}

pub(crate) async fn run(args: Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let record = phone.client.replace(args.id, args.payload).await?;
    phone.out.record(&record)?;
    Ok(Exit::Done)
}
