//! The client's own ear on the loopback interface (RFC 8252 §7.3): a free port, one answer.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use crate::report::Failure;

pub struct Loopback {
    listener: TcpListener,
    port: u16,
}

impl Loopback {
    pub async fn listen() -> Result<Loopback, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Loopback { listener, port })
    }

    pub fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.port)
    }

    /// The URL of the first request that reaches the redirect URI.
    pub async fn answer(&self) -> Result<String, Failure> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let body = "You can close this window.";
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await?;
            if target.starts_with("/callback?") {
                return Ok(format!("http://127.0.0.1:{}{target}", self.port));
            }
        }
    }
}
