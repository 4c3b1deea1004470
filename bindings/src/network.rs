//! Where the app's network monitor says what it sees.

use std::sync::{Arc, Weak};

use tarishi_core::{Client as Core, Network};

use crate::runtime::Shared;

/// Takes what a `NetworkMonitor` sees. It keeps no client alive and may outlive its client.
#[derive(uniffi::Object)]
pub struct NetworkSink {
    core: Weak<Core>,
    runtime: Weak<Shared>,
}

impl std::fmt::Debug for NetworkSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkSink").field("client_lives", &(self.core.strong_count() > 0)).finish()
    }
}

impl NetworkSink {
    pub(crate) fn new(core: &Arc<Core>, runtime: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { core: Arc::downgrade(core), runtime: Arc::downgrade(runtime) })
    }
}

#[uniffi::export]
impl NetworkSink {
    /// This is the network now.
    pub fn changed(&self, network: Network) {
        if let (Some(core), Some(runtime)) = (self.core.upgrade(), self.runtime.upgrade()) {
            let _context = runtime.enter();
            core.set_network(network);
        }
    }
}
