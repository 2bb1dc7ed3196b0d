//! A server somewhere else, asked over its admin API.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::operation::is_nothing;
use super::{Operation, Parts, Problem, Unfinished};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server and the key to its admin surface.
pub struct Remote {
    server: Url,
    key: Zeroizing<String>,
    http: Client,
}

impl Remote {
    /// The server whose admin surface is at `url`.
    ///
    /// # Errors
    /// Says what is wrong with `url` or `key`, and what would be right.
    pub fn new(url: &str, key: Zeroizing<String>) -> Result<Remote, String> {
        let server = Url::parse(url).map_err(|error| format!("'{url}' is no URL: {error}"))?;
        if !server.username().is_empty() || server.password().is_some() {
            return Err("no user or password in the server's URL: the key goes to --key or \
                        AUTHPLANE_ADMIN_KEY"
                .to_owned());
        }
        if server.query().is_some() || server.fragment().is_some() {
            return Err("no query in the server's URL: the key goes to --key or \
                        AUTHPLANE_ADMIN_KEY"
                .to_owned());
        }
        match server.scheme() {
            "https" => {}
            "http" if is_this_machine(&server) => {}
            _ => {
                return Err(format!(
                    "'{url}' must begin with https://, so that the key is read by nobody on the \
                     way; http:// is for this machine only"
                ));
            }
        }
        let http = Client::builder()
            // Following one would hand the key to wherever it points.
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("authserver/", env!("CARGO_PKG_VERSION")));
        // What does not leave this machine needs no proxy.
        let http = if is_this_machine(&server) { http.no_proxy() } else { http };
        let http = http.build().map_err(|error| format!("cannot speak HTTP: {error}"))?;
        Ok(Remote { server, key, http })
    }

    /// Sends `operation`.
    ///
    /// # Errors
    /// As the server says, or that it said nothing that can be understood.
    pub async fn send<O: Operation>(&self, operation: O) -> Result<O::Answer, Unfinished> {
        let Parts { path, query, body } = operation.into_parts();
        let url = self.url_of(O::PATH, &members(&path)?, &members(&query)?)?;
        let method = reqwest::Method::from_bytes(O::METHOD.as_str().as_bytes());
        let method = method.map_err(|error| misunderstood(&error))?;
        let mut request = self.http.request(method, url).bearer_auth(self.key.as_str());
        if !is_nothing::<O::Body>() {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().as_u16() != O::SUCCESS.as_u16() {
            return Err(refusal(response).await);
        }
        let text = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let text = if is_nothing::<O::Answer>() { b"{}".as_slice() } else { &text };
        serde_json::from_slice(text).map_err(|error| misunderstood(&error))
    }

    /// `template` below the server's own path, with its `{names}` filled in.
    fn url_of(
        &self,
        template: &str,
        path: &Map<String, Value>,
        query: &Map<String, Value>,
    ) -> Result<Url, Unfinished> {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty();
            for segment in template.split('/').skip(1) {
                let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                let filled = name.and_then(|name| path.get(name)).map(written);
                let filled = filled.unwrap_or_else(|| segment.to_owned());
                // Neither can be said in a URL: there is no such thing by that name.
                if matches!(filled.as_str(), "" | "." | "..") {
                    let detail = format!("'{filled}' names nothing");
                    return Err(Unfinished::Refused(Box::new(Problem::unreadable(None, detail))));
                }
                segments.push(&filled);
            }
        }
        let given = query.iter().filter(|(_, value)| !value.is_null());
        for (name, value) in given {
            url.query_pairs_mut().append_pair(name, &written(value));
        }
        Ok(url)
    }

    fn unreachable(&self, error: &reqwest::Error) -> Unfinished {
        let mut reasons = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(deeper) = cause {
            reasons = format!("{reasons}: {deeper}");
            cause = deeper.source();
        }
        Unfinished::Unreachable(format!(
            "The server at {} cannot be asked: {reasons}\nIs this the address of its admin \
             listener (admin.address)? If it was a change, it may or may not have been made.",
            self.server
        ))
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The members of a path or query.
fn members(part: &impl Serialize) -> Result<Map<String, Value>, Unfinished> {
    match serde_json::to_value(part) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(misunderstood(&error)),
    }
}

/// A value as paths and queries have it.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn refusal(response: Response) -> Unfinished {
    let (status, url) = (response.status(), response.url().clone());
    let problem = response.json::<Problem>().await;
    problem.map(|problem| Unfinished::Refused(Box::new(problem))).unwrap_or_else(|_| {
        Unfinished::Unreachable(format!(
            "{url} answered {status}, and not as the admin API of this version does.\nIs this \
             the address of the admin listener (admin.address), and a server of version {}?",
            env!("CARGO_PKG_VERSION")
        ))
    })
}

fn misunderstood(error: &impl std::fmt::Display) -> Unfinished {
    Unfinished::Unreachable(format!(
        "The server's answer is not what this version of the command line expects: {error}"
    ))
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("server", &self.server.as_str()).finish_non_exhaustive()
    }
}
