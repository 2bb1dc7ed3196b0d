//! Fronting links: an operator's statement that one resource may reach another on the user's
//! behalf, and which scopes of the one stand for which of the other. What a link gives in an
//! exchange is decided in [`crate::exchange`]; here is what a link may say, and the snapshot
//! in which exchanges look links up.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use uuid::Uuid;

use crate::exchange::FrontingLink;
use crate::resource::{MintResource, Resources};
use crate::scope::ScopeSet;
use crate::text;

#[cfg(test)]
mod tests;

/// For each scope of the source, what it is worth at the target.
pub type ScopeMap = BTreeMap<String, Vec<String>>;

/// Most scopes of the source in one map. What each is worth is bounded by the target's catalog.
pub const MAX_ENTRIES: usize = 100;

/// Why a scope map is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeMapError {
    /// Nothing in it.
    #[error("a link that gives no scope is good for nothing: name at least one")]
    Empty,
    /// Over [`MAX_ENTRIES`].
    #[error("more than {MAX_ENTRIES} scopes of the source")]
    TooMany,
    /// A scope the source does not have.
    #[error("the source '{source_slug}' has no scope '{scope}'")]
    NotOfSource {
        /// The source.
        source_slug: String,
        /// What it does not have.
        scope: String,
    },
    /// A scope that is worth nothing.
    #[error("'{0}' is worth no scope of the target; leave it out or name what it is worth")]
    WorthNothing(String),
    /// A scope the target does not have.
    #[error("the target '{target_slug}' has no scope '{scope}', which '{of}' is to be worth")]
    NotOfTarget {
        /// The target.
        target_slug: String,
        /// What it does not have.
        scope: String,
        /// The scope of the source.
        of: String,
    },
    /// A scope named twice.
    #[error("'{of}' is worth '{scope}' twice")]
    Twice {
        /// The scope of the target.
        scope: String,
        /// The scope of the source.
        of: String,
    },
}

/// Whether a link from `source` to `target` may say this.
///
/// # Errors
/// The first thing in it that is no good.
pub fn check_scope_map(
    map: &ScopeMap,
    source: &MintResource,
    target: &MintResource,
) -> Result<(), ScopeMapError> {
    if map.is_empty() {
        return Err(ScopeMapError::Empty);
    }
    if map.len() > MAX_ENTRIES {
        return Err(ScopeMapError::TooMany);
    }
    let shown = |scope: &str| text::visible(scope, 64);
    let (held, reachable) = (source.catalog(), target.catalog());
    for (of, worth) in map {
        if !held.contains(of) {
            let source_slug = source.slug.clone();
            return Err(ScopeMapError::NotOfSource { source_slug, scope: shown(of) });
        }
        if worth.is_empty() {
            return Err(ScopeMapError::WorthNothing(shown(of)));
        }
        let mut seen = BTreeSet::new();
        for scope in worth {
            if !reachable.contains(scope) {
                let (target_slug, of) = (target.slug.clone(), shown(of));
                return Err(ScopeMapError::NotOfTarget { target_slug, scope: shown(scope), of });
            }
            if !seen.insert(scope) {
                return Err(ScopeMapError::Twice { scope: shown(scope), of: shown(of) });
            }
        }
    }
    Ok(())
}

/// Scopes of a map that its resources do not have any more: they give nothing, and would again
/// if they came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaleScopes {
    /// Of the source.
    pub source: Vec<String>,
    /// Of the target, each once.
    pub target: Vec<String>,
}

impl StaleScopes {
    /// What of `map` is in neither catalog any more.
    #[must_use]
    pub fn of(map: &ScopeMap, source: &ScopeSet, target: &ScopeSet) -> StaleScopes {
        let gone = |scopes: BTreeSet<&String>, catalog: &ScopeSet| {
            scopes.into_iter().filter(|scope| !catalog.contains(scope)).cloned().collect()
        };
        StaleScopes {
            source: gone(map.keys().collect(), source),
            target: gone(map.values().flatten().collect(), target),
        }
    }
}

/// Whether `after` gives everything that `before` gives.
#[must_use]
pub fn takes_nothing_away(before: &ScopeMap, after: &ScopeMap) -> bool {
    before.iter().all(|(of, worth)| match after.get(of) {
        Some(still) => worth.iter().all(|scope| still.contains(scope)),
        None => worth.is_empty(),
    })
}

/// The cycle that a link from `source` to `target` would close among `links`: the resources
/// on it, beginning and ending with `source`. In a cycle a token could be exchanged for ever
/// more of itself, each time a little more than before.
#[must_use]
pub fn closed_cycle(links: &[(Uuid, Uuid)], source: Uuid, target: Uuid) -> Option<Vec<Uuid>> {
    let mut onward: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for (from, to) in links {
        onward.entry(*from).or_default().push(*to);
    }
    // Breadth first: the shortest cycle is the easiest to see.
    let mut came_from: HashMap<Uuid, Uuid> = HashMap::new();
    let mut seen = HashSet::from([target]);
    let mut ahead = VecDeque::from([target]);
    while let Some(here) = ahead.pop_front() {
        if here == source {
            let way_back = std::iter::successors(Some(here), |at| came_from.get(at).copied());
            let mut cycle: Vec<Uuid> = way_back.collect();
            cycle.push(source);
            cycle.reverse();
            return Some(cycle);
        }
        for next in onward.get(&here).into_iter().flatten() {
            if seen.insert(*next) {
                came_from.insert(*next, here);
                ahead.push_back(*next);
            }
        }
    }
    None
}

/// Every fronting link between resources there are, indexed once. Rebuild it to change it.
#[derive(Debug, Clone, Default)]
pub struct Links {
    all: Vec<FrontingLink>,
    by_pair: HashMap<(Uuid, Uuid), usize>,
}

impl Links {
    /// Indexes those of `all` whose two resources are among `resources`; a link to what is
    /// not there leads nowhere.
    #[must_use]
    pub fn among(resources: &Resources, all: Vec<FrontingLink>) -> Links {
        let is_there = |id| resources.by_id(id).is_some();
        let all: Vec<FrontingLink> =
            all.into_iter().filter(|link| is_there(link.source) && is_there(link.target)).collect();
        let pairs = all.iter().enumerate();
        let by_pair = pairs.map(|(at, link)| ((link.source, link.target), at)).collect();
        Links { all, by_pair }
    }

    /// The links from any of `sources` to `target`, in the order of `sources`.
    #[must_use]
    pub fn between(&self, sources: &[Uuid], target: Uuid) -> Vec<&FrontingLink> {
        let pairs = sources.iter().filter_map(|source| self.by_pair.get(&(*source, target)));
        pairs.filter_map(|at| self.all.get(*at)).collect()
    }

    /// Every link.
    pub fn iter(&self) -> impl Iterator<Item = &FrontingLink> {
        self.all.iter()
    }
}
