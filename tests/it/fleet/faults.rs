//! What befalls a fleet.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::acts::{World, locked};
use super::history::Place;
use super::replicas::Fleet;
use crate::kit::behind::execute;
use crate::kit::dice::Dice;

/// Something that goes wrong, mostly with one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Nothing does.
    Calm,
    /// A process is gone from one moment to the next.
    Kill(usize),
    /// A process stands still, and goes on later as if nothing had been.
    Freeze(usize),
    /// The database is gone as in a power cut, and is started again.
    RestartDatabase,
    /// One replica's connections to the database end, all at once.
    Cut(usize),
    /// One replica's database is far away.
    Slow(usize),
    /// One replica's database does not answer any more, and its connections stay open.
    Deaf(usize),
    /// One replica is started with a clock that is half a minute ahead; later it jumps back to half a
    /// minute behind.
    WrongClock(usize),
    /// An operator orders a new key of one replica, which is announced.
    NewKey(usize),
    /// The same, and it signs at once.
    Emergency(usize),
    /// An operator orders a new server secret of one replica, which is announced and takes over a
    /// minute later.
    NewSecret(usize),
    /// The connections end on which the replicas hear of each other's changes, and again as soon as
    /// there are new ones; meanwhile an operator changes something.
    Unheard(usize),
    /// The next version migrates the database, and one replica after the other is replaced; by this
    /// version again, as when the upgrade is taken back half way.
    Roll,
}

/// How far a clock is wrong.
const ASTRAY: i32 = 30;
/// How long something is on its way to a database that is far away.
const FAR: Duration = Duration::from_millis(150);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Calm => f.write_str("calm"),
            Fault::Kill(number) => write!(f, "kill -9 of replica {number}"),
            Fault::Freeze(number) => write!(f, "SIGSTOP of replica {number}"),
            Fault::RestartDatabase => f.write_str("restart of the database"),
            Fault::Cut(number) => write!(f, "connections of replica {number} cut"),
            Fault::Slow(number) => write!(f, "slow database for replica {number}"),
            Fault::Deaf(number) => write!(f, "silent database for replica {number}"),
            Fault::WrongClock(number) => write!(f, "clock of replica {number} ±{ASTRAY} s"),
            Fault::NewKey(number) => write!(f, "new key, by replica {number}"),
            Fault::Emergency(number) => write!(f, "new key at once, by replica {number}"),
            Fault::NewSecret(number) => write!(f, "new server secret, by replica {number}"),
            Fault::Unheard(number) => {
                write!(f, "nobody hears of the new key at once, by replica {number}")
            }
            Fault::Roll => f.write_str("rolling restart, with a migration"),
        }
    }
}

impl Fault {
    /// Every fault once, in any order, each with any replica.
    pub(super) fn each_once(dice: &mut Dice) -> Vec<Fault> {
        let mut any = || dice.throw(3);
        let mut faults = vec![
            Fault::Calm,
            Fault::Kill(any()),
            Fault::Freeze(any()),
            Fault::RestartDatabase,
            Fault::Cut(any()),
            Fault::Slow(any()),
            Fault::Deaf(any()),
            Fault::WrongClock(any()),
            Fault::NewKey(any()),
            Fault::Emergency(any()),
            Fault::NewSecret(any()),
            Fault::Unheard(any()),
            Fault::Roll,
        ];
        dice.shuffle(&mut faults);
        faults
    }

    /// Lets it happen, and ends it; the fleet mends itself afterwards. `long` is how long what lasts
    /// may last.
    pub(super) async fn strike(
        self,
        fleet: &mut Fleet,
        world: &World,
        long: Duration,
        dice: &mut Dice,
    ) {
        match self {
            Fault::Calm => sleep(long).await,
            Fault::Kill(number) => {
                fleet.kill(number);
                sleep(long / 4).await;
                fleet.start(number, false);
            }
            Fault::Freeze(number) => freeze(fleet, world, number, long, dice).await,
            Fault::RestartDatabase => {
                fleet.cluster.go_away();
                sleep(long / 4).await;
                fleet.cluster.come_back();
            }
            Fault::Cut(number) => fleet.replicas[number].wire.cut(),
            Fault::Slow(number) => {
                fleet.replicas[number].wire.be_slow(FAR);
                sleep(long).await;
                fleet.replicas[number].wire.be_well();
            }
            Fault::Deaf(number) => {
                fleet.replicas[number].wire.die();
                sleep(long).await;
                fleet.replicas[number].wire.be_well();
            }
            Fault::WrongClock(number) => lead_astray(fleet, number, long).await,
            Fault::NewKey(number) => {
                world.rotate_keys(number, false).await;
            }
            Fault::Emergency(number) => {
                world.rotate_keys(number, true).await;
                sleep(long).await;
            }
            Fault::NewSecret(number) => {
                world.rotate_secrets(number).await;
            }
            Fault::Unheard(number) => {
                let cut = cut_listeners(fleet, long);
                let ordered = async {
                    sleep(long / 4).await;
                    world.rotate_keys(number, true).await;
                };
                futures::future::join(cut, ordered).await;
            }
            Fault::Roll => roll(fleet, long).await,
        }
    }
}

/// While a replica stands still a token that it has just called good is revoked elsewhere. It is
/// asked about it while it cannot answer, and the moment it can.
async fn freeze(fleet: &mut Fleet, world: &World, number: usize, long: Duration, dice: &mut Dice) {
    let here = Place::Replica(number);
    let held = locked(&world.pool).give_up_one(dice);
    if let Some(held) = &held {
        world.introspect(here, held.jti, &held.token).await;
    }
    fleet.server(number).freeze();
    sleep(long / 2).await;
    let Some(held) = held else {
        sleep(long / 2).await;
        return fleet.server(number).thaw();
    };
    while !world.revoke_token(&held).await.is_success() {
        world.breathe().await;
    }
    let asked_early = async {
        futures::future::join_all((0..4).map(|_| world.introspect(here, held.jti, &held.token)))
            .await
    };
    let thawed = async {
        sleep(long / 2).await;
        fleet.server(number).thaw();
        world.introspect(here, held.jti, &held.token).await;
    };
    futures::future::join(asked_early, thawed).await;
}

async fn lead_astray(fleet: &mut Fleet, number: usize, long: Duration) {
    fleet.stop(number).await;
    fleet.replicas[number].clock.set(ASTRAY);
    fleet.start(number, true);
    fleet.server(number).ready().await;
    fleet.is_astray(number, ASTRAY).await;
    sleep(long / 2).await;
    fleet.replicas[number].clock.set(-ASTRAY);
    fleet.is_astray(number, -ASTRAY).await;
    sleep(long / 2).await;
    fleet.stop(number).await;
    fleet.start(number, false);
}

async fn roll(fleet: &mut Fleet, long: Duration) {
    fleet.migrate_ahead().await;
    for number in 0..fleet.replicas.len() {
        fleet.stop(number).await;
        fleet.start(number, false);
        fleet.server(number).ready().await;
        sleep(long / 8).await;
    }
}

/// Whoever listens is cut off, again and again: who listens once more is cut off once more.
async fn cut_listeners(fleet: &Fleet, long: Duration) {
    let store = fleet.shore.store().await;
    let (over, mut ended) = (Instant::now() + long, 0);
    while Instant::now() < over {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND application_name = 'authserver relay'";
        ended += execute(&store, cut).await.unwrap();
        sleep(Duration::from_millis(200)).await;
    }
    assert!(ended > 0, "nobody has listened in {long:?}");
    store.close().await;
}
