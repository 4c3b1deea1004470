//! `why`: what an operation waits for.

use clap::Args as ClapArgs;
use tarishi_core::{Why, WhyReason, protocol::OperationId};

use crate::{
    exit::{Exit, Failure},
    phone::Phone,
};

/// Say what an operation waits for.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The operation.
    id: OperationId,
}

pub(crate) async fn run(args: &Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let why = phone.client.why(args.id).await?;
    phone.out.say(&why, &in_words(&why))?;
    Ok(Exit::Done)
}

fn in_words(why: &Why) -> String {
    let mut text = reason_in_words(why.reason).to_owned();
    if let Some(until) = &why.until {
        text.push_str(&format!(", until {}", until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)));
    }
    if let Some(behind) = &why.behind {
        text.push_str(&format!(", behind {behind}"));
    }
    text
}

pub(super) fn reason_in_words(reason: WhyReason) -> &'static str {
    match reason {
        WhyReason::NotWaiting => "it is not waiting: it has ended",
        WhyReason::Offline => "there is no network",
        WhyReason::Metered => "the network is metered and may not be used",
        WhyReason::BackingOff => "the last try failed; it is tried again",
        WhyReason::Behind => "an operation of the same ordering key goes first",
        WhyReason::PaymentInFlight => "another payment for this reference is under way",
        WhyReason::NeedsAuth => "sign-in needed: run init with a new token",
        WhyReason::PausedByServer => "the server paused this action",
        WhyReason::AtServer => "the server has it",
        WhyReason::AtProvider => "the provider has it and will answer",
        WhyReason::Unresolved => "the outcome is unknown and a human is asked",
        WhyReason::After => "it waits for the operation it depends on",
        WhyReason::Suspended => "the client is suspended",
        WhyReason::UpgradeRequired => "the server wants a newer version",
        WhyReason::ServerError => "the server failed on it again and again; it is tried once a day",
        WhyReason::Ready => "it goes with the next sync",
    }
}
