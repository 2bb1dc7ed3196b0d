//! The page for everything that went wrong.

use askama::Template;

use super::filters;

/// Says what happened, what it means and what to do.
///
/// Never offers a link to an address that came with the request. The wording of
/// the usual cases is in `problems.rs`, as constructors of this struct.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// Path of the issuer without a trailing slash; empty at the root.
    pub issuer_path: String,
    /// HTTP status the page is sent with.
    pub status: u16,
    /// The heading, without a full stop.
    pub title: String,
    /// What happened: one or two sentences.
    pub what_happened: String,
    /// What that means for the person reading.
    pub what_it_means: String,
    /// What to do now; each line becomes a paragraph.
    pub what_to_do: String,
    /// The reference that the log has too.
    pub correlation_id: Option<String>,
    /// OAuth error code, for whoever maintains the application.
    pub code: Option<String>,
    /// Seconds after which it is worth trying again; sent as `Retry-After`.
    pub retry_after: Option<u16>,
}
