//! The entries of `resources`.

use std::collections::BTreeSet;

use protocol::resource::{ResourceUri, is_slug};
use protocol::scope::{MAX_SCOPES, OFFLINE_ACCESS, is_scope_token};

use super::Findings;
use crate::config::Config;
use crate::config::seeds::{BackendKind, ResourceSeed};

const KEYS: &[&str] = &["resources"];

pub(super) fn check(config: &Config, findings: &mut Findings) {
    let mut slugs = BTreeSet::new();
    let mut identifiers = BTreeSet::new();
    for (index, resource) in config.resources.iter().enumerate() {
        let at = format!("[{index}]");
        form(resource, &at, findings);
        scopes(resource, &at, findings);
        if !slugs.insert(resource.slug.as_str()) {
            findings.add_inside(
                KEYS,
                format!("{at}.slug"),
                format!("is {:?}, as in an entry before", resource.slug),
                "The slug is how a resource is known; the second entry would never be created",
                "Give each entry its own slug",
            );
        }
        for (name, uri) in uris(resource) {
            if !identifiers.insert(same_resource(uri)) {
                findings.add_inside(
                    KEYS,
                    format!("{at}{name}"),
                    format!("is {uri:?}, which already names a resource"),
                    "A request for it could mean either, and tokens for one would be good at the other",
                    "Give each resource its own URI and aliases",
                );
            }
        }
    }
}

fn form(resource: &ResourceSeed, at: &str, findings: &mut Findings) {
    let slug = &resource.slug;
    if !is_slug(slug) {
        findings.add_inside(
            KEYS,
            format!("{at}.slug"),
            format!("is {slug:?}"),
            "The slug stands in paths and commands",
            "Use 1 to 63 of a-z, 0-9 and -, not - first, and not the form of a UUID",
        );
    }
    if resource.display_name.trim().is_empty() {
        findings.add_inside(
            KEYS,
            format!("{at}.display_name"),
            "is empty",
            "It is what users read when they are asked for consent",
            "Give the resource a name",
        );
    }
    if resource.backend_kind == BackendKind::Broker {
        findings.add_inside(
            KEYS,
            format!("{at}.backend_kind"),
            "asks for broker resources, which are not built yet",
            "No token could be had for it",
            "Remove the entry, or use mint",
        );
    }
    for (name, uri) in uris(resource) {
        if let Err(reason) = ResourceUri::parse(uri) {
            findings.add_inside(
                KEYS,
                format!("{at}{name}"),
                format!("is {uri:?}, and {reason}"),
                "A resource is named by an absolute URI without fragment (RFC 8707 §2), and clients send exactly that",
                "Write the URL of the MCP server, such as https://mcp.example.com/mcp",
            );
        }
    }
}

fn scopes(resource: &ResourceSeed, at: &str, findings: &mut Findings) {
    if resource.scopes.len() > MAX_SCOPES {
        findings.add_inside(
            KEYS,
            format!("{at}.scopes"),
            format!("has {} entries", resource.scopes.len()),
            "No request could name them all, and nobody would read the page that asks for them",
            format!("Use at most {MAX_SCOPES}"),
        );
    }
    let mut names = BTreeSet::new();
    for (index, scope) in resource.scopes.iter().enumerate() {
        let place = format!("{at}.scopes[{index}].name");
        let name = scope.name.as_str();
        if !is_scope_token(name) {
            findings.add_inside(
                KEYS,
                place,
                format!("is {name:?}"),
                "No request could ask for it (RFC 6749 §3.3)",
                "Use at most 256 visible ASCII characters without space, \" and \\",
            );
        } else if name == OFFLINE_ACCESS {
            findings.add_inside(
                KEYS,
                place,
                "is offline_access",
                "That belongs to the server and is never a resource's scope",
                "Remove it",
            );
        } else if !names.insert(name) {
            findings.add_inside(
                KEYS,
                place,
                format!("is {name:?}, as in a scope before"),
                "Only one of them can count",
                "Remove one",
            );
        }
    }
}

/// The URI and the aliases, with their positions.
fn uris(resource: &ResourceSeed) -> impl Iterator<Item = (String, &str)> {
    let aliases = resource.aliases.iter().enumerate();
    std::iter::once((".uri".to_owned(), resource.uri.as_str()))
        .chain(aliases.map(|(index, alias)| (format!(".aliases[{index}]"), alias.as_str())))
}

/// What two spellings of one resource have in common.
fn same_resource(uri: &str) -> String {
    ResourceUri::parse(uri).map_or_else(|_| uri.to_owned(), |uri| uri.comparison_key())
}
