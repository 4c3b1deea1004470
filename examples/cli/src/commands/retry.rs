//! `retry`: a new try after a definite end without the effect.

use clap::Args as ClapArgs;
use tarishi_core::protocol::OperationId;

use crate::{
    exit::{Exit, Failure},
    phone::Phone,
};

/// Enqueue a failed, expired, cancelled, refused or dead operation anew; asking twice gives the same new one.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The operation that ended without the effect.
    id: OperationId,
}

pub(crate) async fn run(args: &Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let record = phone.client.retry(args.id).await?;
    phone.out.record(&record)?;
    Ok(Exit::Done)
}
