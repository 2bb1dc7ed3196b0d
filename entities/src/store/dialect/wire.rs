//! How news travels: by `LISTEN` and `NOTIFY` of PostgreSQL; on SQLite, whose server is one
//! process, inside that process.
//!
//! Either way what a transaction announces is heard once it is committed and not before.
//! PostgreSQL sees to that itself; for SQLite what was announced stays with the task of the
//! transaction until that has ended.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::ACQUIRE_WITHIN;
use crate::News;
use crate::store::{CLOSE_WITHIN, StoreError};

/// The channel of all servers on one database. Should several installations share a database,
/// each in a schema of its own, they hear each other's news, and look for nothing.
const CHANNEL: &str = "authserver";
/// How often a connection that listens says something to itself.
const BEAT_EVERY: Duration = Duration::from_secs(2);
/// And how soon it has to hear that. TCP alone would need minutes to notice that the other end
/// is gone.
const BEAT_WITHIN: Duration = Duration::from_secs(3);
/// How long it may take until a connection listens.
const LISTEN_WITHIN: Duration = Duration::from_secs(5);
/// News that waits for whoever subscribed. When there is more, PostgreSQL keeps it.
const WAITING: usize = 64;
/// The same inside one process; beyond that some is missed, and said to be.
const WAITING_HERE: usize = 256;
/// PostgreSQL keeps what anybody was not told yet. It must not do so for a process that
/// vanished without a word. Where it cannot be set, its own defaults hold.
const NOTICE_OUR_END: [&str; 3] = [
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
];

/// Whereby news travels.
pub(in crate::store) enum Wire {
    /// A connection of its own, made like those of the pool.
    Postgres(Box<PgConnectOptions>),
    /// This process.
    Sqlite(broadcast::Sender<News>),
}

/// What somebody who listens hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Something changed.
    News(News),
    /// There was more news than could be kept: anything may have changed.
    Missed,
    /// The connection is alive: so long it took to hear what it had said itself.
    Lag(Duration),
}

/// The news from now on. On PostgreSQL this holds a connection beside those of the pool, and
/// lets go of it when it is dropped.
pub struct Subscription(Source);

enum Source {
    Postgres(mpsc::Receiver<Result<Heard, StoreError>>),
    Sqlite(broadcast::Receiver<News>),
}

tokio::task_local! {
    /// What the transaction of this task has announced so far; of use on SQLite.
    static ANNOUNCED: RefCell<Vec<News>>;
}

/// Runs a transaction that may announce something.
pub(in crate::store) fn announcing<F: Future>(transaction: F) -> impl Future<Output = F::Output> {
    ANNOUNCED.scope(RefCell::default(), transaction)
}

/// See [`crate::news::announce`].
pub(crate) async fn announce_on<C: ConnectionTrait>(
    transaction: &C,
    news: News,
) -> Result<(), StoreError> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let (channel, text) = (CHANNEL.into(), news.to_string().into());
        let tell = "SELECT pg_notify($1, $2)";
        let tell = Statement::from_sql_and_values(DbBackend::Postgres, tell, [channel, text]);
        transaction.execute_raw(tell).await?;
        return Ok(());
    }
    // Outside of a transaction of the store nobody hears of it, as nobody could have listened:
    // the schema is brought up to date before anything else.
    let _outside = ANNOUNCED.try_with(|announced| announced.borrow_mut().push(news));
    Ok(())
}

impl Wire {
    /// Inside this process.
    pub(super) fn within() -> Wire {
        Wire::Sqlite(broadcast::Sender::new(WAITING_HERE))
    }

    /// By connections to `target`.
    pub(super) fn to(target: PgConnectOptions) -> Wire {
        Wire::Postgres(Box::new(target.application_name("authserver relay")))
    }

    /// The transaction of this task was committed, or may have been.
    pub(in crate::store) fn committed(&self) {
        if let Wire::Sqlite(everybody) = self {
            let announced = ANNOUNCED.try_with(RefCell::take).unwrap_or_default();
            for news in announced {
                // Nobody may be listening.
                drop(everybody.send(news));
            }
        }
    }

    /// Returns once everything that is committed from now on will be heard.
    pub(in crate::store) async fn subscribe(&self, name: Uuid) -> Result<Subscription, StoreError> {
        let source = match self {
            Wire::Sqlite(everybody) => Source::Sqlite(everybody.subscribe()),
            Wire::Postgres(target) => {
                let late = |_| StoreError::Unreachable("no answer in time".to_owned());
                let line = timeout(LISTEN_WITHIN, Line::open(target, name)).await;
                let (say, said) = mpsc::channel(WAITING);
                tokio::spawn(line.map_err(late)??.keep(say));
                Source::Postgres(said)
            }
        };
        Ok(Subscription(source))
    }
}

impl Subscription {
    /// Whether news comes from this process alone, and no connection can be lost.
    #[must_use]
    pub fn is_within(&self) -> bool {
        matches!(self.0, Source::Sqlite(_))
    }

    /// What is heard next.
    ///
    /// # Errors
    /// When the connection is lost. Whatever was announced since may never be heard; subscribe
    /// anew, and look at everything.
    pub async fn next(&mut self) -> Result<Heard, StoreError> {
        let ended = || StoreError::Unreachable("nobody listens any more".to_owned());
        match &mut self.0 {
            Source::Postgres(said) => said.recv().await.unwrap_or_else(|| Err(ended())),
            Source::Sqlite(everybody) => match everybody.recv().await {
                Ok(news) => Ok(Heard::News(news)),
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(Heard::Missed),
                Err(broadcast::error::RecvError::Closed) => Err(ended()),
            },
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("within", &self.is_within()).finish()
    }
}

/// A connection that listens.
struct Line {
    listener: PgListener,
    /// What the driver needs for a listener; it holds that one connection.
    pool: PgPool,
    /// The channel on which it talks to itself, known to nobody else.
    own: String,
    beats: u64,
    /// The last beat, unless it was heard.
    unheard: Option<Instant>,
}

impl Line {
    /// It listens, and has heard itself: through a pooler that lends its connections for a
    /// transaction at a time nothing would ever come.
    async fn open(target: &PgConnectOptions, name: Uuid) -> Result<Line, StoreError> {
        // One connection beside the pool says why there is none.
        let first = PgConnection::connect_with(target).await.map_err(|error| lost(&error))?;
        drop(first.close().await);
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(ACQUIRE_WITHIN)
            .test_before_acquire(false)
            .connect_lazy_with(target.clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(|error| lost(&error))?;
        listener.eager_reconnect(false);
        listener.ignore_pool_close_event(true);
        for statement in NOTICE_OUR_END {
            drop(listener.execute(statement).await);
        }
        let own = format!("authserver {}", name.simple());
        listener.listen_all([CHANNEL, own.as_str()]).await.map_err(|error| lost(&error))?;
        let mut line = Line { listener, pool, own, beats: 0, unheard: None };
        line.beat().await?;
        let unheard = |_| unheard_of();
        timeout(BEAT_WITHIN, async {
            while line.unheard.is_some() {
                line.hear().await?;
            }
            Ok(line)
        })
        .await
        .map_err(unheard)?
    }

    /// Says what is heard, until that is an error or nobody wants to know.
    async fn keep(mut self, say: mpsc::Sender<Result<Heard, StoreError>>) {
        let mut beat = interval(BEAT_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let heard = tokio::select! {
                () = say.closed() => break,
                heard = self.next(&mut beat) => heard,
            };
            let is_over = heard.is_err();
            if say.send(heard).await.is_err() || is_over {
                break;
            }
        }
        drop(self.listener);
        drop(timeout(CLOSE_WITHIN, self.pool.close()).await);
    }

    async fn next(&mut self, beat: &mut Interval) -> Result<Heard, StoreError> {
        loop {
            tokio::select! {
                heard = self.hear() => {
                    if let Some(heard) = heard? {
                        return Ok(heard);
                    }
                }
                _ = beat.tick() => self.beat().await?,
            }
        }
    }

    /// May be given up at any time: nothing is lost by that.
    async fn hear(&mut self) -> Result<Option<Heard>, StoreError> {
        let Some(said) = self.listener.try_recv().await.map_err(|error| lost(&error))? else {
            return Err(StoreError::Unreachable("PostgreSQL closed the connection".to_owned()));
        };
        if said.channel() == self.own {
            let is_last = said.payload() == self.beats.to_string();
            let beat = self.unheard.take_if(|_| is_last);
            return Ok(beat.map(|at| Heard::Lag(at.elapsed())));
        }
        let news = News::parse(said.payload());
        if news.is_none() {
            tracing::debug!(length = said.payload().len(), "news that nobody here understands");
        }
        Ok(news.map(Heard::News))
    }

    /// Says something to itself, by the way that all news goes.
    async fn beat(&mut self) -> Result<(), StoreError> {
        if self.unheard.is_some() {
            return Err(unheard_of());
        }
        self.beats += 1;
        self.unheard = Some(Instant::now());
        let say = AssertSqlSafe(format!("NOTIFY \"{}\", '{}'", self.own, self.beats));
        let said = timeout(BEAT_WITHIN, self.listener.execute(say)).await;
        said.map_err(|_| unheard_of())?.map_err(|error| lost(&error))?;
        Ok(())
    }
}

fn lost(error: &sqlx::Error) -> StoreError {
    StoreError::Unreachable(error.to_string())
}

fn unheard_of() -> StoreError {
    let detail = "what the listening connection said to itself did not come back. Is a connection \
                  pooler in between, in transaction mode? LISTEN needs a session";
    StoreError::Unreachable(detail.to_owned())
}
