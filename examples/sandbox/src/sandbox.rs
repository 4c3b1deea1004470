//! Starting and stopping a sandbox, in a test's own process or behind the binary.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{Line, LineListener};
use crate::fault::Fault;
use crate::ledger::LedgerEntry;
use crate::world::{World, lock};
use crate::{control, flutterwave, google_drive, moodle, mpesa, pesapal, push, sms, whatsapp};

/// How long a stopping sandbox waits for calls in hand.
const STOP_WAIT: Duration = Duration::from_secs(1);

/// How a sandbox behaves.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Where it listens; any free port of the loopback by default.
    pub listen: SocketAddr,
    /// How long an M-Pesa payer, or a reversal, takes.
    pub mpesa_delay: Duration,
    /// How long an SMS takes to its handset.
    pub sms_delay: Duration,
    /// Refuse the same amount from the same phone within two minutes (result code 17).
    pub rule_17: bool,
    /// Keep the ledger in this file.
    pub ledger: Option<PathBuf>,
    /// Where delivery reports of SMS go; nowhere when absent.
    pub sms_delivery_url: Option<String>,
    /// Where statuses of WhatsApp messages go; nowhere when absent.
    pub whatsapp_webhook_url: Option<String>,
    /// Where webhooks of Flutterwave go; nowhere when absent.
    pub flutterwave_webhook_url: Option<String>,
    /// Seed of the providers' ids; random when absent.
    pub seed: Option<u64>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            mpesa_delay: Duration::from_millis(150),
            sms_delay: Duration::from_millis(100),
            rule_17: false,
            ledger: None,
            sms_delivery_url: None,
            whatsapp_webhook_url: None,
            flutterwave_webhook_url: None,
            seed: None,
        }
    }
}

/// A running sandbox. Dropped or stopped, it answers nobody and sends no webhook any more.
pub struct Sandbox {
    world: Arc<World>,
    address: SocketAddr,
    server: JoinSet<()>,
    all_cut: Arc<AtomicBool>,
    shutdown: Option<oneshot::Sender<()>>,
}

impl Sandbox {
    /// Binds and serves on the current Tokio runtime.
    pub async fn start(options: SandboxOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(options)?);
        let all_cut = Arc::new(AtomicBool::new(false));
        let (shutdown, stopped) = oneshot::channel::<()>();
        let app = Router::new()
            .nest("/_sandbox", control::router())
            .nest("/moodle", moodle::router())
            .nest("/mpesa", mpesa::router())
            .nest("/sms", sms::router())
            .nest("/flutterwave", flutterwave::router())
            .nest("/pesapal", pesapal::router())
            .nest("/push", push::router())
            .nest("/whatsapp", whatsapp::router())
            .nest("/google_drive", google_drive::router())
            .with_state(Arc::clone(&world))
            .into_make_service_with_connect_info::<Line>();
        let listener = LineListener::new(listener, Arc::clone(&all_cut));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
                let _ = stopped.await;
            });
            if let Err(error) = serving.await {
                tracing::error!(%error, "the sandbox stopped serving");
            }
        });
        Ok(Self { world, address, server, all_cut, shutdown: Some(shutdown) })
    }

    /// Its base address, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All effects so far, in order.
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        lock(&self.world.ledger).entries().to_vec()
    }

    /// Arms a fault and returns its id.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        lock(&self.world.faults).arm(fault)
    }

    /// Disarms one fault; false if it is not armed (any more).
    pub fn remove_fault(&self, id: u64) -> bool {
        lock(&self.world.faults).disarm(id)
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        lock(&self.world.faults).clear();
    }

    /// Sets where delivery reports of SMS go; `None` for nowhere.
    pub fn set_sms_delivery_url(&self, url: Option<String>) {
        *lock(&self.world.sms_delivery_url) = url;
    }

    /// Sets where statuses of WhatsApp messages go; `None` for nowhere.
    pub fn set_whatsapp_webhook_url(&self, url: Option<String>) {
        *lock(&self.world.whatsapp_webhook_url) = url;
    }

    /// Sets where webhooks of Flutterwave go; `None` for nowhere.
    pub fn set_flutterwave_webhook_url(&self, url: Option<String>) {
        *lock(&self.world.flutterwave_webhook_url) = url;
    }

    /// How many access tokens Google gave, and provider tokens APNs saw.
    pub fn push_tokens(&self) -> (u32, u32) {
        lock(&self.world.push).counts()
    }

    /// Google's access tokens are good no longer, before their time.
    pub fn revoke_push_tokens(&self) {
        lock(&self.world.push).revoke();
    }

    /// Forgets effects, faults and what is under way; configuration stays.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Ends serving: calls in hand get no answer, webhooks to come are not sent.
    pub async fn stop(mut self) {
        self.cut_off();
        let served = async { while self.server.join_next().await.is_some() {} };
        let _ = timeout(STOP_WAIT, served).await;
    }

    fn cut_off(&mut self) {
        self.all_cut.store(true, Ordering::Relaxed);
        self.world.abandon_tasks();
        self.shutdown.take();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.cut_off();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}
