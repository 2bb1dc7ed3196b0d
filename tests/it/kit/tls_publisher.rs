//! Somebody's web server behind TLS, with a certificate of an authority that only the tests have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

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
    handle: ServerHandle,
}

impl TlsPublisher {
    /// Publishes a JSON document.
    pub(crate) fn of(document: &Value, shows: Shows) -> TlsPublisher {
        let text = document.to_string();
        let (told, ready) = mpsc::channel();
        std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let app = move || {
                    let text = text.clone();
                    let answer = move || {
                        let answer =
                            HttpResponse::Ok().content_type("application/json").body(text.clone());
                        async move { answer }
                    };
                    App::new().default_service(web::to(answer))
                };
                let server = HttpServer::new(app)
                    .workers(1)
                    .disable_signals()
                    .bind_rustls_0_23("127.0.0.1:0", shows.config())
                    .unwrap();
                let address = server.addrs()[0];
                let running = server.run();
                told.send((address, running.handle())).unwrap();
                running.await.unwrap();
            });
        });
        let (address, handle) = ready.recv().expect("it listens");
        TlsPublisher { address, handle }
    }

    /// Where the document is.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/jwks.json", self.address.port())
    }
}

impl Drop for TlsPublisher {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}
