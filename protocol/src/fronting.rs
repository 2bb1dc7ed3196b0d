//! Fronting links: an operator's statement that one resource may reach another on the user's
//! behalf, and which scopes of the one stand for which of the other. What a link gives in an
//! exchange is decided in [`crate::exchange`]; here is what a link may say, and the snapshot
//! in which exchanges look links up.

use std::collections::HashMap;

use uuid::Uuid;

use crate::exchange::FrontingLink;
use crate::resource::Resources;

#[cfg(test)]
mod tests;

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
