//! One keep-alive connection that costs little: the generator shares the processors with
//! what it measures, so each microsecond it takes is missing in the figures.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Outcome;

/// Longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// A connection, and what was read last.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer in the connection's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// Status line and headers.
    pub head: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects to `address`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn to(address: SocketAddr) -> Outcome<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(8 * 1024) })
    }

    /// Sends one request and reads its answer, which has to say how long it is.
    ///
    /// # Errors
    /// When the connection breaks or the answer cannot be read.
    pub async fn exchange(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            self.read_more().await?;
            if let Some(end) = end_of_head(&self.buffer) {
                break end;
            }
        };
        let length = body_length(&self.buffer[..head])?;
        while self.buffer.len() < head + length {
            self.read_more().await?;
        }
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.get(9..12).ok_or("no status line")?.parse()?;
        Ok(Answer { status, head: text, body: &self.buffer[head..head + length] })
    }

    async fn read_more(&mut self) -> Outcome<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the server closed the connection in the middle of an answer".into());
        }
        if self.buffer.len() > LONGEST {
            return Err("the answer has no end".into());
        }
        Ok(())
    }
}

impl Answer<'_> {
    /// The value of a header, if there is one with this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The text of the body, or what there is of it.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body).into_owned()
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn body_length(head: &[u8]) -> Outcome<usize> {
    const NAME: &[u8] = b"content-length:";
    for line in head.split(|byte| *byte == b'\n') {
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            return Ok(std::str::from_utf8(&line[NAME.len()..])?.trim().parse()?);
        }
    }
    match head.get(9..12) {
        Some(b"204" | b"304") => Ok(0),
        _ => Err("an answer without content-length".into()),
    }
}

/// A `GET` as it goes over the wire.
#[must_use]
pub fn get(path: &str, cookie: Option<&str>) -> Vec<u8> {
    let cookie = cookie.map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\n{cookie}\r\n").into_bytes()
}

/// A form as it goes over the wire; `headers` are whole lines.
#[must_use]
pub fn post(path: &str, headers: &[String], form: &[(&str, &str)]) -> Vec<u8> {
    let pairs = form.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value)));
    let body = pairs.collect::<Vec<_>>().join("&");
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    with_body(path, &headers, "application/x-www-form-urlencoded", &body)
}

/// A JSON document as it goes over the wire.
#[must_use]
pub fn post_json(path: &str, body: &str) -> Vec<u8> {
    with_body(path, "", "application/json", body)
}

fn with_body(path: &str, headers: &str, media_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\
         content-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// `value` for a form or a query.
#[must_use]
pub fn percent_encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = value.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// The text between the quotes of the JSON member `name`: enough for values without
/// escapes, and far cheaper than a parser.
#[must_use]
pub fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let from = text.find(&format!("\"{name}\":"))? + name.len() + 3;
    let rest = text[from..].trim_start().strip_prefix('"')?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_by_its_whole_name() {
        let body = br#"{"not_a":"x","a":"y","b": "z"}"#;
        assert_eq!((member(body, "a"), member(body, "b")), (Some("y"), Some("z")));
        assert_eq!(member(body, "c"), None);
    }

    #[test]
    fn the_length_of_a_body_has_to_be_said() {
        assert_eq!(body_length(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n").unwrap(), 7);
        assert_eq!(body_length(b"HTTP/1.1 304 Not Modified\r\n\r\n").unwrap(), 0);
        assert!(body_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
