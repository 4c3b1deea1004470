//! Turns [`Tls`] into a configuration of rustls, with ring.
//!
//! The system decides whom to trust, with the app's authorities beside its own. On Android the system's verifier lives in Java
//! and wants the app's Context, so there Mozilla's list stands for it.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    client::danger::ServerCertVerifier,
    crypto::{CryptoProvider, KeyProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::SigningKey,
};

use super::{Tls, http::invalid, tls_pin::Pinned};
use crate::Error;

type Verifier = Arc<dyn ServerCertVerifier>;

/// For a server with TLS.
pub(super) fn secure(tls: &Tls) -> Result<ClientConfig, Error> {
    #[cfg(target_os = "android")]
    let verifier = listed(webpki_roots::TLS_SERVER_ROOTS, authorities(tls)?)?;
    #[cfg(not(target_os = "android"))]
    let verifier = system(authorities(tls)?)?;
    configuration(verifier, tls)
}

/// For a server without TLS: the system's certificates are not even read.
pub(super) fn plain(tls: &Tls) -> Result<ClientConfig, Error> {
    authorities(tls)?;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| invalid("tls", error.to_string()))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Trusts as the verifier says, and checks the pins if there are any.
pub(super) fn configuration(verifier: Verifier, tls: &Tls) -> Result<ClientConfig, Error> {
    let verifier = if tls.pins.is_empty() { verifier } else { Arc::new(Pinned::new(verifier, tls.pins.clone())) };
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| invalid("tls", error.to_string()))?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The system's own verifier, which takes the app's authorities too.
#[cfg(not(target_os = "android"))]
pub(super) fn system(roots: Vec<CertificateDer<'static>>) -> Result<Verifier, Error> {
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider());
    Ok(Arc::new(verifier.map_err(|error| invalid("tls.roots", error.to_string()))?))
}

/// A list of authorities instead of the system's, and the app's.
#[cfg(any(target_os = "android", test))]
pub(super) fn listed(
    list: &[rustls::pki_types::TrustAnchor<'static>],
    roots: Vec<CertificateDer<'static>>,
) -> Result<Verifier, Error> {
    let mut store = RootCertStore::empty();
    store.extend(list.iter().cloned());
    store.add_parsable_certificates(roots);
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build();
    Ok(verifier.map_err(|error| invalid("tls.roots", error.to_string()))?)
}

/// The app's authorities; the first that is no certificate is named.
pub(super) fn authorities(tls: &Tls) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut store = RootCertStore::empty();
    let mut read = |(index, root): (usize, &Vec<u8>)| {
        let certificate = CertificateDer::from(root.clone());
        let bad = |_| invalid(format!("tls.roots[{index}]"), "is no certificate (DER)");
        store.add(certificate.clone()).map_err(bad).map(|()| certificate)
    };
    tls.roots.iter().enumerate().map(&mut read).collect()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { key_provider: &NoKeys, ..ring::default_provider() })
}

/// A phone has no certificate of its own: the code that signs with one is left out.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("no keys of its own".to_owned()))
    }
}
