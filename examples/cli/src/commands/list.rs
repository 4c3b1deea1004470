//! `list`: the operations of this phone, in the order of enqueue, read page by page.

use clap::Args as ClapArgs;
use tarishi_core::{DeviceState, Filter};

use crate::{
    args,
    exit::{Exit, Failure},
    phone::Phone,
};

/// Rows read at a time, so that a long list needs no memory.
const PAGE: u32 = 500;

/// List the operations, oldest first.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Only this state; may be given more than once.
    #[arg(long, value_name = "S", value_parser = args::parse_state)]
    state: Vec<DeviceState>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

pub(crate) async fn run(args: Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut filter = Filter { states: args.state, ..Filter::default() };
    while left > 0 {
        let page = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
        filter.limit = Some(page);
        let records = phone.client.list(filter.clone()).await?;
        for record in &records {
            phone.out.record(record)?;
        }
        let Some(last) = records.last() else { break };
        if records.len() < page as usize {
            break;
        }
        filter.after = Some(last.seq);
        left -= u64::from(page);
    }
    Ok(Exit::Done)
}
