//! `import [LINES]`: a hundred thousand operations on one phone: its memory, and what the next `enqueue` costs.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use tarishi_tests::{
    harness::Result,
    import::{MEMORY_KIB_MAX, RATIO_MAX, enqueues, import_and_sync},
};

const LINES: usize = 100_000;
const PATIENCE: Duration = Duration::from_secs(3_600);

#[tokio::main]
async fn main() -> ExitCode {
    let Some(lines) = std::env::args().nth(1).map_or(Some(LINES), |text| text.parse().ok()) else {
        say("usage: import [LINES]");
        return ExitCode::from(2);
    };
    match check(lines).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("FAILED: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn check(lines: usize) -> Result<bool> {
    let times = enqueues(1_000, 1_000, lines).await?;
    say(&format!(
        "1,000 enqueues behind 1,000: {:.0?}, behind {lines}: {:.0?}, ratio {:.2}",
        times.short,
        times.long,
        times.ratio()
    ));
    let cost = import_and_sync(lines, PATIENCE).await?;
    say(&format!("import of {lines}: {:.1?}, at most {} KiB", cost.import, cost.import_kib));
    say(&format!("sync of {lines}: {:.1?}, at most {} KiB", cost.sync, cost.sync_kib));
    let (fast, small) = (times.ratio() <= RATIO_MAX, cost.import_kib.max(cost.sync_kib) <= MEMORY_KIB_MAX);
    say(&format!("ratio at most {RATIO_MAX}: {fast}; memory at most {MEMORY_KIB_MAX} KiB: {small}"));
    Ok(fast && small)
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: the exit code still tells.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
