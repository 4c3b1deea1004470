//! Standard output: words for people, or one JSON object a line for scripts.

use std::io::{self, BufWriter, Stdout, Write as _};

use serde::Serialize;
use tarishi_core::OperationRecord;

use crate::exit::{Failure, describe_problem};

/// Where results go; everything else goes to standard error.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    writer: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, writer: BufWriter::new(io::stdout()) }
    }

    /// Scripts listen.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One line of words.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.writer, "{text}")?;
        Ok(())
    }

    /// One JSON object on a line.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.writer, value).map_err(write_error)?;
        writeln!(self.writer)?;
        Ok(())
    }

    /// The object for scripts, the words for people.
    pub(crate) fn say(&mut self, object: &impl Serialize, words: &str) -> Result<(), Failure> {
        if self.json { self.object(object) } else { self.line(words) }
    }

    /// One operation.
    pub(crate) fn record(&mut self, record: &OperationRecord) -> Result<(), Failure> {
        if self.json { self.object(record) } else { self.line(&one_line(record)) }
    }

    /// Hands over what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush()?;
        Ok(())
    }
}

/// A closed pipe must stay recognisable behind serde's error.
fn write_error(error: serde_json::Error) -> Failure {
    match error.io_error_kind() {
        Some(kind) => Failure::Output(kind.into()),
        None => Failure::Json(error),
    }
}

/// `ID  state  adapter.action  key`, and the problem if there is one. The id comes first, for `cut` and `awk`.
pub(crate) fn one_line(record: &OperationRecord) -> String {
    let mut text =
        format!("{}  {:<10}  {}.{}  {}", record.id, record.state.as_str(), record.adapter, record.action, record.key);
    if let Some(problem) = &record.problem {
        text.push_str("  ");
        text.push_str(&describe_problem(problem));
    }
    text
}
