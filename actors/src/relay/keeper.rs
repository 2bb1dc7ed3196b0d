//! The relay keeper: listens, tells, and sees to it that somebody listens.

use std::time::Duration;

use entities::{Heard, News, Store, StoreError, Subscription};

use super::duty::{Debt, Duty, Word};
use super::view::{RelayState, RelayView};
use crate::catalog::{Catalog, CatalogView, CatchUp, LoadAnew};
use crate::keys::{Keys, LookAtKeys};
use crate::runtime::{Desk, Environment, Handle, Keeper};
use crate::secrets::{LookAtSecrets, Secrets};

/// The pause before a connection is tried again; doubles with each attempt that fails.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest one: how long a database that is back may go unnoticed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The pause before somebody who could not look is told once more.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Whom news is for.
#[derive(Debug, Clone)]
pub(crate) struct Listeners {
    /// Clients, resources, links.
    pub(crate) catalog: Handle<Catalog>,
    /// What is shown of them.
    pub(crate) shown: CatalogView,
    /// Signing keys.
    pub(crate) keys: Handle<Keys>,
    /// Server secrets.
    pub(crate) secrets: Handle<Secrets>,
}

/// Owns the conversation between the servers on one database.
#[derive(Debug)]
pub struct Relay {
    store: Store,
    environment: Environment,
    view: RelayView,
    listeners: Listeners,
    duty: Duty,
    /// Until the keeper begins.
    subscription: Option<Subscription>,
    /// Attempts to connect since a connection was alive.
    attempts: u32,
}

impl Relay {
    /// Listens, or says in the log why it cannot: a server that hears nothing serves all the
    /// same, and tries again.
    pub(crate) async fn open(
        store: Store,
        environment: Environment,
        view: RelayView,
        listeners: Listeners,
    ) -> Relay {
        let duty = Duty::default();
        listeners.shown.trust(duty.catalog_is_current());
        let subscription = store.subscribe(environment.new_id()).await;
        let subscription = subscription.map_err(|error| no_connection(&view, &error)).ok();
        Relay { store, environment, view, listeners, duty, subscription, attempts: 0 }
    }

    fn connected(&mut self, subscription: Subscription, desk: &mut Desk<'_, Self>) {
        let state = match subscription.is_within() {
            true => RelayState::InProcess,
            false => RelayState::Up,
        };
        self.view.is_now(state, self.environment.now());
        self.duty.connected();
        self.listen(subscription, desk);
        self.tell(desk);
    }

    fn listen(&mut self, mut subscription: Subscription, desk: &mut Desk<'_, Self>) {
        let next = async move {
            let heard = subscription.next().await;
            (subscription, heard)
        };
        desk.spawn_forgettable(next, |relay, (subscription, heard), desk| match heard {
            Ok(heard) => {
                relay.hear(&heard, desk);
                relay.listen(subscription, desk);
            }
            Err(error) => {
                drop(subscription);
                relay.lost(&error, desk);
                desk.note(&Err::<(), StoreError>(error));
            }
        });
    }

    fn hear(&mut self, heard: &Heard, desk: &mut Desk<'_, Self>) {
        match heard {
            // What this very process did it knows already, as a rule.
            Heard::News(News::Catalog(version)) if *version == self.listeners.shown.version() => {}
            Heard::News(News::Catalog(_)) => self.duty.catalog.owe(Word::Look),
            Heard::News(News::Keys) => self.duty.keys.owe(Word::Look),
            Heard::News(News::Secrets) => self.duty.secrets.owe(Word::Look),
            Heard::Missed => self.duty.anything_may_have_changed(),
            Heard::Lag(lag) => {
                self.attempts = 0;
                desk.note(&Ok::<(), StoreError>(()));
                metrics::histogram!("authserver_relay_lag_seconds").record(*lag);
                self.view.change(|status| status.lag = Some(*lag));
            }
        }
        self.tell(desk);
    }

    /// Says what is owed. Until it was heard, what is in memory does not count.
    fn tell(&mut self, desk: &mut Desk<'_, Self>) {
        self.listeners.shown.trust(self.duty.catalog_is_current());
        if let Some(word) = self.duty.catalog.next() {
            let told = tell_catalog(self.listeners.catalog.clone(), word);
            self.say(told, |duty| &mut duty.catalog, desk);
        }
        if self.duty.keys.next().is_some() {
            let keys = self.listeners.keys.clone();
            let told = async move { keys.ask(LookAtKeys).await.is_ok() };
            self.say(told, |duty| &mut duty.keys, desk);
        }
        if self.duty.secrets.next().is_some() {
            let secrets = self.listeners.secrets.clone();
            let told = async move { secrets.ask(LookAtSecrets).await.is_ok() };
            self.say(told, |duty| &mut duty.secrets, desk);
        }
    }

    fn say(
        &self,
        told: impl Future<Output = bool> + 'static,
        debt: fn(&mut Duty) -> &mut Debt,
        desk: &mut Desk<'_, Self>,
    ) {
        let environment = self.environment.clone();
        let told = async move {
            let understood = told.await;
            if !understood {
                environment.wait(SAY_AGAIN_AFTER).await;
            }
            understood
        };
        desk.spawn_forgettable(told, move |relay, understood, desk| {
            debt(&mut relay.duty).said(understood);
            relay.tell(desk);
        });
    }

    fn lost(&mut self, error: &StoreError, desk: &mut Desk<'_, Self>) {
        self.duty.disconnected();
        self.tell(desk);
        no_connection(&self.view, error);
        self.view.is_now(RelayState::Down, self.environment.now());
        self.connect_again(desk);
    }

    fn connect_again(&mut self, desk: &mut Desk<'_, Self>) {
        let pause = pause(self.attempts, self.environment.random_bytes());
        self.attempts = self.attempts.saturating_add(1);
        let (store, environment) = (self.store.clone(), self.environment.clone());
        let connect = async move {
            environment.wait(pause).await;
            store.subscribe(environment.new_id()).await
        };
        desk.spawn_forgettable(connect, |relay, connected, desk| match connected {
            Ok(subscription) => {
                tracing::info!("changes by other servers are heard again");
                metrics::counter!("authserver_relay_reconnects_total").increment(1);
                relay.view.change(|status| status.reconnects += 1);
                relay.connected(subscription, desk);
            }
            Err(error) => {
                no_connection(&relay.view, &error);
                relay.connect_again(desk);
            }
        });
    }
}

impl Keeper for Relay {
    const NAME: &'static str = "relay";
    /// Nobody asks it anything.
    const CAPACITY: usize = 4;

    fn begin(&mut self, desk: &mut Desk<'_, Self>) {
        match self.subscription.take() {
            Some(subscription) => self.connected(subscription, desk),
            None => self.connect_again(desk),
        }
    }
}

impl Drop for Relay {
    /// However it ends, from here on nobody listens.
    fn drop(&mut self) {
        self.listeners.shown.trust(false);
        self.view.is_now(RelayState::Down, self.environment.now());
    }
}

async fn tell_catalog(catalog: Handle<Catalog>, word: Word) -> bool {
    let told = match word {
        Word::Look => catalog.ask(CatchUp).await,
        Word::LoadAnew => catalog.ask(LoadAnew).await,
    };
    matches!(told, Ok(Ok(())))
}

/// The log hears of it when it begins, operators whenever they ask.
fn no_connection(view: &RelayView, error: &StoreError) {
    let before = view.status();
    if before.state != RelayState::Down || before.last_error.is_none() {
        tracing::warn!(
            %error,
            "changes by other servers are not heard: every request looks into the database"
        );
    } else {
        tracing::debug!(%error, "changes by other servers are still not heard");
    }
    view.change(|status| status.last_error = Some(error.to_string()));
}

/// How long to wait before attempt number `attempt`, the first being 0: at least half of what
/// it could be, the rest by chance. Replicas that lost their connections together do not all
/// come back at once.
fn pause(attempt: u32, chance: [u8; 2]) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE);
    let share = f64::from(u16::from_be_bytes(chance)) / f64::from(u16::MAX);
    longest.mul_f64(0.5 + 0.5 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ_by_chance() {
        let (least, most) = ([0, 0], [255, 255]);
        assert_eq!(pause(0, least), FIRST_PAUSE / 2);
        assert_eq!(pause(0, most), FIRST_PAUSE);
        assert_eq!(pause(3, most), FIRST_PAUSE * 8);
        for attempt in [6, 16, 17, u32::MAX] {
            assert_eq!(pause(attempt, least), LONGEST_PAUSE / 2);
            assert_eq!(pause(attempt, most), LONGEST_PAUSE);
        }
        assert!(pause(4, [7, 7]) < pause(4, [99, 0]));
    }
}
