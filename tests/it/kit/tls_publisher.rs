//! Somebody's web server behind TLS, with a certificate of an authority that only the tests have.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The authority's own certificate. Whoever trusts it trusts those below.
pub(crate) const AUTHORITY: &str = include_str!("certificates/authority.pem");

/// What the server shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shows {
    /// A certificate for `localhost`.
    Good,
    /// A certificate of the authority for another name.
    AnotherName,
    /// A certificate for `localhost` that ended in 2026.
    Expired,
    /// A certificate for `localhost` that nobody else signed.
    SelfSigned,
}

impl Shows {
    fn pem(self) -> String {
        match self {
            Shows::Good => include_str!("certificates/good.pem").to_owned(),
            Shows::AnotherName => include_str!("certificates/elsewhere.pem").to_owned(),
            Shows::Expired => include_str!("certificates/expired.pem").to_owned(),
            Shows::SelfSigned => {
                let key = include_str!("certificates/first.key");
                format!("{}{key}", include_str!("certificates/first.pem"))
            }
        }
    }

    fn config(self) -> ServerConfig {
        let pem = self.pem();
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap()
    }
}

/// The server; gone when it is dropped.
pub(crate) struct TlsPublisher {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl TlsPublisher {
    /// Publishes a JSON document.
    pub(crate) fn of(document: &Value, shows: Shows) -> TlsPublisher {
        let text = document.to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{text}",
            text.len()
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(shows.config()));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answer) = (acceptor.clone(), answer.clone());
                tokio::spawn(async move {
                    // Who does not trust the certificate hangs up.
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    drop(stream.write_all(answer.as_bytes()).await);
                    drop(stream.shutdown().await);
                });
            }
        });
        TlsPublisher { address, serving }
    }

    /// Where the document is.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/jwks.json", self.address.port())
    }
}

impl Drop for TlsPublisher {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
