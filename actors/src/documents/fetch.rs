//! One fetch: a careful `GET` of a small JSON document.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use futures::future::BoxFuture;
use protocol::document_url::{DocumentUrl, FetchPolicy, may_be_asked};
use protocol::jose::{KeySet, KeySetRefusal};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response, redirect};

use super::messages::DocumentSettings;

/// Longest document, in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;
/// What a key set may be served as (RFC 7517 §8.5).
const MEDIA_TYPES: [&str; 2] = ["application/json", "application/jwk-set+json"];

/// Why a document could not be had. For the log and the operator.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// Nothing, or nothing in time.
    #[error("{0}")]
    Unreachable(String),
    /// The server said something else than 200. Redirects are not followed.
    #[error("the server answered {0}, and only 200 will do")]
    Status(u16),
    /// Not served as JSON.
    #[error("it is served as '{0}' and not as application/json")]
    MediaType(String),
    /// Too long.
    #[error("it is longer than {MAX_DOCUMENT} bytes")]
    TooLong,
    /// Not JSON.
    #[error("it is not JSON")]
    NotJson,
    /// Not keys.
    #[error("it is no key set of use: {0}")]
    NoKeys(#[from] KeySetRefusal),
}

/// Fetches documents. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher(Result<Client, String>);

impl Fetcher {
    /// Makes the HTTPS client. Trusts the certificate authorities of the machine. Should
    /// there be none, nothing can be fetched; nobody else needs them, so that is no reason
    /// not to start.
    #[must_use]
    pub fn new(settings: DocumentSettings) -> Fetcher {
        let of_the_system: Lookup = Arc::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        });
        Fetcher::looking_up(settings, of_the_system)
    }

    /// The same, with somebody else to say where names lead.
    fn looking_up(settings: DocumentSettings, lookup: Lookup) -> Fetcher {
        let client = Client::builder()
            .https_only(settings.policy.require_https)
            .redirect(redirect::Policy::none())
            // A proxy would connect to what nobody has checked.
            .no_proxy()
            .referer(false)
            .dns_resolver(CheckedAddresses { policy: settings.policy, lookup })
            // A connection that is kept is to an address that was checked some time ago.
            .pool_max_idle_per_host(0)
            .timeout(settings.fetch_timeout)
            .user_agent(concat!("authserver/", env!("CARGO_PKG_VERSION")))
            .build();
        Fetcher(client.map_err(|error| {
            let reason = causes(&error);
            tracing::warn!(reason, "keys that clients publish cannot be fetched: no HTTPS client");
            reason
        }))
    }

    /// The keys at `url`, and how long its server wants them kept, if it says so.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn key_set(
        &self,
        url: &DocumentUrl,
    ) -> Result<(KeySet, Option<Duration>), FetchError> {
        let client = self.0.as_ref().map_err(|why| FetchError::Unreachable(why.clone()))?;
        let request = client.get(url.as_url().clone()).header(ACCEPT, MEDIA_TYPES.join(", "));
        let response = request.send().await.map_err(unreachable)?;
        if response.status().as_u16() != 200 {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        check_media_type(response.headers())?;
        let keep_for = max_age(response.headers());
        let body = read(response).await?;
        let document = serde_json::from_slice(&body).map_err(|_| FetchError::NotJson)?;
        Ok((KeySet::parse(&document)?, keep_for))
    }
}

fn unreachable(error: reqwest::Error) -> FetchError {
    FetchError::Unreachable(causes(&error.without_url()))
}

/// The chain of causes: the outermost only says that sending failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    protocol::text::visible(&text, 300)
}

fn check_media_type(headers: &HeaderMap) -> Result<(), FetchError> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = protocol::text::media_type(given);
    if MEDIA_TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    Err(FetchError::MediaType(protocol::text::visible(essence, 64)))
}

/// `Cache-Control` (RFC 9111 §5.2.2), as far as it says how long to keep something.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let given = headers.get(CACHE_CONTROL)?.to_str().ok()?.to_ascii_lowercase();
    let mut directives = given.split(',').map(str::trim);
    if directives.clone().any(|it| it == "no-store" || it == "no-cache") {
        return Some(Duration::ZERO);
    }
    let seconds = directives.find_map(|it| it.strip_prefix("max-age="))?;
    seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
}

/// Reads what fits. What the server says about the length is not needed to stop.
async fn read(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_DOCUMENT {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Resolves names to addresses that may be asked. The connection is made to one of these
/// very addresses: the name is not looked up a second time, when it could say something
/// else.
#[derive(Clone)]
struct CheckedAddresses {
    policy: FetchPolicy,
    lookup: Lookup,
}

/// Says which addresses a name has.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

impl Resolve for CheckedAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, found) = (self.policy, (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let checked = all_allowed(found.await?.into_iter(), policy)?;
            Ok(Box::new(checked.into_iter()) as Addrs)
        })
    }
}

/// One that may not be asked spoils all: a name that leads inside as well is no accident.
fn all_allowed(
    found: impl Iterator<Item = SocketAddr>,
    policy: FetchPolicy,
) -> Result<Vec<SocketAddr>, Forbidden> {
    let found: Vec<SocketAddr> = found.collect();
    match found.iter().find(|address| !may_be_asked(address.ip(), policy)) {
        Some(address) => Err(Forbidden(address.ip())),
        None => Ok(found),
    }
}

/// The name leads somewhere it must not.
#[derive(Debug, thiserror::Error)]
#[error(
    "its name leads to {0}, which is not a public address (cimd.allow_private_addresses is for \
     development on one machine)"
)]
struct Forbidden(IpAddr);

impl fmt::Debug for CheckedAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedAddresses").field("policy", &self.policy).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
