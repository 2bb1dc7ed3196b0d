//! The clients at work: each does its own thing again and again until it is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::acts::{Family, World, locked};
use super::history::Place;
use crate::kit::Pkce;
use crate::kit::dice::Dice;
use crate::kit::dpop::Prover;
use crate::kit::stage::RESOURCE;

const MACHINES: u64 = 3;
const APPS: u64 = 5;
const WATCHERS: u64 = 2;
/// Codes are sent, after all, within this time or not at all: they live a minute.
const SOON: Duration = Duration::from_secs(10);

/// Sets them all to work.
pub(super) fn set_to_work(world: &Arc<World>, seed: u64) -> JoinSet<()> {
    let mut dice = Dice::new(seed);
    let mut clients = JoinSet::new();
    let mut next = || (Arc::clone(world), Dice::new(dice.next()));
    for _ in 0..MACHINES {
        let (world, dice) = next();
        clients.spawn(machine(world, dice));
    }
    for _ in 0..APPS {
        let (world, dice) = next();
        clients.spawn(app(world, dice));
    }
    for _ in 0..WATCHERS {
        let (world, dice) = next();
        clients.spawn(watcher(world, dice));
    }
    let (world, dice) = next();
    clients.spawn(revoker(world, dice));
    let (world, dice) = next();
    clients.spawn(gateway(world, dice));
    let (world, dice) = next();
    clients.spawn(verifier(world, dice));
    let (world, dice) = next();
    clients.spawn(newcomers(world, dice));
    clients
}

/// Nobody asks without a pause.
async fn pause(dice: &mut Dice, about: u64) {
    sleep(Duration::from_millis(about / 2 + dice.next() % about)).await;
}

/// Asks for tokens, half of them bound to a key.
async fn machine(world: Arc<World>, mut dice: Dice) {
    let key = Prover::new();
    while !world.is_over() {
        let outcome = world.issue(dice.percent(50).then_some(&key)).await;
        if !outcome.is_success() {
            world.breathe().await;
        }
        pause(&mut dice, 150).await;
    }
}

/// Signs in, rotates for a while, ends it in one way or another, and signs in again.
async fn app(world: Arc<World>, mut dice: Dice) {
    while !world.is_over() {
        match begin(&world, &mut dice).await {
            Some(mut family) => {
                let times = 3 + dice.throw(20);
                let lives = rotate(&world, &mut family, times, &mut dice).await;
                if lives {
                    end(&world, family, &mut dice).await;
                } else {
                    locked(&world.pool).give_up_family(family.number);
                }
            }
            None => world.breathe().await,
        }
    }
}

/// A code, and the tokens for it. Now and then the code is sent twice, at once or one after the
/// other: then it is as good as stolen, and nothing comes of it.
async fn begin(world: &World, dice: &mut Dice) -> Option<Family> {
    let pkce = Pkce::new(&format!("{:x}", dice.next()));
    let (_, code) = world.authorize(&world.app, &pkce).await;
    let (code, number) = (code?, world.next_family());
    let begun = world.recorder.now();
    let chance = dice.throw(100);
    if chance < 8 {
        let both = futures::future::join(
            world.redeem(number, &code, &pkce),
            world.redeem(number, &code, &pkce),
        );
        both.await;
    } else {
        let (mut outcome, mut tip) = world.redeem(number, &code, &pkce).await;
        // As we tell clients: once more, and if that is refused start over.
        if outcome.is_open() && world.recorder.now() - begun < SOON {
            world.breathe().await;
            (outcome, tip) = world.redeem(number, &code, &pkce).await;
        }
        match tip {
            Some(tip) if chance >= 16 => return Some(Family { number, tip, before: Vec::new() }),
            Some(_) => drop(world.redeem(number, &code, &pkce).await),
            None => drop(outcome),
        }
    }
    let gone = locked(&world.pool).give_up_family(number);
    for held in gone {
        world.introspect_everywhere(held.jti, &held.token).await;
    }
    None
}

/// Uses the newest refresh token, over and over; one whose successor did not come is used again.
/// Whether the family lives.
async fn rotate(world: &World, family: &mut Family, times: usize, dice: &mut Dice) -> bool {
    for _ in 0..times {
        if world.is_over() {
            return true;
        }
        // Clients race themselves, and both sides of them get the same.
        let racing = dice.percent(10);
        let (number, tip) = (family.number, family.tip.clone());
        let (outcome, next) = if racing {
            let (one, other) =
                futures::future::join(world.rotate(number, &tip), world.rotate(number, &tip)).await;
            if one.1.is_some() { one } else { other }
        } else {
            world.rotate(number, &tip).await
        };
        match next {
            Some(next) => family.before.push(std::mem::replace(&mut family.tip, next)),
            None if outcome.is_open() => world.breathe().await,
            None => return false,
        }
        pause(dice, 250).await;
    }
    true
}

/// The family is given back, or somebody uses an old token of it, or it is left alone.
async fn end(world: &World, family: Family, dice: &mut Dice) {
    let chance = dice.throw(100);
    let old = family.before.len().checked_sub(2).map(|it| family.before[it].clone());
    let stolen = old.filter(|_| chance >= 80);
    if chance < 40 {
        locked(&world.left).push(family);
        return;
    }
    let held = locked(&world.pool).give_up_family(family.number);
    loop {
        let outcome = match &stolen {
            Some(old) => world.rotate(family.number, old).await.0,
            None => world.revoke_family(family.number, &family.tip).await,
        };
        // Whoever wants it gone asks until somebody says that it is.
        if !outcome.is_open() || world.is_over() {
            break;
        }
        world.breathe().await;
    }
    for held in held.iter().rev().take(3) {
        world.introspect_everywhere(held.jti, &held.token).await;
    }
}

/// Asks about tokens that are good, and about tokens that are not, here and there.
async fn watcher(world: Arc<World>, mut dice: Dice) {
    while !world.is_over() {
        let place = world.anywhere(&mut dice);
        let held = match dice.percent(50) {
            true => locked(&world.pool).good(&mut dice),
            false => locked(&world.pool).ended(&mut dice),
        };
        if let Some(held) = held {
            world.introspect(place, held.jti, &held.token).await;
        }
        pause(&mut dice, 60).await;
    }
}

/// Gives machines' tokens back, and looks whether they are gone.
async fn revoker(world: Arc<World>, mut dice: Dice) {
    while !world.is_over() {
        let held = locked(&world.pool).give_up_one(&mut dice);
        if let Some(held) = held {
            while world.revoke_token(&held).await.is_open() && !world.is_over() {
                world.breathe().await;
            }
            world.introspect_everywhere(held.jti, &held.token).await;
        }
        pause(&mut dice, 400).await;
    }
}

/// Exchanges people's tokens.
async fn gateway(world: Arc<World>, mut dice: Dice) {
    while !world.is_over() {
        let held = locked(&world.pool).of_an_app(&mut dice);
        if let Some(held) = held
            && !world.exchange(&held).await.is_success()
        {
            world.breathe().await;
        }
        pause(&mut dice, 300).await;
    }
}

/// Fetches the keys from everywhere, and verifies tokens with them.
async fn verifier(world: Arc<World>, mut dice: Dice) {
    let http = reqwest::Client::new();
    while !world.is_over() {
        for place in [Place::Balancer, Place::Replica(0), Place::Replica(1), Place::Replica(2)] {
            let held = locked(&world.pool).good(&mut dice);
            world.verify(&http, place, held.as_ref()).await;
        }
        pause(&mut dice, 400).await;
    }
}

/// Apps register and are agreed to, at once and at whichever replica; later they come for a code.
async fn newcomers(world: Arc<World>, mut dice: Dice) {
    while !world.is_over() {
        let pkce = Pkce::new(&format!("{:x}", dice.next()));
        let known = locked(&world.agreed).clone();
        if known.is_empty() || dice.percent(30) {
            if let (_, Some(app)) = world.register().await
                && world.agree(&app, RESOURCE, &pkce).await.is_success()
            {
                locked(&world.agreed).push(app.id.clone());
            }
        } else {
            let app = world.app.another(&known[dice.throw(known.len())]);
            world.authorize(&app, &pkce).await;
        }
        pause(&mut dice, 700).await;
    }
}
