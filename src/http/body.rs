//! Request bodies: never too long, and never so slow that a client holds on to a worker's
//! attention for nothing.

use std::fmt;
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::web::{Bytes, Payload};
use protocol::text;
use tokio::time::timeout;

/// Whether the headers say that the body is of this type.
pub(crate) fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    text::media_type(said.unwrap_or_default()).eq_ignore_ascii_case(media_type)
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It has more bytes than this.
    TooLong(usize),
    /// It was not complete in time.
    TooSlow,
    /// The connection broke, or the framing is wrong.
    Broken,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::TooLong(longest) => {
                write!(f, "The request body is longer than {longest} bytes.")
            }
            Unread::TooSlow => f.write_str("The request body did not arrive in time."),
            Unread::Broken => f.write_str("The request body could not be read."),
        }
    }
}

/// Reads a body of at most `longest` bytes, all of which arrive within `patience`
/// (`server.read_timeout`). actix bounds the time for the headers only.
pub(crate) async fn read(
    payload: Payload,
    longest: usize,
    patience: Duration,
) -> Result<Bytes, Unread> {
    match timeout(patience, payload.to_bytes_limited(longest)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_))) => Err(Unread::Broken),
        Ok(Err(_)) => Err(Unread::TooLong(longest)),
        Err(_) => Err(Unread::TooSlow),
    }
}
