//! Many connections, each asking again as soon as it is answered.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::Outcome;
use crate::http::{Answer, Connection};

/// What is set to work until its end has to come to it within this time.
const LONGEST: Duration = Duration::from_secs(600);

/// What is asked on one connection.
pub trait Driver {
    /// Writes the next request; false when there is nothing left to ask.
    fn ask(&mut self, request: &mut Vec<u8>) -> bool;
    /// Looks at the answer.
    ///
    /// # Errors
    /// When it is not the right one, which ends the run: a fast wrong answer is worth
    /// nothing.
    fn hear(&mut self, answer: Answer<'_>) -> Outcome<()>;
}

/// One connection's driver.
pub type BoxedDriver = Box<dyn Driver>;

/// What a load brought.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Answers, all of them right.
    pub answers: usize,
    /// From the first request to the last answer.
    pub took: Duration,
    /// Half of the answers came within this time.
    pub p50: Duration,
    /// All but one in a hundred did.
    pub p99: Duration,
}

impl Load {
    /// Answers per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.answers).unwrap_or(u32::MAX)) / self.took.as_secs_f64()
    }
}

/// Sets every driver to work on a connection of its own, for `time` or until it has
/// nothing left to ask. The drivers come back, to go on where they stopped. The connections go to
/// the `addresses` in turn.
///
/// # Errors
/// The first wrong answer or broken connection.
pub async fn apply(
    addresses: &[SocketAddr],
    drivers: Vec<BoxedDriver>,
    time: Duration,
) -> Outcome<(Load, Vec<BoxedDriver>)> {
    let mut connected = Vec::with_capacity(drivers.len());
    for (driver, address) in drivers.into_iter().zip(addresses.iter().cycle()) {
        connected.push((driver, Connection::to(*address).await?));
    }
    let tasks = LocalSet::new();
    let begun = Instant::now();
    let deadline = begun + time;
    let running: Vec<_> = connected
        .into_iter()
        .map(|(driver, connection)| tasks.spawn_local(converse(driver, connection, deadline)))
        .collect();
    let (mut latencies, mut drivers) = (Vec::new(), Vec::new());
    let ended = tasks.run_until(futures::future::join_all(running)).await;
    let took = begun.elapsed();
    for one in ended {
        let (driver, theirs) = one??;
        latencies.extend(theirs);
        drivers.push(driver);
    }
    latencies.sort_unstable();
    let load = Load {
        answers: latencies.len(),
        took,
        p50: percentile(&latencies, 50),
        p99: percentile(&latencies, 99),
    };
    Ok((load, drivers))
}

/// Sets every driver to work until it has nothing left to ask.
///
/// # Errors
/// The first wrong answer or broken connection.
pub async fn to_the_end(address: SocketAddr, drivers: Vec<BoxedDriver>) -> Outcome<()> {
    apply(&[address], drivers, LONGEST).await.map(drop)
}

async fn converse(
    mut driver: BoxedDriver,
    mut connection: Connection,
    deadline: Instant,
) -> Outcome<(BoxedDriver, Vec<Duration>)> {
    let (mut request, mut latencies) = (Vec::with_capacity(2048), Vec::new());
    loop {
        let asked = Instant::now();
        request.clear();
        if asked >= deadline || !driver.ask(&mut request) {
            return Ok((driver, latencies));
        }
        let answer = connection.exchange(&request).await?;
        latencies.push(asked.elapsed());
        driver.hear(answer)?;
    }
}

/// `sorted` has to be.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = sorted.len().saturating_mul(percent) / 100;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_list() {
        let list: Vec<Duration> = (0..200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&list, 50), Duration::from_millis(100));
        assert_eq!(percentile(&list, 99), Duration::from_millis(198));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
