//! The index of mint resources: an immutable snapshot that requests look things up in.

use std::collections::HashMap;

use uuid::Uuid;

use super::{MintResource, ResourceUri};
use crate::scope::ScopeSet;

/// Every mint resource, indexed once. Rebuild it to change it.
///
/// A URI beats an alias. Where two resources claim the same spelling with equal
/// right, it names neither: a token for the wrong audience is worse than a refusal.
#[derive(Debug, Clone, Default)]
pub struct Resources {
    all: Vec<MintResource>,
    by_uri: HashMap<String, Option<usize>>,
    by_path: HashMap<String, Option<usize>>,
    by_slug: HashMap<String, usize>,
    by_id: HashMap<Uuid, usize>,
}

impl Resources {
    /// Indexes `all`, keeping their order.
    #[must_use]
    pub fn new(all: Vec<MintResource>) -> Self {
        let mut by_uri = HashMap::new();
        let mut by_path = HashMap::new();
        let mut aliases = HashMap::new();
        for (position, resource) in all.iter().enumerate() {
            let Ok(uri) = ResourceUri::parse(&resource.uri) else { continue };
            claim(&mut by_uri, uri.comparison_key(), position);
            claim(&mut by_path, uri.path_suffix().to_owned(), position);
            for alias in resource.aliases.iter().filter_map(|alias| ResourceUri::parse(alias).ok())
            {
                claim(&mut aliases, alias.comparison_key(), position);
            }
        }
        for (key, claimed) in aliases {
            by_uri.entry(key).or_insert(claimed);
        }
        // In reverse, so that of two equal keys the first resource wins.
        let positions = || all.iter().enumerate().rev();
        Self {
            by_slug: positions()
                .map(|(position, resource)| (resource.slug.clone(), position))
                .collect(),
            by_id: positions().map(|(position, resource)| (resource.id, position)).collect(),
            by_uri,
            by_path,
            all,
        }
    }

    /// The resource a `resource` parameter names, by URI or alias.
    #[must_use]
    pub fn by_uri(&self, uri: &str) -> Option<&MintResource> {
        let key = ResourceUri::parse(uri).ok()?.comparison_key();
        self.at(self.by_uri.get(&key).copied().flatten())
    }

    /// The resource with this slug.
    #[must_use]
    pub fn by_slug(&self, slug: &str) -> Option<&MintResource> {
        self.at(self.by_slug.get(slug).copied())
    }

    /// The resource with this row id.
    #[must_use]
    pub fn by_id(&self, id: Uuid) -> Option<&MintResource> {
        self.at(self.by_id.get(&id).copied())
    }

    /// The resource that operators mean by this: its slug or its row id. No slug has the form
    /// of an id.
    #[must_use]
    pub fn named(&self, slug_or_id: &str) -> Option<&MintResource> {
        let by_id = || self.by_id(slug_or_id.parse().ok()?);
        self.by_slug(slug_or_id).or_else(by_id)
    }

    /// The only resource that can be asked for, if there is exactly one. Resources
    /// without a URI do not count: no token can name them.
    #[must_use]
    pub fn only_mint(&self) -> Option<&MintResource> {
        let mut addressable = self.all.iter().filter(|resource| resource.is_addressable());
        addressable.next().filter(|_| addressable.next().is_none())
    }

    /// Every resource, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &MintResource> {
        self.all.iter()
    }

    /// The resource whose metadata lives at `/.well-known/oauth-protected-resource/{reference}`
    /// (RFC 9728 §3.1), without leading `/`; several segments are fine.
    ///
    /// 1. The resource whose URI has exactly this path and query, if it is the only one.
    /// 2. Else the resource with this slug.
    /// 3. An empty reference (the bare well-known) falls back to the only resource,
    ///    which clients probe when the path form fails.
    ///
    /// A resource without URI has no document.
    #[must_use]
    pub fn by_protected_resource_ref(&self, reference: &str) -> Option<&MintResource> {
        let reference = reference.strip_prefix('/').unwrap_or(reference);
        self.at(self.by_path.get(reference).copied().flatten())
            .or_else(|| self.by_slug(reference))
            .or_else(|| self.only_mint().filter(|_| reference.is_empty()))
            .filter(|resource| resource.is_addressable())
    }

    /// The scopes of every discoverable resource, for the server's metadata.
    #[must_use]
    pub fn discoverable_scopes(&self) -> ScopeSet {
        self.all
            .iter()
            .filter(|resource| resource.discoverable)
            .fold(ScopeSet::empty(), |scopes, resource| scopes.union(&resource.catalog()))
    }

    fn at(&self, position: Option<usize>) -> Option<&MintResource> {
        self.all.get(position?)
    }
}

/// Records that the resource at `position` claims `key`; a second resource spoils it.
fn claim(claims: &mut HashMap<String, Option<usize>>, key: String, position: usize) {
    claims
        .entry(key)
        .and_modify(|claimed| {
            if *claimed != Some(position) {
                *claimed = None;
            }
        })
        .or_insert(Some(position));
}
