//! The catalog keeper: loads, changes, and notices what others changed.

use std::sync::Arc;
use std::time::Duration;

use entities::Store;

use super::messages::{
    AddClient, AddLink, AddResource, ChangePolicyList, DeleteClient, DeleteLink, DeleteResource,
    ExistingClients, FindLink, FindLinksOf, KillAgent, ListClients, ListLinks, ListResources,
    LoadClient, PatchLink, ReplaceClient, ReplaceResource, SetClientStatus, SetRegistrationMode,
};
use super::view::CatalogView;
use super::work::{self, Snapshot};
use super::{clients, links, resources, settings};
use crate::runtime::{Desk, Environment, Keeper, Letter, Receive, StartError, answered_by};

/// Owns clients, resources and the links between them.
#[derive(Debug)]
pub struct Catalog {
    store: Store,
    environment: Environment,
    view: CatalogView,
    /// Nothing older than this is in the view.
    version: i64,
    /// Whether readers want the active agents.
    lists_agents: bool,
    looking: bool,
    looks: Looks,
}

/// Looks at the whole catalog, in the order they began.
///
/// Two looks may end the other way about than they began; what is older is not shown after
/// what is newer. Which is which the version does not say: a database that was restored from
/// a backup has an earlier one.
#[derive(Debug, Default)]
struct Looks {
    begun: u64,
    adopted: u64,
}

impl Looks {
    fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Whether this look began later than all that are in the view; then it is, from now on.
    fn is_news(&mut self, look: u64) -> bool {
        let is_news = look > self.adopted;
        self.adopted = self.adopted.max(look);
        is_news
    }
}

impl Catalog {
    /// Reads the resources and their links and feeds them to `view`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn load(
        store: Store,
        environment: Environment,
        view: CatalogView,
        lists_agents: bool,
    ) -> Result<Catalog, StartError> {
        let snapshot = work::snapshot(&store, lists_agents).await.map_err(StartError::because)?;
        let (version, looking, looks) = (snapshot.version, false, Looks::default());
        let mut catalog =
            Catalog { store, environment, view, version, lists_agents, looking, looks };
        catalog.adopt(snapshot);
        Ok(catalog)
    }

    fn adopt(&mut self, snapshot: Snapshot) {
        self.version = snapshot.version;
        self.view.forget_clients();
        self.view.show_registration_mode(snapshot.registration_mode);
        self.view.show(snapshot.registered);
        self.view.show_agents(snapshot.agents);
    }

    /// Loads a new snapshot, then does `then` with the keeper up to date.
    fn reload(&mut self, desk: &mut Desk<'_, Self>, then: impl FnOnce() + 'static) {
        let (store, lists_agents) = (self.store.clone(), self.lists_agents);
        let look = self.looks.begin();
        desk.spawn(
            async move { work::snapshot(&store, lists_agents).await },
            move |catalog, outcome, desk| {
                desk.note(&outcome);
                match outcome {
                    Ok(snapshot) if catalog.looks.is_news(look) => catalog.adopt(snapshot),
                    Ok(_) => {}
                    // The change that this was for may be in none of the clients at hand: they are
                    // loaded one by one again. The next tick sees that the version is another.
                    Err(error) => {
                        tracing::warn!(%error, "the catalog cannot be reloaded");
                        catalog.view.forget_clients();
                    }
                }
                then();
            },
        );
    }
}

impl Keeper for Catalog {
    const NAME: &'static str = "catalog";
    const CAPACITY: usize = 1024;
    /// How soon a change by another process is noticed.
    const TICK: Option<Duration> = Some(Duration::from_secs(1));

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        if self.looking {
            return;
        }
        self.looking = true;
        desk.spawn(work::version(self.store.clone()), |catalog, outcome, desk| {
            catalog.looking = false;
            desk.note(&outcome);
            match outcome {
                Ok(version) if version != catalog.version => catalog.reload(desk, || {}),
                Ok(_) => {}
                // What is in memory may be stale and nobody could tell: clients are
                // loaded one by one again until the store answers.
                Err(error) => {
                    tracing::warn!(%error, "the catalog version cannot be read");
                    catalog.view.forget_clients();
                }
            }
        });
    }
}

impl Receive<LoadClient> for Catalog {
    fn receive(&mut self, letter: Letter<LoadClient>, desk: &mut Desk<'_, Self>) {
        let Some((LoadClient(id), answer)) = letter.open() else { return };
        desk.spawn(work::load_client(self.store.clone(), id), |catalog, outcome, _| {
            answer.give(outcome.map(|(version, client)| {
                let client = client.map(Arc::new)?;
                // A row read before a change that is known by now is not kept.
                if version >= catalog.version {
                    catalog.view.remember(&client);
                }
                Some(client)
            }));
        });
    }
}

impl Receive<AddClient> for Catalog {
    fn receive(&mut self, letter: Letter<AddClient>, desk: &mut Desk<'_, Self>) {
        let Some((order, answer)) = letter.open() else { return };
        // A new client changes nothing that anybody remembers, unless it belongs on the list.
        let is_listed = self.lists_agents && order.client.agent;
        let (store, environment) = (self.store.clone(), self.environment.clone());
        let work = clients::add_client(store, environment, order, is_listed);
        desk.spawn(work, move |catalog, outcome, desk| {
            let answered = move || answer.give(outcome.map(Arc::new));
            if is_listed { catalog.reload(desk, answered) } else { answered() }
        });
    }
}

// Lists come from the database: whoever changes something looks at what is there now.
answered_by! { Catalog, with (store):
    ListClients => clients::list_clients,
    ExistingClients => clients::existing_clients,
    ListResources => resources::list_resources,
    ListLinks => links::list_links,
    FindLink => links::find_link,
    FindLinksOf => links::find_links_of,
}

/// Whoever makes a change sees it: the answer waits for the reload.
macro_rules! changed_by {
    ($($order:ty => $work:path),+ $(,)?) => {
        $(impl Receive<$order> for Catalog {
            fn receive(&mut self, letter: Letter<$order>, desk: &mut Desk<'_, Self>) {
                let Some((order, answer)) = letter.open() else { return };
                let work = $work(self.store.clone(), self.environment.clone(), order);
                desk.spawn(work, |catalog, outcome, desk| {
                    catalog.reload(desk, || answer.give(outcome));
                });
            }
        })+
    };
}

changed_by! {
    ReplaceClient => clients::replace_client,
    DeleteClient => clients::delete_client,
    SetClientStatus => clients::set_client_status,
    KillAgent => clients::kill_agent,
    AddResource => resources::add_resource,
    ReplaceResource => resources::replace_resource,
    DeleteResource => resources::delete_resource,
    ChangePolicyList => resources::change_policy_list,
    AddLink => links::add_link,
    PatchLink => links::patch_link,
    DeleteLink => links::delete_link,
    SetRegistrationMode => settings::set_registration_mode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_began_earlier_is_not_shown_after_a_later_one() {
        let mut looks = Looks::default();
        let (first, second, third) = (looks.begin(), looks.begin(), looks.begin());
        assert!(looks.is_news(second));
        assert!(!looks.is_news(first));
        assert!(looks.is_news(third));
    }
}
