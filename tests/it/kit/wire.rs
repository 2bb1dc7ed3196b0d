//! A wire between a server and its database that can be slow, dead, or cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const CHUNK: usize = 64 * 1024;

/// What the wire does to what goes through.
#[derive(Debug, Clone, Copy, Default)]
struct Condition {
    /// Each piece is on its way so long, in either direction.
    delay: Duration,
    /// Nothing goes through, and nobody is told: as when a cable is pulled.
    dead: bool,
    /// Connections that were made under another number are gone.
    cuts: u64,
}

/// Lets connections through to one address, as it is told to.
#[derive(Debug)]
pub(crate) struct Wire {
    port: u16,
    condition: watch::Sender<Condition>,
    listening: JoinHandle<()>,
}

impl Wire {
    /// A wire to this address of the machine.
    pub(crate) async fn to(port: u16) -> Wire {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let near = listener.local_addr().unwrap().port();
        let (condition, watched) = watch::channel(Condition::default());
        let far = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, far, watched.clone()));
            }
        });
        Wire { port: near, condition, listening }
    }

    /// Where its near end is.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on each piece of data is on its way so long.
    pub(crate) fn be_slow(&self, delay: Duration) {
        self.condition.send_modify(|it| it.delay = delay);
    }

    /// From now on nothing goes through, and connections stay open.
    pub(crate) fn die(&self) {
        self.condition.send_modify(|it| it.dead = true);
    }

    /// From now on all goes through again, at once; what was on its way arrives.
    pub(crate) fn be_well(&self) {
        self.condition.send_modify(|it| (it.delay, it.dead) = (Duration::ZERO, false));
    }

    /// Ends every connection there is. New ones may be made.
    pub(crate) fn cut(&self) {
        self.condition.send_modify(|it| it.cuts += 1);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

async fn carry(near: TcpStream, far: SocketAddr, condition: watch::Receiver<Condition>) {
    let born = condition.borrow().cuts;
    let mut watched = condition.clone();
    let cut = async move { drop(watched.wait_for(|it| it.cuts != born).await) };
    let through = async {
        // A dead wire carries no new connection either.
        is_alive(&condition).await;
        let Ok(far) = TcpStream::connect(far).await else { return };
        for end in [&near, &far] {
            drop(end.set_nodelay(true));
        }
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        tokio::select! {
            () = pass(near_in, far_out, &condition) => {}
            () = pass(far_in, near_out, &condition) => {}
        }
    };
    tokio::select! {
        () = cut => {}
        () = through => {}
    }
}

/// Passes on what comes, until one end is closed.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    condition: &watch::Receiver<Condition>,
) {
    let mut piece = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let delay = condition.borrow().delay;
        if !delay.is_zero() {
            sleep(delay).await;
        }
        is_alive(condition).await;
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

async fn is_alive(condition: &watch::Receiver<Condition>) {
    drop(condition.clone().wait_for(|it| !it.dead).await);
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const MOMENT: Duration = Duration::from_millis(300);
    const PATIENCE: Duration = Duration::from_secs(10);

    /// A wire to somebody who says back what they hear.
    async fn to_an_echo() -> Wire {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let wire = Wire::to(listener.local_addr().unwrap().port()).await;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut heard, mut said) = stream.split();
                    drop(tokio::io::copy(&mut heard, &mut said).await);
                });
            }
        });
        wire
    }

    async fn connect(wire: &Wire) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, wire.port())).await.unwrap()
    }

    /// What comes back of one byte; nothing when the connection is gone.
    async fn echo(stream: &mut TcpStream) -> Option<u8> {
        stream.write_all(&[7]).await.ok()?;
        stream.read_u8().await.ok()
    }

    #[tokio::test]
    async fn a_wire_can_be_slow_and_be_well_again() {
        let wire = to_an_echo().await;
        let mut stream = connect(&wire).await;
        assert_eq!(echo(&mut stream).await, Some(7));

        wire.be_slow(MOMENT);
        let begun = Instant::now();
        assert_eq!(echo(&mut stream).await, Some(7));
        assert!(begun.elapsed() >= MOMENT * 2, "there and back: {:?}", begun.elapsed());

        wire.be_well();
        assert_eq!(echo(&mut stream).await, Some(7));
    }

    #[tokio::test]
    async fn a_dead_wire_keeps_what_was_said_and_says_nothing() {
        let wire = to_an_echo().await;
        let mut stream = connect(&wire).await;
        assert_eq!(echo(&mut stream).await, Some(7));

        wire.die();
        timeout(MOMENT, echo(&mut stream)).await.expect_err("nothing comes back");
        let mut new = connect(&wire).await;
        timeout(MOMENT, echo(&mut new)).await.expect_err("nor on a new connection");

        wire.be_well();
        assert_eq!(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap(), 7);
        assert_eq!(timeout(PATIENCE, new.read_u8()).await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn a_cut_ends_what_there_is_and_not_what_comes() {
        let wire = to_an_echo().await;
        let mut stream = connect(&wire).await;
        assert_eq!(echo(&mut stream).await, Some(7));
        wire.cut();
        assert_eq!(timeout(PATIENCE, echo(&mut stream)).await.unwrap(), None);
        assert_eq!(echo(&mut connect(&wire).await).await, Some(7));
    }
}
