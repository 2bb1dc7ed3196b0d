//! The thin actix actor around a keeper.

use std::sync::Arc;

use actix::{Actor, ActorContext, Context, Handler, Message};
use tokio::sync::oneshot;

use super::health::Pulse;
use super::{Ask, Desk, Keeper, Letter, Receive};

/// The actix side of a keeper: moves messages, counts work, knows when to stop.
pub(super) struct Shell<K: Keeper> {
    pub(super) keeper: K,
    /// Futures the keeper has started and not finished.
    pub(super) work: usize,
    /// Who waits for the last of them to end.
    draining: Option<oneshot::Sender<()>>,
    pulse: Arc<Pulse>,
    /// Dropped with the shell, however it ends: that is how the supervisor learns.
    _life: oneshot::Sender<()>,
}

impl<K: Keeper> Shell<K> {
    pub(super) fn new(keeper: K, pulse: Arc<Pulse>, life: oneshot::Sender<()>) -> Shell<K> {
        Shell { keeper, work: 0, draining: None, pulse, _life: life }
    }

    /// Runs `act` on the keeper, then stops if that was the last thing to do.
    pub(super) fn at_desk(
        &mut self,
        context: &mut Context<Self>,
        act: impl FnOnce(&mut K, &mut Desk<'_, K>),
    ) {
        let mut desk = Desk::new(context, &self.pulse);
        act(&mut self.keeper, &mut desk);
        self.work += desk.started();
        self.stop_when_drained(context);
    }

    fn stop_when_drained(&mut self, context: &mut Context<Self>) {
        if self.work == 0
            && let Some(done) = self.draining.take()
        {
            let _gone = done.send(());
            context.stop();
        }
    }
}

impl<K: Keeper> Actor for Shell<K> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(K::CAPACITY);
        self.pulse.beat();
        self.at_desk(context, K::begin);
    }
}

impl<M: Ask> Message for Letter<M> {
    type Result = ();
}

impl<K: Receive<M>, M: Ask> Handler<Letter<M>> for Shell<K> {
    type Result = ();

    fn handle(&mut self, letter: Letter<M>, context: &mut Self::Context) {
        self.at_desk(context, |keeper, desk| keeper.receive(letter, desk));
    }
}

/// "Are you there?": the supervisor's question, answered by moving the pulse.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Heartbeat;

impl<K: Keeper> Handler<Heartbeat> for Shell<K> {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Self::Context) {
        self.pulse.beat();
    }
}

/// Time for the keeper's periodic work.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Tick;

impl<K: Keeper> Handler<Tick> for Shell<K> {
    type Result = ();

    fn handle(&mut self, _: Tick, context: &mut Self::Context) {
        self.at_desk(context, K::tick);
    }
}

/// "Finish what you have begun, then go": acknowledged when it is finished.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain(pub(super) oneshot::Sender<()>);

impl<K: Keeper> Handler<Drain> for Shell<K> {
    type Result = ();

    fn handle(&mut self, drain: Drain, context: &mut Self::Context) {
        self.draining = Some(drain.0);
        self.stop_when_drained(context);
    }
}
