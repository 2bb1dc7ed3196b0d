//! The pages a person sees, as pure rendering: values in, HTML out.
//!
//! One file per page, one template beside it. Nothing here knows a request, a
//! session or the store; the handlers in `http/` fill the structs and send what
//! [`Template::render`] gives. All pages extend `templates/base.html`, which is
//! also the seam for later ones (connect, connections, federated sign-in).
//!
//! What every page keeps to, so that the content security policy can be
//! `default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';
//! frame-ancestors 'none'`:
//!
//! - no script, no inline style, no event-handler attribute, no remote image;
//! - askama's HTML escaping is never switched off (a test reads the templates);
//! - text that a client or a request supplied passes the `readable` filter, so
//!   it can neither hide characters nor push the rest of the page out of view.
//!
//! Every struct has an `issuer_path`: the path of the configured issuer without
//! a trailing slash, empty when the issuer is at the root of its host. Endpoints
//! live under the issuer, so links and forms start with it.

mod agreement;
mod awaited;
mod consent;
#[expect(unreachable_pub, reason = "askama::filter_fn expands to a public type")]
mod filters;
mod problem;
mod problems;
mod sign_in;
mod signed;
mod stylesheet;

#[cfg(test)]
mod tests;

pub use agreement::{DecidedPage, OtherAccountPage};
pub use askama::Template;
pub use awaited::Awaited;
pub use consent::{
    ClientView, ConsentPage, RedirectTargetKind, RedirectTargetView, ResourceView, ScopeView,
};
pub use problem::ProblemPage;
pub use sign_in::SignInPage;
pub use signed::{SignedInPage, SignedOutPage};
pub use stylesheet::{STYLESHEET, stylesheet_path};
