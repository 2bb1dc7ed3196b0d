//! Clients that take their time, on connections that they keep.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use socket2::SockRef;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::kit::{Backend, Server};

const CERTIFICATE: &str = include_str!("../../kit/certificates/first.pem");
const KEY: &str = include_str!("../../kit/certificates/first.key");
/// Within this everything here has an end; without limits nothing would.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: [(&str, &str); 2] =
    [("AUTHPLANE_SERVER_READ_TIMEOUT", "1s"), ("AUTHPLANE_SERVER_WRITE_TIMEOUT", "1s")];
const WHOLE: &[u8] = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

/// A server with certificates, and the folder they are in.
async fn tls_server() -> (Server, TempDir) {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = (file("cert.pem", CERTIFICATE), file("key.pem", KEY));
    let settings = [
        ("AUTHPLANE_SERVER_ISSUER", "https://localhost:9000"),
        ("AUTHPLANE_SESSION_SECRET", "0123456789abcdef0123456789abcdef"),
        ("AUTHPLANE_SERVER_TLS_CERT", &cert),
        ("AUTHPLANE_SERVER_TLS_KEY", &key),
    ];
    let server = Server::start_with(Backend::Sqlite, &[&SHORT[..], &settings].concat()).await;
    (server, folder)
}

/// Connects with TLS, offering these protocols.
async fn tls(server: &Server, offered: &[&[u8]]) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = offered.iter().map(|it| it.to_vec()).collect();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Makes a request on `stream` and reads its answer.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(WHOLE).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"{\"status\":\"ok\"}") {
        let read = timeout(PATIENCE, stream.read_buf(&mut answer)).await.expect("an answer");
        assert_ne!(read.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
}

/// Begins another request and goes on with it, a byte at a time, until the server hangs up.
async fn dawdle(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Duration {
    let begun = Instant::now();
    stream.write_all(b"GET /livez HTTP/1.1\r\nx: ").await.unwrap();
    let mut answer = [0; 256];
    while begun.elapsed() < PATIENCE {
        if stream.write_all(b"y").await.is_err() {
            break;
        }
        match timeout(Duration::from_millis(100), stream.read(&mut answer)).await {
            Err(_) => {}
            Ok(Ok(1..)) => panic!("an answer to half a request"),
            Ok(_) => break,
        }
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_head_of_a_later_request_is_waited_for_no_longer_than_that_of_the_first() {
    let server = Server::start_with(Backend::Sqlite, &SHORT).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        ask(&mut stream).await;
        sleep(Duration::from_millis(1500)).await;
    }
    ask(&mut stream).await;
    let took = dawdle(stream).await;
    assert!((Duration::from_secs(1)..PATIENCE).contains(&took), "{took:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tls_slow_heads_end_too_and_nothing_but_http_1_1_is_spoken() {
    let (server, _folder) = tls_server().await;
    let mut stream = tls(&server, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    ask(&mut stream).await;
    assert!(dawdle(stream).await < PATIENCE);
    assert!(tls(&server, &[b"h2"]).await.is_err(), "RFC 7301 §3.2: no_application_protocol");
    ask(&mut tls(&server, &[]).await.unwrap()).await;
    server.stop().await;
}

/// Neither the answers nor whoever makes them wait for a client that takes none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_take_the_answers_is_cut_off() {
    let server = Server::start_with(Backend::Sqlite, &SHORT).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    SockRef::from(&stream).set_recv_buffer_size(4096).unwrap();
    let (mut read, mut write) = stream.into_split();
    let asking = tokio::spawn(async move {
        let request = b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nhost: x\r\n\r\n";
        for _ in 0..20_000 {
            write.write_all(request).await?;
        }
        Ok::<_, io::Error>(write)
    });

    sleep(Duration::from_secs(5)).await;

    let mut taken = Vec::new();
    let end = timeout(PATIENCE, read.read_to_end(&mut taken)).await.expect("an end");
    assert!(end.is_err(), "{} bytes and no reset", taken.len());
    drop(timeout(PATIENCE, asking).await.expect("an end"));
    let metrics = server.admin_get("/metrics").await.text;
    assert!(metrics.contains("authserver_connections_cut_off_total{reason=\"slow_reader\"}"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_all_the_connections_there_are_leaves_some() {
    let settings = [("AUTHPLANE_SERVER_MAX_CONNECTIONS", "16")];
    let server = Server::start_with(Backend::Sqlite, &settings).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        ask(&mut stream).await;
        held.push(stream);
    }

    let mut fifth = TcpStream::connect(server.address).await.unwrap();
    let end = timeout(PATIENCE, fifth.read(&mut [0; 64])).await.expect("an end");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    let elsewhere =
        reqwest::Client::builder().local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)));
    let elsewhere = elsewhere.build().unwrap().get(server.url("/livez"));
    assert_eq!(elsewhere.send().await.unwrap().status(), 200, "another address");

    drop(held.pop());
    for _ in 0..100 {
        if reqwest::get(server.url("/livez")).await.is_ok() {
            return server.stop().await;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a place that was given back is not there");
}
