//! A connection whose other end went away without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use protocol::client::ClientStatus;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{RelayState, is_deaf, lets_in, listens, relay, set_status, soon};
use crate::kit::TokenClient;
use crate::kit::stage::{Stage, machine};

/// Stands between a server and PostgreSQL. From `stuck` on it keeps what comes on connections
/// that listen and were there before, and says nothing.
struct Between {
    port: u16,
    stuck: Arc<AtomicBool>,
}

impl Between {
    async fn start(database: (String, u16)) -> Between {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stuck = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stuck);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(&database).await.unwrap();
                tokio::spawn(pass(near, far, Arc::clone(&flag)));
            }
        });
        Between { port, stuck }
    }
}

async fn pass(mut near: TcpStream, mut far: TcpStream, stuck: Arc<AtomicBool>) {
    let (mut asked, mut said) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let (mut listens, mut asked_before) = (false, 0);
    loop {
        let (from_near, count) = tokio::select! {
            read = near.read(&mut asked) => (true, read.unwrap_or(0)),
            read = far.read(&mut said) => (false, read.unwrap_or(0)),
        };
        if count == 0 {
            return;
        }
        // A client says who it is when it has asked whether to speak TLS.
        if from_near && asked_before < 2 {
            asked_before += 1;
            let name = b"authserver relay";
            let says_so = asked[..count].windows(name.len()).any(|part| part == name);
            listens |= says_so && !stuck.load(Ordering::SeqCst);
        }
        if listens && stuck.load(Ordering::SeqCst) {
            continue;
        }
        let passed = match from_near {
            true => far.write_all(&asked[..count]).await,
            false => near.write_all(&said[..count]).await,
        };
        if passed.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_hears_nothing_of_itself_is_given_up() {
    let server = super::server().await;
    Stage::set(&server).await;
    let robot = TokenClient::of(&server.client(machine("read")).await);
    let dsn = server.setting("AUTHPLANE_STORAGE_POSTGRES_DSN").to_owned();
    let mut dsn = url::Url::parse(&dsn).unwrap();
    let between = Between::start(("127.0.0.1".to_owned(), dsn.port().unwrap())).await;
    dsn.set_port(Some(between.port)).unwrap();
    let through = [("AUTHPLANE_STORAGE_POSTGRES_DSN", dsn.as_str())];
    let replica = server.replica_with(&through).await;
    listens(&replica).await;
    soon("a heartbeat", async || relay(&replica).lag.is_some()).await;
    assert!(lets_in(&replica, &robot).await);

    between.stuck.store(true, Ordering::SeqCst);
    is_deaf(&replica).await;
    assert_eq!(relay(&server).state, RelayState::Up, "the other one is as it was");
    set_status(&server, &robot.id, ClientStatus::Suspended).await;
    assert!(!lets_in(&replica, &robot).await);

    server.wait(1);
    listens(&replica).await;
    let status = relay(&replica);
    assert_eq!((status.state, status.reconnects), (RelayState::Up, 1), "{status:?}");
    set_status(&server, &robot.id, ClientStatus::Active).await;
    soon("heard again", async || lets_in(&replica, &robot).await).await;
    listens(&replica).await;
    replica.stop().await;
    server.stop().await;
}
