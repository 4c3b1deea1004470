//! `stats`: how many operations stand where.

use clap::Args as ClapArgs;

use crate::{
    exit::{Exit, Failure},
    phone::Phone,
};

/// Count the operations by state.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let stats = phone.client.stats().await?;
    if phone.out.is_json() {
        phone.out.object(&stats)?;
    } else {
        for (state, count) in stats.iter().filter(|(_, count)| **count > 0) {
            phone.out.line(&format!("{state:<12} {count}"))?;
        }
    }
    Ok(Exit::Done)
}
