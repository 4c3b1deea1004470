//! `report`: a text to send to support, without secrets or phone numbers.

use clap::Args as ClapArgs;
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    phone::Phone,
};

/// Print a report for support; it holds no secrets, phone numbers or payloads.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let report = phone.client.report().await?;
    phone.out.say(&json!({ "report": report }), report.trim_end())?;
    Ok(Exit::Done)
}
