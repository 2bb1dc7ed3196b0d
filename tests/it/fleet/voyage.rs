//! A fleet under load, from the first client to the last look at what they were told.

#![expect(clippy::print_stdout, reason = "what clients felt of each fault is worth a look")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use super::acts::{Family, World, locked};
use super::clients;
use super::faults::Fault;
use super::history::{Event, Moment};
use super::laws::{Complaints, LAWS, every_token_is_on_record};
use super::replicas::Fleet;
use super::report::{Felt, heading, tally};
use crate::kit::dice::Dice;
use crate::kit::written_down::{without_audit_row, without_issuance};

/// How long the clients may take to finish what they are at.
const PATIENCE: Duration = Duration::from_secs(120);
/// So many complaints are shown.
const SHOWN: usize = 10;

/// A fleet, its clients, and what befell them.
#[derive(Debug)]
pub(super) struct Voyage {
    fleet: Fleet,
    world: Arc<World>,
    clients: JoinSet<()>,
    dice: Dice,
    felt: Vec<Felt>,
    /// Tokens handed out before are on record: that was looked at.
    looked_at: Moment,
}

impl Voyage {
    /// Starts the fleet and sets the clients to work.
    pub(super) async fn begin(seed: u64) -> Voyage {
        println!("\nseed {seed}");
        let (fleet, world) = Fleet::launch().await;
        let mut dice = Dice::new(seed);
        let clients = clients::set_to_work(&world, dice.next());
        println!("{}", heading());
        Voyage { fleet, world, clients, dice, felt: Vec::new(), looked_at: Moment::ZERO }
    }

    /// Lets a fault happen, waits until the fleet is whole again, and checks the laws.
    pub(super) async fn meet(&mut self, fault: Fault, long: Duration) {
        let recorder = &self.world.recorder;
        let begun = recorder.now();
        fault.strike(&mut self.fleet, &self.world, long, &mut self.dice).await;
        let whole_after = self.fleet.whole_again(&self.world).await;
        let ended = recorder.now();
        let felt = Felt::of(&recorder.history(), fault, [begun, ended], whole_after);
        println!("{felt}");
        assert!(felt.successes > 0, "nobody got anything\n{}", self.fleet.tails());
        self.felt.push(felt);
        while let Some(ended) = self.clients.try_join_next() {
            ended.unwrap();
        }
        self.check().await;
    }

    /// Stops the clients, tries what they hold once more, and checks everything.
    pub(super) async fn end(mut self) {
        self.world.over.store(true, Ordering::SeqCst);
        let clients = std::mem::take(&mut self.clients);
        timeout(PATIENCE, clients.join_all()).await.expect("the clients come to an end");
        let left = std::mem::take(&mut *locked(&self.world.left));
        for family in left {
            self.try_out(family).await;
        }
        self.check().await;
        let history = self.world.recorder.history().clone();
        println!("\n{}", tally(&history));
        println!("{} acts, {} faults: all laws hold", history.len(), self.felt.len());
        self.fleet.land().await;
    }

    /// The newest refresh token of a family works, and gives the same successor again; an old one
    /// does not, and is the end of it.
    async fn try_out(&self, family: Family) {
        let Family { number, tip, before } = family;
        let (_, next) = self.world.rotate(number, &tip).await;
        let (_, same) = self.world.rotate(number, &tip).await;
        let (Some(next), true) = (&next, next == same) else { return };
        if let Some(old) = before.last() {
            self.world.rotate(number, next).await;
            self.world.rotate(number, old).await;
            self.world.rotate(number, next).await;
        }
    }

    async fn check(&mut self) {
        let until = self.world.recorder.now();
        let mut broken: Vec<(&str, Complaints)> = Vec::new();
        let history = self.world.recorder.history().clone();
        for law in LAWS {
            broken.push((law.says, (law.complaints)(&history)));
        }
        let new: HashSet<Uuid> = history
            .iter()
            .filter(|event| event.ended >= self.looked_at)
            .filter_map(|event| Some(event.outcome.tokens()?.jti))
            .collect();
        let store = self.fleet.shore.store().await;
        let unrecorded = without_issuance(&store, &new).await;
        // Other acts leave rows as well, and some rows are of a clock that was wrong.
        let rows = u64::try_from(new.len()).unwrap() * 3 + 5_000;
        let unaudited = without_audit_row(&store, &new, rows).await;
        store.close().await;
        broken.push((
            "every token that was handed out is on record",
            every_token_is_on_record(&unrecorded, &unaudited),
        ));
        self.looked_at = until;
        broken.retain(|(_, complaints)| !complaints.is_empty());
        if !broken.is_empty() {
            self.fail(&broken);
        }
    }

    fn fail(&self, broken: &[(&str, Complaints)]) {
        let mut text = String::new();
        let history = self.world.recorder.history().clone();
        for (law, complaints) in broken {
            text.push_str(&format!("\nBROKEN: {law}, {} times\n", complaints.len()));
            for complaint in complaints.iter().take(SHOWN) {
                text.push_str(&format!("  {complaint}\n{}", about_the_same(&history, complaint)));
            }
        }
        text.push_str(&tally(&self.world.recorder.history()));
        panic!("{text}\n{}", self.fleet.tails());
    }
}

/// What else happened to the tokens that a complaint names.
fn about_the_same(history: &[Event], complaint: &str) -> String {
    let words = complaint.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-');
    let named: Vec<&str> = words.filter(|word| Uuid::parse_str(word).is_ok()).collect();
    let events = history.iter().map(|event| format!("{event:?}"));
    let same = events.filter(|event| named.iter().any(|name| event.contains(name)));
    same.take(SHOWN).map(|event| format!("    {event}\n")).collect()
}
