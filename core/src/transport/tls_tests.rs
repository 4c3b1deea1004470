//! A real server with TLS on this machine, and who gets to speak with it.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work is a failed test")]

use core::time::Duration;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};
use rustls::{ClientConfig, ServerConfig, pki_types::PrivateKeyDer};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::{HttpTransport, Tls, Transport, TransportError, TransportRequest, tls_config};
use crate::Error;

/// An authority of one's own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

struct Server {
    url: String,
    root: Vec<u8>,
    pin: [u8; 32],
    requests: Arc<AtomicU32>,
}

impl Server {
    /// A server whose certificate is for this name, and which answers every request with a redirect.
    async fn start(name: &str) -> Self {
        let (authority, key) = (authority(), KeyPair::generate().unwrap());
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], secret).unwrap();
        let (acceptor, requests) = (TlsAcceptor::from(Arc::new(config)), Arc::new(AtomicU32::new(0)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = [0; 8_192];
                    while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                        seen.fetch_add(1, Ordering::SeqCst);
                        let answer = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let pin = Sha256::digest(key.subject_public_key_info()).into();
        Self { url, root: authority.der().to_vec(), pin, requests }
    }

    fn seen(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

/// As on Android, and as everywhere else.
fn both(tls: &Tls) -> [ClientConfig; 2] {
    let listed = tls_config::listed(webpki_roots::TLS_SERVER_ROOTS, tls_config::authorities(tls).unwrap()).unwrap();
    let system = tls_config::system(tls_config::authorities(tls).unwrap()).unwrap();
    [listed, system].map(|verifier| tls_config::configuration(verifier, tls).unwrap())
}

async fn get(server: &Server, config: ClientConfig) -> Result<u16, TransportError> {
    let transport = HttpTransport::with_config(&server.url, config).unwrap();
    let request = TransportRequest {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: Duration::from_secs(10),
    };
    transport.send(request).await.map(|response| response.status)
}

#[tokio::test]
async fn a_root_of_the_app_is_trusted_and_its_redirects_are_not_followed() {
    let server = Server::start("127.0.0.1").await;
    for (times, config) in both(&Tls { roots: vec![server.root.clone()], pins: Vec::new() }).into_iter().enumerate() {
        assert_eq!(get(&server, config).await, Ok(302));
        assert_eq!(server.seen() as usize, times + 1);
    }
}

#[tokio::test]
async fn an_unknown_root_is_refused_before_any_request() {
    let server = Server::start("127.0.0.1").await;
    for roots in [Vec::new(), vec![authority().der().to_vec()]] {
        for config in both(&Tls { roots, pins: Vec::new() }) {
            assert_eq!(get(&server, config).await, Err(TransportError::Unreachable));
        }
    }
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn one_pin_that_matches_is_enough() {
    let server = Server::start("127.0.0.1").await;
    for config in both(&Tls { roots: vec![server.root.clone()], pins: vec![[7; 32], server.pin] }) {
        assert_eq!(get(&server, config).await, Ok(302));
    }
}

#[tokio::test]
async fn a_wrong_pin_is_refused_before_any_request_though_the_root_is_right() {
    let server = Server::start("127.0.0.1").await;
    for config in both(&Tls { roots: vec![server.root.clone()], pins: vec![[7; 32]] }) {
        assert_eq!(get(&server, config).await, Err(TransportError::Unreachable));
    }
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn a_right_pin_excuses_neither_an_unknown_root_nor_another_name() {
    let (server, other) = (Server::start("127.0.0.1").await, Server::start("other.example").await);
    for config in both(&Tls { roots: vec![other.root.clone()], pins: vec![server.pin, other.pin] }) {
        assert_eq!(get(&server, config.clone()).await, Err(TransportError::Unreachable));
        assert_eq!(get(&other, config).await, Err(TransportError::Unreachable));
    }
    assert_eq!((server.seen(), other.seen()), (0, 0));
}

#[tokio::test]
async fn the_public_way_trusts_and_pins_alike() {
    let server = Server::start("127.0.0.1").await;
    let tls = Tls { roots: vec![server.root.clone()], pins: vec![server.pin] };
    assert_eq!(get(&server, tls_config::secure(&tls).unwrap()).await, Ok(302));
    HttpTransport::new(&server.url, &tls).unwrap();
}

#[test]
fn a_root_that_is_no_certificate_is_named() {
    let tls = Tls { roots: vec![authority().der().to_vec(), b"-----BEGIN".to_vec()], pins: Vec::new() };
    for url in ["http://127.0.0.1", "https://127.0.0.1"] {
        let Err(Error::InvalidInput(problem)) = HttpTransport::new(url, &tls) else { panic!("{url} was taken") };
        assert_eq!(problem.field.as_deref(), Some("tls.roots[1]"));
    }
}

#[test]
fn pins_without_tls_are_refused() {
    let tls = Tls { roots: Vec::new(), pins: vec![[7; 32]] };
    let Err(Error::InvalidInput(problem)) = HttpTransport::new("http://127.0.0.1", &tls) else { panic!("it was taken") };
    assert_eq!(problem.field.as_deref(), Some("server_url"));
}
