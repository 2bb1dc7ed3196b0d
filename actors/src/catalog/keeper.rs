//! The catalog keeper: loads, changes, and notices what others changed.

use std::sync::Arc;
use std::time::Duration;

use entities::{Store, StoreError};

use super::looking::{Glances, Looks};
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
    pub(super) store: Store,
    environment: Environment,
    pub(super) view: CatalogView,
    /// Nothing older than this is in the view.
    pub(super) version: i64,
    /// Whether readers want the active agents.
    lists_agents: bool,
    pub(super) glances: Glances,
    looks: Looks,
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
        let version = snapshot.version;
        let (glances, looks) = (Glances::default(), Looks::default());
        let mut catalog =
            Catalog { store, environment, view, version, lists_agents, glances, looks };
        catalog.adopt(snapshot);
        Ok(catalog)
    }

    fn adopt(&mut self, snapshot: Snapshot) {
        self.version = snapshot.version;
        self.view.forget_clients();
        self.view.show_registration_mode(snapshot.registration_mode);
        self.view.show(snapshot.registered);
        self.view.show_agents(snapshot.agents);
        self.view.show_version(snapshot.version);
    }

    /// Loads a new snapshot, then does `then` with the keeper up to date, or with the reason
    /// why it is not.
    pub(super) fn reload<T>(&mut self, desk: &mut Desk<'_, Self>, then: T)
    where
        T: FnOnce(&mut Self, Result<(), StoreError>, &mut Desk<'_, Self>) + 'static,
    {
        let (store, lists_agents) = (self.store.clone(), self.lists_agents);
        let look = self.looks.begin();
        desk.spawn(
            async move { work::snapshot(&store, lists_agents).await },
            move |catalog, outcome, desk| {
                desk.note(&outcome);
                let outcome = outcome.map(|snapshot| {
                    if catalog.looks.is_news(look) {
                        catalog.adopt(snapshot);
                    }
                });
                // The change that this was for may be in none of the clients at hand: they are
                // loaded one by one again. The next look sees that the version is another.
                if let Err(error) = &outcome {
                    tracing::warn!(%error, "the catalog cannot be reloaded");
                    catalog.view.forget_clients();
                }
                then(catalog, outcome, desk);
            },
        );
    }
}

impl Keeper for Catalog {
    const NAME: &'static str = "catalog";
    const CAPACITY: usize = 1024;
    /// How soon a change by another process is noticed that nobody announced: on SQLite by the
    /// command line, on PostgreSQL by an earlier version of the server.
    const TICK: Option<Duration> = Some(Duration::from_secs(1));

    fn tick(&mut self, desk: &mut Desk<'_, Self>) {
        self.glance_by_the_clock(desk);
    }
}

impl Receive<LoadClient> for Catalog {
    fn receive(&mut self, letter: Letter<LoadClient>, desk: &mut Desk<'_, Self>) {
        let Some((LoadClient(id), answer)) = letter.open() else { return };
        desk.spawn(work::load_client(self.store.clone(), id), |catalog, outcome, desk| {
            let (version, client) = match outcome {
                Ok((version, client)) => (version, client.map(Arc::new)),
                Err(error) => return answer.give(Err(error)),
            };
            // A row read before a change that is known by now is not kept.
            if let Some(client) = client.as_ref().filter(|_| version >= catalog.version) {
                catalog.view.remember(client);
            }
            if version == catalog.version || catalog.view.is_trusted() {
                return answer.give(Ok(client));
            }
            // By the way it turned out that something changed of which nobody has heard.
            catalog.catch_up(desk, |outcome| answer.give(outcome.map(|()| client)));
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
            let outcome = outcome.map(Arc::new);
            match is_listed {
                true => catalog.reload(desk, |_, _, _| answer.give(outcome)),
                false => answer.give(outcome),
            }
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
                    catalog.reload(desk, |_, _, _| answer.give(outcome));
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
