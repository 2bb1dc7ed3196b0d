//! Where the documents live (RFC 8414 §3.1, RFC 9728 §3.1, RFC 8615).

/// Well-known name of RFC 8414.
pub const AUTHORIZATION_SERVER: &str = "oauth-authorization-server";
/// Well-known name of OpenID Connect Discovery.
pub const OPENID_CONFIGURATION: &str = "openid-configuration";
/// Well-known name of RFC 9728.
pub const PROTECTED_RESOURCE: &str = "oauth-protected-resource";

/// An absolute URL under the issuer root. `path` starts with `/`.
#[must_use]
pub fn endpoint(issuer: &str, path: &str) -> String {
    format!("{}{path}", issuer.trim_end_matches('/'))
}

/// Every path at which the document `name` of `issuer` answers: the bare form, and
/// for an issuer with a path the path-inserted form of RFC 8414 §3.1 and the
/// path-appended form of OpenID Connect Discovery §4. Clients probe all of them.
#[must_use]
pub fn well_known_paths(issuer: &str, name: &str) -> Vec<String> {
    let bare = format!("/.well-known/{name}");
    match issuer_path(issuer) {
        "" => vec![bare],
        path => vec![format!("{bare}{path}"), format!("{path}{bare}"), bare],
    }
}

/// The issuer's path without trailing slashes; empty when it has none.
fn issuer_path(issuer: &str) -> &str {
    let after_scheme = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let path = after_scheme.find('/').and_then(|slash| after_scheme.get(slash..));
    path.unwrap_or_default().trim_end_matches('/')
}
