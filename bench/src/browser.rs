//! A browser as far as it is needed: cookies, redirects, the forms of our pages.

use std::collections::BTreeMap;

use crate::Outcome;
use crate::http::{Connection, get, post};

/// What the browser arrived at.
#[derive(Debug)]
pub enum Arrived {
    /// A page of the server.
    Page(String),
    /// An address outside of it.
    Away(String),
}

/// One browser.
#[derive(Debug)]
pub struct Browser {
    connection: Connection,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// A browser that nobody knows.
    #[must_use]
    pub fn new(connection: Connection) -> Browser {
        Browser { connection, cookies: BTreeMap::new() }
    }

    /// Its cookies, as they are sent.
    #[must_use]
    pub fn cookies(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Goes to `path` and follows redirects within the server.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn visit(&mut self, path: &str) -> Outcome<Arrived> {
        self.follow(get(path, Some(&self.cookies()))).await
    }

    /// Sends the form of `page` with what was filled in.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn submit(
        &mut self,
        page: &str,
        path: &str,
        filled_in: &[(&str, &str)],
    ) -> Outcome<Arrived> {
        let hidden = ["csrf", "request"].map(|name| Some((name, hidden_field(page, name)?)));
        let form: Vec<_> = hidden.into_iter().flatten().chain(filled_in.iter().copied()).collect();
        let cookie = format!("cookie: {}", self.cookies());
        self.follow(post(path, &[cookie], &form)).await
    }

    async fn follow(&mut self, mut request: Vec<u8>) -> Outcome<Arrived> {
        loop {
            let answer = self.connection.exchange(&request).await?;
            for line in answer.head.lines() {
                let Some((name, value)) = line.split_once(':') else { continue };
                let pair = value.split(';').next().and_then(|pair| pair.trim().split_once('='));
                if let Some((key, value)) = pair.filter(|_| name.eq_ignore_ascii_case("set-cookie"))
                {
                    self.cookies.insert(key.to_owned(), value.to_owned());
                }
            }
            match answer.header("location").map(str::to_owned) {
                Some(next) if next.starts_with('/') => {
                    request = get(&next, Some(&self.cookies()));
                }
                Some(away) => return Ok(Arrived::Away(away)),
                None => return Ok(Arrived::Page(answer.text())),
            }
        }
    }
}

/// The value of an `<input type="hidden">`.
fn hidden_field<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
