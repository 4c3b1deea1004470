//! `enqueue`: one operation, on disk when the command returns.

use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use tarishi_core::{
    NewOperation, Priority,
    protocol::{After, OnFailure},
};

use crate::{
    args,
    exit::{Exit, Failure},
    phone::Phone,
};

/// Enqueue one operation; needs no network.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The provider's adapter, like `mpesa`.
    adapter: String,
    /// What is asked of it, like `charge`.
    action: String,
    /// The payload, a JSON object.
    #[arg(value_name = "JSON")]
    payload: String,
    /// The idempotency key, named after what is done; `charge` and `refund` need one.
    #[arg(long)]
    key: Option<String>,
    /// Operations that share it run in the order of enqueue.
    #[arg(long, value_name = "S")]
    ordering_key: Option<String>,
    /// What a failure does to the operations of the same ordering key behind it.
    #[arg(long, value_enum, default_value_t)]
    on_failure: OnFailureWord,
    /// The operation that must end first, and how: succeeded, failed, cancelled or ended.
    #[arg(long, value_name = "ID:succeeded", value_parser = args::parse_after)]
    after: Option<After>,
    /// Before others, or in its turn.
    #[arg(long, value_enum, default_value_t)]
    priority: PriorityWord,
    /// How long it may wait before it begins, like 7d.
    #[arg(long, value_parser = args::parse_duration)]
    ttl: Option<Duration>,
}

/// Payloads and keys stay out of logs.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("adapter", &self.adapter).field("action", &self.action).finish_non_exhaustive()
    }
}

/// [`OnFailure`] on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum OnFailureWord {
    #[default]
    Continue,
    Halt,
}

/// [`Priority`] on the command line.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PriorityWord {
    High,
    #[default]
    Normal,
}

impl Args {
    fn into_operation(self) -> NewOperation {
        let mut operation = NewOperation::new(self.adapter, self.action, self.payload);
        operation.key = self.key;
        operation.ordering_key = self.ordering_key;
        operation.on_failure = match self.on_failure {
            OnFailureWord::Continue => OnFailure::Continue,
            OnFailureWord::Halt => OnFailure::Halt,
        };
        operation.priority = match self.priority {
            PriorityWord::High => Priority::High,
            PriorityWord::Normal => Priority::Normal,
        };
        operation.ttl = self.ttl;
        operation.after = self.after;
        operation
    }
}

pub(crate) async fn run(args: Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let record = phone.client.enqueue(args.into_operation()).await?;
    phone.out.record(&record)?;
    Ok(Exit::Done)
}
