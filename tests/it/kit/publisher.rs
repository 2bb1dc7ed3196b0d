//! Somebody's web server on this machine: publishes a document and counts who fetches it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is answered: head and body, how long after, and whether the body ends.
#[derive(Clone)]
struct Script {
    text: String,
    after: Duration,
    endless: bool,
}

/// The server; gone when it is dropped.
pub(crate) struct Publisher {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    fetches: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Publisher {
    /// Publishes a JSON document.
    pub(crate) async fn of(document: &Value) -> Publisher {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Script { text: json(document), after: Duration::ZERO, endless: false };
        let (script, fetches) = (Arc::new(Mutex::new(script)), Arc::new(AtomicUsize::new(0)));
        let (shown, counted) = (Arc::clone(&script), Arc::clone(&fetches));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let script = shown.lock().unwrap().clone();
                tokio::spawn(answer(stream, script));
            }
        });
        Publisher { address, script, fetches, task }
    }

    /// Where the document is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// The same under a name that leads to this machine.
    pub(crate) fn url_by_name(&self) -> String {
        format!("http://localhost:{}/jwks.json", self.address.port())
    }

    /// How often somebody connected.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Publishes another document.
    pub(crate) fn publish(&self, document: &Value) {
        self.answer_with(&json(document));
    }

    /// Answers with this text, head and all.
    pub(crate) fn answer_with(&self, text: &str) {
        text.clone_into(&mut self.script.lock().unwrap().text);
    }

    /// Thinks so long before it answers.
    pub(crate) fn be_slow(&self, after: Duration) {
        self.script.lock().unwrap().after = after;
    }

    /// Never comes to the end of its body.
    pub(crate) fn never_end(&self) {
        self.script.lock().unwrap().endless = true;
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn json(document: &Value) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{document}"
    )
}

async fn answer(mut stream: TcpStream, script: Script) {
    let mut request = [0; 4096];
    drop(stream.read(&mut request).await);
    tokio::time::sleep(script.after).await;
    drop(stream.write_all(script.text.as_bytes()).await);
    while script.endless && stream.write_all(&[b' '; 4096]).await.is_ok() {}
    drop(stream.shutdown().await);
}
