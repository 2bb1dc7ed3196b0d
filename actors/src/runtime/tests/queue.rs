//! The first alone, the others together, never more than the limit.

use super::clerk::{BATCH, File, Gate};
use super::universe::in_a_universe;
use crate::runtime::Queue;

#[test]
fn an_idle_queue_starts_the_first_entry_alone_and_batches_what_comes_meanwhile() {
    let mut queue = Queue::with_batches_of(10);
    assert_eq!(queue.next_batch(), None);
    queue.push(1);
    assert_eq!(queue.next_batch(), Some(vec![1]));
    queue.push(2);
    queue.push(3);
    assert_eq!(queue.next_batch(), None, "one batch at a time");
    queue.batch_done();
    assert_eq!(queue.next_batch(), Some(vec![2, 3]));
    queue.batch_done();
    assert_eq!(queue.next_batch(), None);
}

#[test]
fn a_batch_holds_no_more_than_the_limit_and_keeps_the_order() {
    let mut queue = Queue::with_batches_of(2);
    (1..=5).for_each(|entry| queue.push(entry));
    let mut batches = Vec::new();
    while let Some(batch) = queue.next_batch() {
        batches.push(batch);
        queue.batch_done();
    }
    assert_eq!(batches, [vec![1, 2], vec![3, 4], vec![5]]);
}

#[test]
fn a_limit_of_nothing_is_a_limit_of_one() {
    let mut queue = Queue::with_batches_of(0);
    queue.push(1);
    assert_eq!(queue.next_batch(), Some(vec![1]));
}

#[test]
fn a_busy_keeper_spends_one_commit_on_many_requests() {
    in_a_universe(async |universe| {
        let clerk = universe.clerk::<64>().await;
        let gate = Gate::shut();
        let asks: Vec<_> = (0..12)
            .map(|number| {
                let (clerk, gate) = (clerk.clone(), gate.clone());
                actix_rt::spawn(async move { clerk.ask(File(number, gate)).await })
            })
            .collect();
        universe.until_depth_is(12).await;

        gate.open();

        let mut sizes = Vec::new();
        for ask in asks {
            sizes.push(ask.await.unwrap().unwrap());
        }
        assert_eq!(sizes[0], 1);
        assert_eq!(sizes[1..=BATCH], [BATCH; BATCH]);
        assert_eq!(sizes[BATCH + 1..=2 * BATCH], [BATCH; BATCH]);
        assert_eq!(sizes[2 * BATCH + 1..], [1]);
        assert_eq!(universe.book.lines(), (0..12).collect::<Vec<_>>());
    });
}
