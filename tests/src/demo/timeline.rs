//! What the reader sees, with the time since the beginning.

use std::io::{self, Write as _};

use tokio::time::Instant;

/// Prints lines with the time in front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    begun: Instant,
}

impl Timeline {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now() }
    }

    /// Something that happens now.
    pub(super) fn tell(&self, text: &str) {
        let seconds = self.begun.elapsed().as_secs();
        print(&format!("  {:02}:{:02}  {text}", seconds / 60, seconds % 60));
    }
}

/// More about what was told last.
pub(super) fn more(text: &str) {
    print(&format!("         {text}"));
}

/// One line as it is.
pub(super) fn print(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: the exit code still tells.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
