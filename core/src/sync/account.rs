//! Whose queue this is: asked once at the server and stored.

use core::time::Duration;

use serde::Deserialize;

use super::{
    SyncReport,
    backoff::Trouble,
    exchange::{Step, no_token, not_before, too_old, wait},
    send::{TIMEOUT_MS, count, guarded},
    verdict::{self, Verdict},
};
use crate::{Error, TokenError, TransportError, TransportRequest, conditions::Halt, inner::Inner, outbox::meta};

#[derive(Deserialize)]
struct Me {
    account: String,
}

/// Asks once whose token this is; `Some` is what stands in the way.
pub(super) async fn ask_account(inner: &Inner, token: &mut String, report: &mut SyncReport) -> Result<Option<Step>, Error> {
    for asked_again in [false, true] {
        let request = TransportRequest {
            method: "GET".to_owned(),
            path: "/api/v2/devices/me".to_owned(),
            headers: vec![
                ("authorization".to_owned(), format!("Bearer {token}")),
                ("accept".to_owned(), "application/json".to_owned()),
                ("accept-encoding".to_owned(), "gzip".to_owned()),
            ],
            body: Vec::new(),
            timeout: Duration::from_millis(TIMEOUT_MS),
        };
        let result = guarded(&*inner.transport, request, None).await.unwrap_or(Err(TransportError::TimedOut));
        count(inner, report, &result, 0).await?;
        match verdict::read::<Me>(result) {
            Verdict::Answer(me) => {
                let account = me.account.clone();
                inner.outbox.write(move |tx| Ok(meta::put(tx.connection, meta::ACCOUNT, account)?)).await?;
                inner.conditions().account = Some(me.account);
                return Ok(None);
            }
            Verdict::Unauthorized if !asked_again => match inner.options.token_source.token(Some(token.clone())).await {
                Ok(other) => *token = other,
                Err(error) => return Ok(Some(no_token(inner, error))),
            },
            Verdict::Unauthorized | Verdict::Forbidden => return Ok(Some(Step::Halt(inner.halt(Halt::NeedsAuth)))),
            Verdict::NotBefore(after) => {
                not_before(inner, after).await?;
                return Ok(Some(Step::Wait));
            }
            Verdict::TooOld => return Ok(Some(too_old(inner))),
            Verdict::Unreachable | Verdict::Interrupted | Verdict::TimedOut => {
                return Ok(Some(wait(inner, Trouble::Unreachable)));
            }
            Verdict::TooLarge | Verdict::Rejected | Verdict::Failed | Verdict::Stale => {
                return Ok(Some(wait(inner, Trouble::Server)));
            }
        }
    }
    Ok(Some(wait(inner, Trouble::Server)))
}

impl Inner {
    /// Whose queue this is, asked at the server if nobody knows yet.
    pub(crate) async fn account(&self) -> Result<String, Error> {
        let mut engine = self.flight.lock().await;
        engine.load(self).await?;
        if let Some(account) = self.conditions().account.clone() {
            return Ok(account);
        }
        let token = self.options.token_source.token(None).await;
        let mut token = token.map_err(|error| match error {
            TokenError::NeedsSignIn => Error::NeedsAuth,
            TokenError::Unavailable => Error::Offline,
        })?;
        let step = ask_account(self, &mut token, &mut SyncReport::default()).await?;
        match step {
            Some(Step::Halt(error)) => Err(error),
            Some(_) => Err(Error::Offline),
            None => self.conditions().account.clone().ok_or(Error::Offline),
        }
    }
}
