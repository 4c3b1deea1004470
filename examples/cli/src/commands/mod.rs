//! One verb a file: its arguments and what it does.

pub(crate) mod cancel;
pub(crate) mod enqueue;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod notification;
pub(crate) mod replace;
pub(crate) mod report;
pub(crate) mod retry;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod sync;
pub(crate) mod watch;
pub(crate) mod why;

use crate::{
    args::{Cli, Command},
    exit::{Exit, Failure},
    phone::Phone,
};

/// Opens the phone and runs one verb on it.
pub(crate) async fn run(cli: Cli) -> Result<Exit, Failure> {
    let db = cli.db.ok_or(Failure::NoDatabase)?;
    let mut phone = Phone::open(db, cli.json)?;
    let result = match cli.command {
        Command::Init(args) => init::run(args, &mut phone).await,
        Command::Enqueue(args) => enqueue::run(args, &mut phone).await,
        Command::Import(args) => import::run(args, &mut phone).await,
        Command::Sync(args) => sync::run(&args, &mut phone).await,
        Command::List(args) => list::run(args, &mut phone).await,
        Command::Show(args) => show::run(&args, &mut phone).await,
        Command::Why(args) => why::run(&args, &mut phone).await,
        Command::Cancel(args) => cancel::run(&args, &mut phone).await,
        Command::Replace(args) => replace::run(args, &mut phone).await,
        Command::Retry(args) => retry::run(&args, &mut phone).await,
        Command::Notification(args) => notification::run(args, &mut phone).await,
        Command::Watch(args) => watch::run(&args, &mut phone).await,
        Command::Stats(args) => stats::run(&args, &mut phone).await,
        Command::Report(args) => report::run(&args, &mut phone).await,
    };
    phone.out.flush()?;
    result
}
