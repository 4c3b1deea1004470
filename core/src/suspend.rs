//! Letting go of the database and taking it up again: iOS kills an app that is suspended with a file lock held.

use core::time::Duration;

use crate::{Error, inner::Inner};

impl Inner {
    pub(crate) async fn suspend(&self, deadline: Duration) -> Result<(), Error> {
        self.conditions().suspended = true;
        self.nudge();
        // Half the time for a running exchange to end by itself, then it is cut.
        let flight = match tokio::time::timeout(deadline / 2, self.flight.lock()).await {
            Ok(flight) => flight,
            Err(_) => {
                self.pause.send_replace(true);
                self.flight.lock().await
            }
        };
        self.pause.send_replace(true);
        self.outbox.suspend().await?;
        drop(flight);
        Ok(())
    }

    pub(crate) async fn resume(&self) -> Result<(), Error> {
        self.outbox.resume().await?;
        self.conditions().suspended = false;
        self.pause.send_replace(false);
        self.nudge();
        Ok(())
    }
}
