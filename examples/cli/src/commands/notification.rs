//! `notification`: what an app says when a push arrives or is opened.

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    phone::Phone,
};

/// Note that a notification arrived or was opened; the server is told with the next sync.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// What happened.
    event: Event,
    /// The notification, as the push names it in `ntf`.
    id: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Event {
    Received,
    Opened,
}

pub(crate) async fn run(args: Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let Args { event, id } = args;
    match event {
        Event::Received => {
            let is_new = phone.client.notification_received(id.as_str()).await?;
            let words = if is_new { "new: to be shown" } else { "a double: not to be shown" };
            phone.out.say(&json!({ "id": id, "new": is_new }), &format!("{id}  {words}"))?;
        }
        Event::Opened => {
            phone.client.notification_opened(id.as_str()).await?;
            phone.out.say(&json!({ "id": id }), &format!("{id}  opened"))?;
        }
    }
    Ok(Exit::Done)
}
