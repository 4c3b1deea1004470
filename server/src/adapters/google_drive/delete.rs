//! Deleting: to the trash. What is deleted is found first and durable before the first call that deletes, so that doing it again
//! deletes the same and nothing else.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tarishi_protocol::FileRef;

use super::super::{AdapterError, Answer, Call, Disposition};
use super::{
    Desk, errors,
    folders::{Found, Walk},
    read::not_found,
    wire::{self, Named},
};

/// What the steps so far found.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Doomed {
    walk: Walk,
    /// What is still to be deleted. Each was seen; so one that is no longer there is deleted already.
    ids: Option<Vec<String>>,
}

impl Doomed {
    fn next(self) -> Result<Answer, AdapterError> {
        Ok(Answer::Next { memo: json!(self) })
    }
}

pub(super) async fn execute(call: &Call<'_>, desk: &Desk<'_>, file: &FileRef) -> Result<Answer, AdapterError> {
    let doomed: Doomed = call.memo.and_then(|memo| serde_json::from_value(memo.clone()).ok()).unwrap_or_default();
    match (doomed.ids.clone(), wire::named(file)?) {
        (Some(ids), _) => trash(desk, doomed, ids).await,
        (None, Named::Id(id)) => see(desk, id).await.map_err(AdapterError::harmless),
        (None, Named::Path(folders, name)) => find(call, desk, doomed, &folders, name).await.map_err(AdapterError::harmless),
    }
}

async fn see(desk: &Desk<'_>, id: &str) -> Result<Answer, AdapterError> {
    let answer = desk.metadata(id).await?;
    if answer.status == 404 {
        // It also says "not yours": that is no deletion.
        return Ok(not_found("there is no such file, or this account may not see it"));
    }
    let file = wire::read_file(&answer)?;
    if file.is_folder() {
        return Err(wire::invalid_path("this is no file"));
    }
    if file.trashed {
        return Ok(done());
    }
    Doomed { ids: Some(vec![file.id]), ..Doomed::default() }.next()
}

async fn find(call: &Call<'_>, desk: &Desk<'_>, doomed: Doomed, folders: &[&str], name: &str) -> Result<Answer, AdapterError> {
    if !doomed.walk.is_done(folders) {
        return match doomed.walk.clone().step(call, desk, folders, None).await? {
            Found::Further(walk) => Doomed { walk, ..doomed }.next(),
            Found::Nothing => Ok(not_found("no such folder")),
        };
    }
    let query = wire::find_files(&desk.config, doomed.walk.parent(desk), name);
    let page = wire::read_page(&desk.send(desk.request(Method::GET, "/drive/v3/files").query(&query)).await?)?;
    // All of the name: afterwards the path names nothing.
    let ids = wire::newest_first(page, name);
    if ids.is_empty() { Ok(not_found("no such file")) } else { Doomed { ids: Some(ids), ..doomed }.next() }
}

async fn trash(desk: &Desk<'_>, doomed: Doomed, mut ids: Vec<String>) -> Result<Answer, AdapterError> {
    let Some(id) = ids.pop() else { return Ok(done()) };
    let query = [("supportsAllDrives", "true"), ("fields", "id,trashed")];
    let request = desk.json(Method::PATCH, &format!("/drive/v3/files/{id}"), &json!({ "trashed": true }));
    let answer = desk.send(request.query(&query)).await?;
    if answer.status != 404 {
        match wire::read_file(&answer) {
            Ok(file) if file.id == id && file.trashed => {}
            Ok(_) => return Err(errors::unreadable()),
            // An earlier try may have done it: a refusal counts only while the file is seen outside the trash.
            Err(error) if error.disposition == Disposition::Rejected => {
                if !wire::read_file(&desk.metadata(&id).await?).map_err(errors::in_doubt)?.trashed {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    if ids.is_empty() { Ok(done()) } else { Doomed { ids: Some(ids), ..doomed }.next() }
}

fn done() -> Answer {
    Answer::Succeeded { outcome: json!({}), reference: None, receipt: None }
}
