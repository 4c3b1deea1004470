//! One phone: a real `tarishi watch` process, its database, its own 2G link, and a tap on that link.

use std::{path::Path, sync::Arc};

use serde_json::Value;
use tarishi_core::DeviceState;
use tokio::{sync::oneshot, task::JoinHandle};

use super::board::Board;
use crate::{
    harness::{Phone, Result, ServerProcess, Tap, Watch},
    link::{Link, LinkProfile},
};

/// A phone and its road to the server.
pub(super) struct Handset {
    pub(super) owner: &'static str,
    pub(super) phone: Phone,
    pub(super) link: Link,
    pub(super) tap: Tap,
    number: usize,
    board: Arc<Board>,
    on: Option<On>,
}

/// While it runs.
struct On {
    kill: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Handset {
    /// A new phone, enrolled, without network.
    pub(super) async fn new(
        program: &Path,
        folder: &Path,
        server: &ServerProcess,
        board: &Arc<Board>,
        (number, owner): (usize, &'static str),
    ) -> Result<Self> {
        let tap = Tap::start(server.addr()).await?;
        let link = Link::start(tap.addr(), LinkProfile::kenya_2g().seed(number as u64));
        link.down();
        let phone = Phone::new(program, folder.join(format!("phone-{number}.db")));
        let token = server.enrol(&format!("staff-{number}")).await?;
        phone.init(&format!("http://{}", link.addr()), &token).await?;
        Ok(Self { owner, phone, link, tap, number, board: Arc::clone(board), on: None })
    }

    /// Starts the process; its events go to the board.
    pub(super) async fn turn_on(&mut self) -> Result<()> {
        for row in self.phone.done(&["list"]).await? {
            note(&self.board, self.number, &row);
        }
        let (kill, killed) = oneshot::channel();
        let task = tokio::spawn(listen(self.phone.watch().await?, Arc::clone(&self.board), self.number, killed));
        self.on = Some(On { kill, task });
        Ok(())
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) -> Result<()> {
        if let Some(On { kill, task }) = self.on.take() {
            // Fails only if it has ended already, which the task tells.
            let _ = kill.send(());
            task.await??;
        }
        Ok(())
    }
}

async fn listen(mut watch: Watch, board: Arc<Board>, number: usize, mut killed: oneshot::Receiver<()>) -> Result<()> {
    loop {
        tokio::select! {
            _ = &mut killed => return watch.kill().await.map(drop),
            event = watch.next_event() => match event? {
                Some(event) => note(&board, number, &event),
                None => return Err("a phone ended by itself".into()),
            }
        }
    }
}

/// A row of `list` or an event of `watch`.
fn note(board: &Board, number: usize, object: &Value) {
    if let (Some(id), Some(state)) = (object["id"].as_str(), object["state"].as_str().and_then(DeviceState::from_word)) {
        board.put(number, id, state);
    }
}
