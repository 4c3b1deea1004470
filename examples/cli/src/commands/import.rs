//! `import`: a file of operations, one a line.
//!
//! Streamed: at most [`CHUNK_OPERATIONS`] operations or [`CHUNK_BYTES`] are held at a time and stored in one transaction. A bad
//! line is reported and the rest go on.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal as _, Read as _},
    path::PathBuf,
};

use clap::Args as ClapArgs;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tarishi_core::{Client, Error, NewOperation, protocol::limits};

use crate::{
    exit::{Exit, Failure, describe, describe_problem},
    line,
    phone::Phone,
};

/// Operations of one transaction.
const CHUNK_OPERATIONS: usize = 500;
/// Bytes of one transaction's lines.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of one line: the largest payload, and room for the rest and for white space.
const LINE_BYTES_MAX: u64 = 2 * limits::PAYLOAD_BYTES_MAX as u64;

/// Enqueue the operations of a file, one JSON object a line.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The file; - is standard input.
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
}

pub(crate) async fn run(args: Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let read_error = |source| Failure::Read { path: args.file.clone(), source };
    let (input, bytes): (Box<dyn BufRead>, Option<u64>) = if args.file.as_os_str() == "-" {
        (Box::new(io::stdin().lock()), None)
    } else {
        let file = File::open(&args.file).map_err(read_error)?;
        let bytes = file.metadata().map_err(read_error)?.len();
        (Box::new(BufReader::new(file)), Some(bytes))
    };
    let mut lines = Lines { input, number: 0 };
    let mut import = Import { client: &phone.client, bar: progress(bytes), chunk: Chunk::default(), stored: 0, refused: 0 };
    let mut buffer = Vec::new();
    while let Some(line) = lines.next(&mut buffer).map_err(read_error)? {
        import.take(lines.number, &line);
        if import.chunk.is_full() {
            import.store().await?;
        }
    }
    import.store().await?;
    import.bar.finish_and_clear();
    let Import { stored, refused, .. } = import;
    phone.out.say(
        &json!({ "imported": stored, "refused": refused, "lines": lines.number }),
        &format!("{stored} imported, {refused} refused"),
    )?;
    Ok(if refused == 0 { Exit::Done } else { Exit::Failed })
}

/// A bar on a terminal, nothing elsewhere.
fn progress(bytes: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let Some(bytes) = bytes else { return ProgressBar::new_spinner() };
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template("{wide_bar} {binary_bytes}/{binary_total_bytes} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What one line turned out to be.
enum Line<'a> {
    /// Its bytes, without the line feed.
    Bytes(&'a [u8]),
    /// More than [`LINE_BYTES_MAX`]; skipped.
    TooLong(usize),
}

impl Line<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::TooLong(len) => *len,
        }
    }
}

/// Lines of bounded length.
struct Lines {
    input: Box<dyn BufRead>,
    number: u64,
}

impl Lines {
    fn next<'b>(&mut self, buffer: &'b mut Vec<u8>) -> io::Result<Option<Line<'b>>> {
        buffer.clear();
        let read = self.input.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', buffer)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if buffer.last() == Some(&b'\n') || read as u64 <= LINE_BYTES_MAX {
            return Ok(Some(Line::Bytes(buffer.trim_ascii())));
        }
        let skipped = self.input.skip_until(b'\n')?;
        Ok(Some(Line::TooLong(read + skipped)))
    }
}

/// What goes into the next transaction, and the bad lines between.
#[derive(Default)]
struct Chunk {
    operations: Vec<NewOperation>,
    numbers: Vec<u64>,
    bad: Vec<(u64, String)>,
    bytes: usize,
}

impl Chunk {
    fn is_full(&self) -> bool {
        self.operations.len() + self.bad.len() >= CHUNK_OPERATIONS || self.bytes >= CHUNK_BYTES
    }
}

struct Import<'a> {
    client: &'a Client,
    bar: ProgressBar,
    chunk: Chunk,
    stored: u64,
    refused: u64,
}

impl Import<'_> {
    fn take(&mut self, number: u64, line: &Line<'_>) {
        self.chunk.bytes += line.len() + 1;
        match *line {
            Line::Bytes([]) => {}
            Line::Bytes(bytes) => match line::parse(bytes) {
                Ok(operation) => {
                    self.chunk.operations.push(operation);
                    self.chunk.numbers.push(number);
                }
                Err(problem) => self.chunk.bad.push((number, describe_problem(&problem))),
            },
            Line::TooLong(len) => {
                self.chunk.bad.push((number, format!("line: has {len} bytes, at most {LINE_BYTES_MAX} are allowed")));
            }
        }
    }

    /// One transaction; then its bad lines in order. A full queue ends the import: every later line would meet it too.
    async fn store(&mut self) -> Result<(), Failure> {
        let Chunk { operations, numbers, mut bad, bytes } = std::mem::take(&mut self.chunk);
        let mut full = false;
        if !operations.is_empty() {
            let results = self.client.enqueue_many(operations).await?;
            for (number, result) in numbers.into_iter().zip(results) {
                match result {
                    Ok(_) => self.stored += 1,
                    Err(error) => {
                        full |= error == Error::QueueFull;
                        bad.push((number, describe(&error)));
                    }
                }
            }
        }
        bad.sort_unstable_by_key(|(number, _)| *number);
        self.refused += bad.len() as u64;
        self.bar.inc(bytes as u64);
        if !bad.is_empty() {
            self.bar.suspend(|| {
                for (number, problem) in &bad {
                    eprintln!("line {number}: {problem}");
                }
            });
        }
        if full { Err(Error::QueueFull.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, usize, bool)> {
        let mut lines = Lines { input: Box::new(io::Cursor::new(text.to_vec())), number: 0 };
        let mut buffer = Vec::new();
        let mut seen = Vec::new();
        while let Some(line) = lines.next(&mut buffer).unwrap() {
            let bytes = matches!(line, Line::Bytes(_));
            let len = line.len();
            seen.push((lines.number, len, bytes));
        }
        seen
    }

    #[test]
    fn lines_are_numbered_from_one_and_the_last_needs_no_line_feed() {
        assert_eq!(read(b"{}\n\n  {} \r\n{}"), [(1, 2, true), (2, 0, true), (3, 2, true), (4, 2, true)]);
        assert_eq!(read(b""), []);
    }

    #[test]
    fn a_line_at_the_limit_is_read_and_one_above_is_skipped_whole() {
        let limit = LINE_BYTES_MAX as usize;
        let mut text = vec![b'a'; limit];
        text.push(b'\n');
        text.extend(vec![b'b'; limit + 1]);
        text.extend(b"\nc\n");
        assert_eq!(read(&text), [(1, limit, true), (2, limit + 2, false), (3, 1, true)]);
    }
}
