//! From a path to the folder it names, one call a step; missing folders are made, each once.
//!
//! Drive makes as many folders of one name as it is asked for, and its search may not see one that was just made. So a folder
//! is looked up first, and one that is to be made gets an id that is reserved under (parent, name) before the call: whoever
//! else makes it sends the same id and hears 409. Of several the oldest is taken, by everybody.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::super::{AdapterError, Call, Disposition};
use super::{Desk, errors, wire};

/// How often a folder that is neither free nor visible is looked at before it gets another id.
const LOOKS_MAX: u8 = 2;

/// How far a path has been walked.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Walk {
    /// The folder that was reached; absent = where paths begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(default)]
    depth: usize,
    /// The next folder is to be made with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    make: Option<String>,
    /// The id is in use: see by what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look: Option<u8>,
    /// A folder on the way vanished once.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    restarted: bool,
}

/// What a step found.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// Go on.
    Further(Walk),
    /// There is no such folder, and it is not to be made.
    Nothing,
}

impl Walk {
    /// Is the whole path walked?
    pub(super) fn is_done(&self, folders: &[&str]) -> bool {
        self.depth >= folders.len()
    }

    /// The folder that was reached.
    pub(super) fn parent<'a>(&'a self, desk: &'a Desk<'_>) -> &'a str {
        self.parent.as_deref().unwrap_or(desk.config.root)
    }

    /// From the beginning again, once: a folder on the way is gone.
    pub(super) fn restart(&self) -> Option<Self> {
        (!self.restarted).then(|| Self { restarted: true, ..Self::default() })
    }

    /// One call further. `spare` are ids for folders to be made; none = nothing is made.
    pub(super) async fn step(
        self,
        call: &Call<'_>,
        desk: &Desk<'_>,
        folders: &[&str],
        spare: Option<&mut Vec<String>>,
    ) -> Result<Found, AdapterError> {
        let Some(name) = folders.get(self.depth).copied() else { return Ok(Found::Further(self)) };
        match (self.make.clone(), self.look, spare) {
            (Some(id), Some(looks), Some(spare)) => self.see(call, desk, name, &id, looks, spare).await,
            (Some(id), None, _) => self.make(desk, name, &id).await,
            (_, _, spare) => self.find(call, desk, name, spare).await,
        }
    }

    async fn find(
        self,
        call: &Call<'_>,
        desk: &Desk<'_>,
        name: &str,
        spare: Option<&mut Vec<String>>,
    ) -> Result<Found, AdapterError> {
        let query = wire::find_folder(&desk.config, self.parent(desk), name);
        let page = wire::read_page(&desk.send(desk.request(Method::GET, "/drive/v3/files").query(&query)).await?)?;
        if let Some(id) = wire::eldest(&page, name) {
            return Ok(Found::Further(self.entered(id)));
        }
        let Some(spare) = spare else { return Ok(Found::Nothing) };
        let id = spare.pop().ok_or_else(no_ids)?;
        let id = call.names.reserve(&self.name(desk, name), &id, None).await?;
        Ok(Found::Further(Self { make: Some(id), look: None, ..self }))
    }

    async fn make(self, desk: &Desk<'_>, name: &str, id: &str) -> Result<Found, AdapterError> {
        let body = wire::folder_body(id, name, self.parent(desk));
        let query = [("supportsAllDrives", "true"), ("fields", "id")];
        let answer = desk.send(desk.json(Method::POST, "/drive/v3/files", &body).query(&query)).await?;
        match answer.status {
            409 => Ok(Found::Further(Self { look: Some(0), ..self })),
            404 => self.restart().map(Found::Further).ok_or_else(|| errors::read(&answer)),
            _ if wire::read_file(&answer)?.id == id => Ok(Found::Further(self.entered(id.to_owned()))),
            _ => Err(errors::unreadable()),
        }
    }

    /// The id is in use: by the folder itself, as a rule; if that is in the trash, another id is reserved.
    async fn see(
        self,
        call: &Call<'_>,
        desk: &Desk<'_>,
        name: &str,
        id: &str,
        looks: u8,
        spare: &mut Vec<String>,
    ) -> Result<Found, AdapterError> {
        let answer = desk.metadata(id).await?;
        if answer.status == 404 && looks < LOOKS_MAX {
            return Ok(Found::Further(Self { look: Some(looks + 1), ..self }));
        }
        if answer.status != 404 {
            let file = wire::read_file(&answer)?;
            let parent = self.parent(desk);
            // `root` is another name of an id that only Drive knows.
            let is_there = parent == "root" || file.parents.iter().any(|known| known == parent);
            if file.is_folder() && !file.trashed && is_there {
                return Ok(Found::Further(self.entered(id.to_owned())));
            }
        }
        let other = spare.pop().ok_or_else(no_ids)?;
        let other = call.names.reserve(&self.name(desk, name), &other, Some(id)).await?;
        Ok(Found::Further(Self { make: Some(other), look: None, ..self }))
    }

    fn entered(self, id: String) -> Self {
        Self { parent: Some(id), depth: self.depth + 1, make: None, look: None, restarted: self.restarted }
    }

    fn name(&self, desk: &Desk<'_>, name: &str) -> String {
        format!("folder:{}/{name}", self.parent(desk))
    }
}

fn no_ids() -> AdapterError {
    AdapterError::new(Disposition::Transient, "there is no id left for a folder")
}
