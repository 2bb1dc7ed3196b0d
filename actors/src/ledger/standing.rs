//! Whether those behind a token are in good standing, in the transaction that writes it down.
//!
//! They are held until it ends: whoever suspends, revokes or deletes one of them waits, and
//! then sees the tokens that were written down, to revoke them. Clients come before users
//! and users before tokens, each in the order of their ids, as everywhere else.

use std::collections::HashSet;
use std::hash::Hash;

use entities::issuance::{self, NewIssuance};
use entities::{DatabaseTransaction, StoreError, client, user};
use uuid::Uuid;

/// Those behind the tokens of one batch who are in good standing.
#[derive(Debug)]
pub(super) struct Standing {
    clients: HashSet<String>,
    users: HashSet<Uuid>,
    parents: HashSet<Uuid>,
}

/// Who is not in good standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// The client is suspended, revoked or gone.
    Client,
    /// The user is disabled or gone.
    User,
    /// The token it is exchanged from was revoked.
    Parent,
}

impl Standing {
    /// One query for each kind there is, however many tokens.
    pub(super) async fn of<'a>(
        transaction: &DatabaseTransaction,
        tokens: impl Iterator<Item = &'a NewIssuance> + Clone,
    ) -> Result<Standing, StoreError> {
        let clients = each_once(tokens.clone().map(|token| token.client_id.clone()));
        let users = each_once(tokens.clone().filter_map(|token| token.user_id));
        let parents = each_once(tokens.filter_map(|token| token.lineage.parent_jti));
        let mut standing =
            Standing { clients: HashSet::new(), users: HashSet::new(), parents: HashSet::new() };
        if !clients.is_empty() {
            standing.clients.extend(client::hold_active(transaction, clients).await?);
        }
        if !users.is_empty() {
            standing.users.extend(user::hold_all_enabled(transaction, users).await?);
        }
        if !parents.is_empty() {
            standing.parents.extend(issuance::hold_unrevoked(transaction, parents).await?);
        }
        Ok(standing)
    }

    /// Who stands in the way of this token, if anybody.
    pub(super) fn objection(&self, token: &NewIssuance) -> Option<Withdrawn> {
        if !self.clients.contains(&token.client_id) {
            return Some(Withdrawn::Client);
        }
        if token.user_id.is_some_and(|user| !self.users.contains(&user)) {
            return Some(Withdrawn::User);
        }
        let parent = token.lineage.parent_jti;
        parent.is_some_and(|parent| !self.parents.contains(&parent)).then_some(Withdrawn::Parent)
    }
}

fn each_once<T: Hash + Eq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.collect::<HashSet<T>>().into_iter().collect()
}
