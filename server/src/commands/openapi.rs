//! `openapi`: the document that the server answers at `/openapi.json`. Needs no database.

use super::{Context, Failure, Outcome};
use crate::http::openapi_document;

pub(super) fn run(context: &mut Context<'_>) -> Outcome {
    let document = openapi_document();
    let text = if context.json { document.to_string() } else { format!("{document:#}") };
    writeln!(context.out, "{text}").map_err(Failure::from)
}
