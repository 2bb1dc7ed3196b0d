//! Behind the counter: what a story looks up, changes or breaks in the database itself.

use std::time::Duration;

use entities::{
    Backend, ConnectionTrait as _, Store, StoreError, catalog_version, client, family, issuance,
    user,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::client::claims;
use super::stage::place;
use super::{Answer, Server};
use crate::kit::server::ADMIN_KEY;

/// Runs one piece of SQL on a store.
pub(crate) async fn execute(store: &Store, sql: &str) -> Result<u64, StoreError> {
    let sql = sql.to_owned();
    let done = store.write(move |transaction| {
        Box::pin(async move { Ok(transaction.execute_unprepared(&sql).await?.rows_affected()) })
    });
    done.await
}

/// From now on no row can be added to `table`, until [`accept_rows`].
pub(crate) async fn refuse_rows(store: &Store, table: &str) {
    let sql = match store.backend() {
        Backend::Sqlite => format!(
            "CREATE TRIGGER broken_{table} BEFORE INSERT ON {table} \
             BEGIN SELECT RAISE(ABORT, '{table} is broken'); END"
        ),
        Backend::Postgres => format!(
            "CREATE FUNCTION broken_{table}() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION '{table} is broken'; END $$; \
             CREATE TRIGGER broken_{table} BEFORE INSERT ON {table} \
             FOR EACH ROW EXECUTE FUNCTION broken_{table}()"
        ),
    };
    execute(store, &sql).await.unwrap();
}

/// Undoes [`refuse_rows`].
pub(crate) async fn accept_rows(store: &Store, table: &str) {
    let sql = match store.backend() {
        Backend::Sqlite => format!("DROP TRIGGER broken_{table}"),
        Backend::Postgres => {
            format!("DROP TRIGGER broken_{table} ON {table}; DROP FUNCTION broken_{table}()")
        }
    };
    execute(store, &sql).await.unwrap();
}

impl Server {
    /// Which database it is on.
    pub(crate) fn backend(&self) -> super::Backend {
        match self.services.store.backend() {
            Backend::Sqlite => super::Backend::Sqlite,
            Backend::Postgres => super::Backend::Postgres,
        }
    }

    /// Runs one piece of SQL; how many rows it changed.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        execute(&self.services.store, sql).await.unwrap()
    }

    /// [`Server::execute`] of what may fail.
    pub(crate) async fn try_execute(&self, sql: &str) -> Result<u64, StoreError> {
        execute(&self.services.store, sql).await
    }

    /// Nobody else gets at `table` until what comes back is dropped; on SQLite nobody else
    /// writes at all.
    pub(crate) async fn hold(&self, table: &str) -> oneshot::Sender<()> {
        let store = self.services.store.clone();
        let on_postgres = store.backend() == Backend::Postgres;
        let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        let (release, released) = oneshot::channel::<()>();
        let (held, is_held) = oneshot::channel();
        tokio::spawn(async move {
            let work = store.write(move |transaction| {
                Box::pin(async move {
                    if on_postgres {
                        transaction.execute_unprepared(&lock).await?;
                    }
                    held.send(()).unwrap();
                    drop(released.await);
                    Ok(())
                })
            });
            work.await.unwrap();
        });
        is_held.await.unwrap();
        release
    }

    /// How many transactions that write, of all servers on the database, wait for a lock; not
    /// that of a sweep, which comes when it likes and has an advisory lock. SQLite has none but
    /// the one of the writer, and nobody can look who waits for it.
    async fn waiting(&self) -> u64 {
        let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
                       AND pid IN (SELECT pid FROM pg_locks \
                                   WHERE NOT granted AND mode <> 'AccessShareLock') \
                       AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')";
        match self.backend() {
            super::Backend::Postgres => self.execute(waiting).await,
            super::Backend::Sqlite => 0,
        }
    }

    /// How many messages are with the keepers of this server.
    fn messages(&self) -> usize {
        self.services.household.health().iter().map(|keeper| keeper.mailbox_depth).sum()
    }

    /// Waits until nobody does anything any more, also of what is done after an answer.
    pub(crate) async fn until_quiet(&self) {
        let mut looks = 0;
        while looks < 3 {
            let quiet = self.messages() == 0 && self.waiting().await == 0;
            looks = if quiet { looks + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until so many transactions wait for a lock; on SQLite, until so many messages stay
    /// with the keepers of this server, while others are answered again and again.
    pub(crate) async fn until_stuck(&self, transactions: u64, messages: usize) {
        let mut looks = 0;
        for _ in 0..2000 {
            match self.backend() {
                super::Backend::Postgres if self.waiting().await >= transactions => return,
                super::Backend::Postgres => tokio::time::sleep(Duration::from_millis(3)).await,
                super::Backend::Sqlite => {
                    looks = if self.messages() >= messages { looks + 1 } else { 0 };
                    if looks >= 12 {
                        return;
                    }
                    // Who reads comes on meanwhile as well, and is stuck when it is to write.
                    assert_eq!(self.get("/ready").await.status, 200);
                }
            }
        }
        panic!("nothing waits");
    }

    /// From now on nothing can be written into the audit log.
    pub(crate) async fn break_the_audit_log(&self) {
        refuse_rows(&self.services.store, "audit_events").await;
    }

    /// Undoes [`Server::break_the_audit_log`].
    pub(crate) async fn mend_the_audit_log(&self) {
        accept_rows(&self.services.store, "audit_events").await;
    }

    /// Changes a client in the database, as another replica would; `assignment` is SQL. Returns
    /// when this server has noticed.
    pub(crate) async fn change_client(&self, id: &str, assignment: &str) {
        let sql = format!("UPDATE clients SET {assignment} WHERE id = '{id}'");
        let changed = self.services.store.write(move |transaction| {
            Box::pin(async move {
                catalog_version::advance(transaction).await?;
                Ok(transaction.execute_unprepared(&sql).await?.rows_affected())
            })
        });
        assert_eq!(changed.await.unwrap(), 1);
        self.notices_the_client(id).await;
    }

    /// Waits until the catalog shows the client as it is in the database.
    pub(crate) async fn notices_the_client(&self, id: &str) {
        for _ in 0..100 {
            self.wait(1);
            let wanted = id.to_owned();
            let store = &self.services.store;
            let row = store.read(|db| async move { client::find(&db, &wanted).await });
            let shown = self.services.keepers.catalog.client(id).await.unwrap();
            if row.await.unwrap().as_ref() == shown.as_deref() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the change of client {id} was not noticed");
    }

    /// The row of the family of a refresh token.
    pub(crate) async fn family_of(&self, refresh: &str) -> family::Model {
        let id = place(self, refresh).family;
        let found = self.services.store.read(move |db| async move { family::find(&db, id).await });
        found.await.unwrap().expect("the family has a row")
    }

    /// The row of the issuance of an access token.
    pub(crate) async fn issuance_of(&self, access: &str) -> issuance::Model {
        let jti: Uuid = claims(access)["jti"].as_str().unwrap().parse().unwrap();
        let store = &self.services.store;
        let found = store.read(move |db| async move { issuance::find_all(&db, vec![jti]).await });
        found.await.unwrap().pop().expect("the issuance has a row")
    }

    /// Marks a user disabled, or enabled, and nothing more.
    pub(crate) async fn set_disabled(&self, id: Uuid, disabled: bool) {
        let now = self.services.environment.now();
        let changed = self.services.store.write(move |transaction| {
            Box::pin(async move {
                user::set_disabled(transaction, id, disabled.then_some(now), now).await
            })
        });
        assert!(changed.await.unwrap());
    }

    /// How often `action` is in the audit log with all of `details`.
    pub(crate) async fn audited(&self, action: &str, details: &[&str]) -> usize {
        let events = self.audit().await;
        let meant = |line: &&String| {
            line.split(' ').next() == Some(action)
                && details.iter().all(|detail| line.contains(detail))
        };
        events.iter().filter(meant).count()
    }

    /// [`Server::audited`] of what is written after the answer: waits until there are as many.
    pub(crate) async fn until_audited(&self, action: &str, details: &[&str], count: usize) {
        for _ in 0..200 {
            if self.audited(action, details).await >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{action} {details:?} is not {count} times in {:?}", self.audit().await);
    }

    /// `GET` on the admin surface, with the admin key.
    pub(crate) async fn admin_get(&self, path: &str) -> Answer {
        let http = reqwest::Client::new();
        let request = http.get(self.admin_url(path)).bearer_auth(ADMIN_KEY);
        Answer::of(request.send().await.unwrap()).await
    }

    /// `POST` of JSON on the admin surface, with the admin key.
    pub(crate) async fn admin_post(&self, path: &str, body: &serde_json::Value) -> Answer {
        let http = reqwest::Client::new();
        let request = http.post(self.admin_url(path)).bearer_auth(ADMIN_KEY).json(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// `PATCH` of JSON on the admin surface, with the admin key.
    pub(crate) async fn admin_patch(&self, path: &str, body: &serde_json::Value) -> Answer {
        let http = reqwest::Client::new();
        let request = http.patch(self.admin_url(path)).bearer_auth(ADMIN_KEY).json(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// `GET` on the public surface.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(reqwest::get(self.url(path)).await.unwrap()).await
    }
}
