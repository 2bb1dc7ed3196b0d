//! A keeper whose work can be held up, and that can be made to die.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::sync::watch;

use crate::runtime::{Answer, Ask, Desk, Keeper, Letter, Queue, Receive};

/// Whoever works on this number dies.
pub(super) const POISON: u64 = 666;
/// Files per batch.
pub(super) const BATCH: usize = 5;
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// What was done, in order; and by how many clerks it is held.
#[derive(Clone, Default)]
pub(super) struct Book {
    lines: Arc<Mutex<Vec<u64>>>,
    clerks: Arc<()>,
}

impl Book {
    fn write(&self, number: u64) {
        self.lines.lock().unwrap().push(number);
    }

    pub(super) fn lines(&self) -> Vec<u64> {
        self.lines.lock().unwrap().clone()
    }

    pub(super) fn sorted(&self) -> Vec<u64> {
        let mut lines = self.lines();
        lines.sort_unstable();
        lines
    }

    /// How many clerks live.
    pub(super) fn writers(&self) -> usize {
        Arc::weak_count(&self.clerks)
    }
}

/// Holds work up until it is opened.
#[derive(Clone)]
pub(super) struct Gate(watch::Sender<bool>);

impl Gate {
    pub(super) fn shut() -> Gate {
        Gate(watch::Sender::new(false))
    }

    pub(super) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

/// Unwinds like a panic, without a word on standard error.
pub(super) fn die() -> ! {
    std::panic::resume_unwind(Box::new("a test wanted it"))
}

/// "Write this down now."
pub(super) struct Note(pub(super) u64);

/// "Write this down once the gate is open": work beside the mailbox.
pub(super) struct Later(pub(super) u64, pub(super) Gate);

/// "Write this down with the next batch, once the gate is open." The answer is the
/// size of the batch.
pub(super) struct File(pub(super) u64, pub(super) Gate);

/// "Do nothing, and let nobody else do anything": blocks the keeper's thread until
/// the sender is dropped.
pub(super) struct Block(pub(super) mpsc::Receiver<()>);

/// "How often has it been time?"
pub(super) struct CountTicks;

impl Ask for Note {
    type Reply = u64;
}
impl Ask for Later {
    type Reply = u64;
}
impl Ask for File {
    type Reply = usize;
}
impl Ask for Block {
    type Reply = ();
}
impl Ask for CountTicks {
    type Reply = usize;
}

pub(super) struct Clerk<const PLACES: usize> {
    book: Book,
    files: Queue<Letter<File>>,
    ticks: usize,
    _life: std::sync::Weak<()>,
}

impl<const PLACES: usize> Clerk<PLACES> {
    pub(super) fn writing_in(book: Book) -> Self {
        let life = Arc::downgrade(&book.clerks);
        Clerk { book, files: Queue::with_batches_of(BATCH), ticks: 0, _life: life }
    }

    fn commit_next_batch(&mut self, desk: &mut Desk<'_, Self>) {
        let Some(letters) = self.files.next_batch() else { return };
        let (files, answers): (Vec<File>, Vec<Answer<usize>>) =
            letters.into_iter().filter_map(Letter::open).unzip();
        let book = self.book.clone();
        desk.spawn(
            async move {
                for File(number, gate) in files {
                    gate.passed().await;
                    write_or_die(&book, number);
                }
            },
            |clerk, (), desk| {
                let size = answers.len();
                for answer in answers {
                    answer.give(size);
                }
                clerk.files.batch_done();
                clerk.commit_next_batch(desk);
            },
        );
    }
}

fn write_or_die(book: &Book, number: u64) {
    if number == POISON {
        die();
    }
    book.write(number);
}

impl<const PLACES: usize> Keeper for Clerk<PLACES> {
    const NAME: &'static str = "clerk";
    const CAPACITY: usize = PLACES;
    const TICK: Option<Duration> = Some(MINUTE);

    fn tick(&mut self, _: &mut Desk<'_, Self>) {
        self.ticks += 1;
    }
}

impl<const PLACES: usize> Receive<Note> for Clerk<PLACES> {
    fn receive(&mut self, letter: Letter<Note>, _: &mut Desk<'_, Self>) {
        let Some((Note(number), answer)) = letter.open() else { return };
        write_or_die(&self.book, number);
        answer.give(number);
    }
}

impl<const PLACES: usize> Receive<Later> for Clerk<PLACES> {
    fn receive(&mut self, letter: Letter<Later>, desk: &mut Desk<'_, Self>) {
        let Some((Later(number, gate), answer)) = letter.open() else { return };
        let book = self.book.clone();
        desk.spawn(
            async move {
                gate.passed().await;
                write_or_die(&book, number);
            },
            move |_, (), _| answer.give(number),
        );
    }
}

impl<const PLACES: usize> Receive<File> for Clerk<PLACES> {
    fn receive(&mut self, letter: Letter<File>, desk: &mut Desk<'_, Self>) {
        self.files.push(letter);
        self.commit_next_batch(desk);
    }
}

impl<const PLACES: usize> Receive<Block> for Clerk<PLACES> {
    fn receive(&mut self, letter: Letter<Block>, _: &mut Desk<'_, Self>) {
        let Some((Block(released), answer)) = letter.open() else { return };
        assert!(released.recv().is_err(), "nobody sends anything, they let go");
        answer.give(());
    }
}

impl<const PLACES: usize> Receive<CountTicks> for Clerk<PLACES> {
    fn receive(&mut self, letter: Letter<CountTicks>, _: &mut Desk<'_, Self>) {
        let Some((CountTicks, answer)) = letter.open() else { return };
        answer.give(self.ticks);
    }
}
