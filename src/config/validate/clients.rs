//! How clients come to be known, and what they get without asking.

use protocol::scope::MAX_SCOPES;

use super::Findings;
use crate::config::Config;
use crate::config::types::DcrMode;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    if config.dcr.mode == DcrMode::ApprovedRedirects && config.dcr.approved_redirects.is_empty() {
        findings.add(
            &["dcr.approved_redirects", "dcr.mode"],
            "is empty, and dcr.mode is approved_redirects",
            "No client could ever register",
            "List the redirect URIs to approve, or set dcr.mode to admin_only",
        );
    }
    let ceiling = config.oauth.default_client_scope.len();
    if ceiling > MAX_SCOPES {
        findings.add(
            &["oauth.default_client_scope"],
            format!("has {ceiling} scopes"),
            "No request could name them all",
            format!("Use at most {MAX_SCOPES}"),
        );
    }
    let exposed = !config.server.issuer.is_localhost();
    if exposed && !config.cimd.require_https {
        findings.add(
            &["cimd.require_https", "server.issuer"],
            "is false, and the issuer is not localhost",
            "Anybody on the way could replace a client's document, and with it where codes are sent",
            "Remove it; it is for development on one machine",
        );
    }
    if exposed && config.cimd.allow_private_addresses {
        findings.add(
            &["cimd.allow_private_addresses", "server.issuer"],
            "is true, and the issuer is not localhost",
            "Anybody could make the server send requests into your private network",
            "Remove it; it is for development on one machine",
        );
    }
}
