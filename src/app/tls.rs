//! TLS in the server itself: the certificate, and its replacement while the server runs.
//!
//! Whoever renews a certificate replaces two files, one after the other. So the files are
//! looked at every few seconds, and at once on SIGHUP, and what they hold is used once it fits
//! together; until then, and when it never does, the pair before stays in use.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, io};

use actors::runtime::Environment;
use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::Zeroizing;

use crate::config::Tls;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why there is no TLS with the configured files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(
        "{setting}: {path} cannot be read: {cause}\nCheck the path, and that the server may read the file."
    )]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The chain is not one.
    #[error(
        "server.tls.cert: {0} holds no certificate in PEM form.\nIt must begin with the server's own certificate, followed by the intermediate ones."
    )]
    NoCertificate(PathBuf),
    /// The key has a password.
    #[error(
        "server.tls.key: the key in {0} is encrypted, and there is nobody to ask for its password.\nStore it without one (`openssl pkey -in {0} -out plain.pem`), readable by the server alone."
    )]
    Encrypted(PathBuf),
    /// The key is not one.
    #[error("server.tls.key: {0} holds no private key in PEM form (PKCS #8, PKCS #1 or SEC1).")]
    NoKey(PathBuf),
    /// The two are no pair.
    #[error(
        "server.tls.key: the key in {key} does not fit the first certificate in {cert}: {cause}\nServe the certificate that was issued for this key."
    )]
    NoPair {
        /// The key file.
        key: PathBuf,
        /// The certificate file.
        cert: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
    /// The TLS library refuses its settings.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// The certificate in use.
#[derive(Debug)]
pub(crate) struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    /// What the files held when they were looked at last, good or bad.
    seen: AtomicU64,
}

impl Certificates {
    /// The configured certificate; none without TLS.
    ///
    /// # Errors
    /// Names the setting.
    pub(crate) fn load(settings: &Tls) -> Result<Option<Arc<Certificates>>, TlsError> {
        let (Some(cert), Some(key)) = (&settings.cert, &settings.key) else { return Ok(None) };
        let files = Files::read(cert, key)?;
        let current = files.pair(cert, key)?;
        warn_if_others_can_read(key);
        metrics::gauge!("authserver_tls_certificate_current").set(1.0);
        Ok(Some(Arc::new(Certificates {
            cert: cert.clone(),
            key: key.clone(),
            current: ArcSwap::from_pointee(current),
            seen: AtomicU64::new(files.digest()),
        })))
    }

    /// What a listener is set up with: TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// When the TLS library refuses.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::<Certificates>::clone(self));
        // What the listeners speak, and nothing else.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Looks at the files every few seconds, and on SIGHUP, for as long as it runs.
    pub(crate) async fn keep(self: Arc<Self>, environment: Environment) {
        let mut orders = signal(SignalKind::hangup()).inspect_err(|error| {
            tracing::warn!(%error, "SIGHUP is not heard; the certificate is looked at all the same");
        });
        loop {
            let ordered = tokio::select! {
                () = environment.wait(LOOK_EVERY) => false,
                () = next(&mut orders) => true,
            };
            let files = Arc::clone(&self);
            drop(tokio::task::spawn_blocking(move || files.look(ordered)).await);
        }
    }

    /// Takes what is in the files, if it has changed and is good. Who ordered it is told in
    /// any case.
    fn look(&self, ordered: bool) {
        let files = match Files::read(&self.cert, &self.key) {
            Ok(files) => files,
            Err(error) => return self.stays(&error, 0, ordered),
        };
        let digest = files.digest();
        if self.seen.load(Ordering::Relaxed) == digest && !ordered {
            return;
        }
        match files.pair(&self.cert, &self.key) {
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                self.seen.store(digest, Ordering::Relaxed);
                metrics::gauge!("authserver_tls_certificate_current").set(1.0);
                tracing::info!(ordered, "the certificate was read and is in use");
            }
            Err(error) => self.stays(&error, digest, ordered),
        }
    }

    /// Says once, and whenever it was ordered, that what is in the files now is not used.
    fn stays(&self, error: &TlsError, digest: u64, ordered: bool) {
        metrics::gauge!("authserver_tls_certificate_current").set(0.0);
        if self.seen.swap(digest, Ordering::Relaxed) != digest || ordered {
            tracing::error!(%error, ordered, "the certificate has changed and cannot be used; the one before stays in use");
        }
    }
}

/// The next order, if orders are heard at all.
async fn next(orders: &mut io::Result<Signal>) {
    let heard = match orders {
        Ok(orders) => orders.recv().await,
        Err(_) => None,
    };
    if heard.is_none() {
        std::future::pending::<()>().await;
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// The bytes of both files.
struct Files {
    cert: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Files {
    fn read(cert: &Path, key: &Path) -> Result<Files, TlsError> {
        let read = |setting, path: &Path| {
            let unreadable = |cause| TlsError::Unreadable { setting, path: path.to_owned(), cause };
            fs::read(path).map_err(unreadable)
        };
        let (cert, key) = (read("server.tls.cert", cert)?, read("server.tls.key", key)?);
        Ok(Files { cert, key: Zeroizing::new(key) })
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.cert, self.key.as_slice()).hash(&mut hasher);
        hasher.finish()
    }

    fn pair(&self, cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&self.cert)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate(cert.to_owned()))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(cert.to_owned()));
        }
        let encrypted = self.key.windows(9).any(|window| window == b"ENCRYPTED");
        if encrypted {
            return Err(TlsError::Encrypted(key.to_owned()));
        }
        let private = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| TlsError::NoKey(key.to_owned()))?;
        CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider())
            .map_err(|cause| TlsError::NoPair { key: key.to_owned(), cert: cert.to_owned(), cause })
    }
}

fn warn_if_others_can_read(key: &Path) {
    let mode = fs::metadata(key).map_or(0, |data| data.permissions().mode());
    if mode & 0o007 != 0 {
        let path = key.display().to_string();
        tracing::warn!(path, "everybody on this machine can use the TLS key: chmod 600 it");
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// What a server says that finds these texts in its files.
    fn said(cert: Option<&str>, key: Option<&str>) -> String {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, text: Option<&str>| {
            let path = folder.path().join(name);
            if let Some(text) = text {
                fs::write(&path, text).unwrap();
            }
            Some(path)
        };
        let settings = Tls { cert: file("cert.pem", cert), key: file("key.pem", key) };
        match Certificates::load(&settings) {
            Ok(loaded) => format!("{}", loaded.is_some()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said_with_the_setting() {
        let cert = include_str!("../../tests/it/kit/certificates/first.pem");
        let key = include_str!("../../tests/it/kit/certificates/first.key");
        let other = include_str!("../../tests/it/kit/certificates/second.key");
        let locked =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        assert_eq!(said(Some(cert), Some(key)), "true");
        for (cert, key, says) in [
            (None, Some(key), "server.tls.cert: "),
            (Some(cert), None, "server.tls.key: "),
            (Some("nonsense"), Some(key), "holds no certificate"),
            (Some(key), Some(key), "holds no certificate"),
            (Some(cert), Some("nonsense"), "holds no private key"),
            (Some(cert), Some(cert), "holds no private key"),
            (Some(cert), Some(locked), "is encrypted"),
            (Some(cert), Some(other), "does not fit"),
        ] {
            let said = said(cert, key);
            assert!(said.contains(says), "{says} is not in {said}");
        }
    }

    #[test]
    fn without_files_there_is_no_tls() {
        let none = Certificates::load(&Tls { cert: None, key: None }).unwrap();
        assert!(none.is_none());
    }
}
