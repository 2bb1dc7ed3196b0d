//! A connection that nobody waits on for ever.
//!
//! The HTTP library bounds the head of the first request on a connection, and how long one
//! stays open on which nothing happens. What it leaves open is bounded here, around the
//! stream that it reads from and writes to, with TLS or without:
//!
//! - **the head of every request**: from its first byte to its last `server.read_timeout`
//!   may pass (bodies are bounded where they are read, [`crate::http`]);
//! - **every answer**: once the client takes no more of it, it has `server.write_timeout` to
//!   take all of it, however little by little; and until then nothing more is read from it.
//!
//! Whoever is slower is cut off with a reset, so that the kernel does not hold on to what
//! they never took either.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;

use super::crowd::Place;

/// Bytes that are taken in before the requests in them are looked at: the HTTP library
/// would first read all there is, and make requests of it.
const MOUTHFUL: usize = 16 * 1024;
/// The library's own limits come first where it has them: it says why it closes.
const COURTESY: Duration = Duration::from_secs(1);

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the head of a request.
    pub(super) head: Duration,
    /// Between an answer and the next request.
    pub(super) idle: Duration,
    /// For taking an answer.
    pub(super) answer: Duration,
}

/// A stream with a TCP connection under it.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + 'static {
    /// The connection.
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// What is waited for on a connection.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    /// The rest of a head, since its first byte.
    Head(Instant),
    /// Another request, since the answer before.
    Request(Instant),
}

/// What goes on on a connection; shared by its stream and by whoever answers the requests.
#[derive(Debug)]
pub(super) struct Pace {
    waiting: Cell<Waiting>,
    answering: Cell<u32>,
    ended: Cell<bool>,
}

impl Pace {
    fn starting_at(now: Instant) -> Pace {
        Pace {
            waiting: Cell::new(Waiting::Head(now)),
            answering: Cell::new(0),
            ended: Cell::new(false),
        }
    }

    /// Whether the client has closed its end: after a request, as a rule, because it does not wait
    /// for the answer any more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// A request is complete and is answered from now on, until the guard is dropped.
    pub(super) fn answer(self: &Rc<Self>) -> Answering {
        self.answering.set(self.answering.get() + 1);
        Answering(Rc::clone(self))
    }

    fn received(&self) {
        if matches!(self.waiting.get(), Waiting::Request(_)) {
            self.waiting.set(Waiting::Head(Instant::now()));
        }
    }

    fn sent(&self) {
        if matches!(self.waiting.get(), Waiting::Request(_)) {
            self.waiting.set(Waiting::Request(Instant::now()));
        }
    }

    /// When the client has kept us waiting too long. Never while a request is answered: that
    /// is our own time.
    fn deadline(&self, patience: Patience) -> Option<Instant> {
        match self.waiting.get() {
            _ if self.answering.get() > 0 => None,
            Waiting::Head(since) => Some(since + patience.head + COURTESY),
            Waiting::Request(since) => Some(since + patience.idle + COURTESY),
        }
    }
}

/// A request is being answered.
#[derive(Debug)]
pub(super) struct Answering(Rc<Pace>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answering.set(self.0.answering.get() - 1);
        self.0.waiting.set(Waiting::Request(Instant::now()));
    }
}

/// A connection with an end to our patience.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Patience,
    pace: Rc<Pace>,
    /// Since when the client has not taken what was sent.
    stuck: Option<Instant>,
    /// Whether somebody wanted to read meanwhile.
    read_put_off: bool,
    /// Bytes read since there were none.
    mouthful: usize,
    alarm: Pin<Box<Sleep>>,
    _place: Option<Place>,
}

impl<S: Socket> Patient<S> {
    /// `stream`, on which the head of the first request is waited for from now on.
    pub(super) fn new(stream: S, patience: Patience, place: Option<Place>) -> Patient<S> {
        let now = Instant::now();
        Patient {
            stream,
            patience,
            pace: Rc::new(Pace::starting_at(now)),
            stuck: None,
            read_put_off: false,
            mouthful: 0,
            alarm: Box::pin(sleep_until(now + patience.head + COURTESY)),
            _place: place,
        }
    }

    /// What goes on on it.
    pub(super) fn pace(&self) -> &Rc<Pace> {
        &self.pace
    }

    /// When to give up, and what for.
    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let stuck = self.stuck.map(|since| (since + self.patience.answer, "slow_reader"));
        let waiting = self.pace.deadline(self.patience).map(|at| (at, "slow_request"));
        stuck.into_iter().chain(waiting).min()
    }

    /// Pending, until the client has kept us waiting too long. The alarm is set back when it
    /// rings too early: deadlines move with every request, timers need not.
    fn give_up<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            let Some((deadline, reason)) = self.deadline() else { return Poll::Pending };
            if self.alarm.deadline() > deadline {
                self.alarm.as_mut().reset(deadline);
            }
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                return Poll::Ready(Err(self.cut_off(reason)));
            }
            self.alarm.as_mut().reset(deadline);
        }
    }

    fn cut_off(&self, reason: &'static str) -> io::Error {
        metrics::counter!("authserver_connections_cut_off_total", "reason" => reason).increment(1);
        // Where that is not possible the kernel gives up in its own time.
        drop(SockRef::from(self.stream.tcp()).set_linger(Some(Duration::ZERO)));
        io::Error::new(io::ErrorKind::TimedOut, reason)
    }

    fn is_stuck<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.stuck.get_or_insert_with(Instant::now);
        self.give_up(cx)
    }
}

impl<S: Socket> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.stuck.is_some() {
            this.read_put_off = true;
            return this.give_up(cx);
        }
        if this.mouthful >= MOUTHFUL {
            this.mouthful = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_pending() {
            this.mouthful = 0;
            return this.give_up(cx);
        }
        let count = buffer.filled().len() - before;
        if count > 0 {
            this.mouthful += count;
            this.pace.received();
        } else if buffer.remaining() > 0 {
            this.pace.ended.set(true);
        }
        read
    }
}

impl<S: Socket> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_pending() {
            return this.is_stuck(cx);
        }
        this.pace.sent();
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if flushed.is_pending() {
            return this.is_stuck(cx);
        }
        // All of it is with the kernel.
        if this.stuck.take().is_some() {
            this.pace.sent();
        }
        if std::mem::take(&mut this.read_put_off) {
            cx.waker().wake_by_ref();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.stream).poll_shutdown(cx);
        if shut.is_pending() { this.is_stuck(cx) } else { shut }
    }
}
