//! What is asked on each path, and what a right answer is.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::Outcome;
use crate::http::{Answer, get, member};
use crate::load::{BoxedDriver, Driver};
use crate::scene::{code_exchange, code_in, rotation};

/// What several connections take from or bring to.
pub type Pile = Rc<RefCell<VecDeque<String>>>;

fn wrong(answer: Answer<'_>) -> crate::Problem {
    format!("a wrong answer: {}{}", answer.head, answer.text()).into()
}

/// The same request again and again.
#[derive(Debug, Clone)]
pub struct Same {
    /// As it goes over the wire.
    pub request: Rc<Vec<u8>>,
    /// The status of the right answer.
    pub status: u16,
    /// What the body must contain.
    pub has: &'static str,
}

impl Driver for Same {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        request.extend_from_slice(&self.request);
        true
    }

    fn hear(&mut self, answer: Answer<'_>) -> Outcome<()> {
        let body = std::str::from_utf8(answer.body)?;
        let right = answer.status == self.status && body.contains(self.has);
        right.then_some(()).ok_or_else(|| wrong(answer))
    }
}

/// Collects what a request brings: tokens from the token endpoint, codes from the
/// authorization endpoint.
#[derive(Debug)]
pub struct Collect {
    request: Rc<Vec<u8>>,
    left: Rc<RefCell<usize>>,
    into: Pile,
}

impl Driver for Collect {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let mut left = self.left.borrow_mut();
        let any = *left > 0;
        *left = left.saturating_sub(1);
        request.extend_from_slice(&self.request);
        any
    }

    fn hear(&mut self, answer: Answer<'_>) -> Outcome<()> {
        let code = answer.header("location").and_then(code_in);
        let found = code.or_else(|| member(answer.body, "access_token"));
        let found = found.ok_or_else(|| wrong(answer))?.to_owned();
        self.into.borrow_mut().push_back(found);
        Ok(())
    }
}

/// Different requests, each in its turn.
#[derive(Debug)]
pub struct Each {
    requests: Rc<Vec<Vec<u8>>>,
    next: Rc<RefCell<usize>>,
    /// Whether to begin anew after the last.
    again: bool,
    /// What the body must contain.
    has: &'static str,
}

impl Driver for Each {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let mut next = self.next.borrow_mut();
        if *next >= self.requests.len() {
            if !self.again {
                return false;
            }
            *next = 0;
        }
        request.extend_from_slice(&self.requests[*next]);
        *next += 1;
        true
    }

    fn hear(&mut self, answer: Answer<'_>) -> Outcome<()> {
        let right = answer.status == 200 && std::str::from_utf8(answer.body)?.contains(self.has);
        right.then_some(()).ok_or_else(|| wrong(answer))
    }
}

/// Redeems codes, each once; what they bring goes onto another pile.
#[derive(Debug)]
pub struct Redeem {
    client_id: String,
    path: &'static str,
    codes: Pile,
    /// The member of the answer that is kept.
    brings: &'static str,
    into: Pile,
}

impl Driver for Redeem {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let Some(code) = self.codes.borrow_mut().pop_front() else { return false };
        request.extend_from_slice(&code_exchange(&self.client_id, self.path, &code));
        true
    }

    fn hear(&mut self, answer: Answer<'_>) -> Outcome<()> {
        let token = member(answer.body, self.brings).ok_or_else(|| wrong(answer))?;
        self.into.borrow_mut().push_back(token.to_owned());
        Ok(())
    }
}

/// Rotates one family after the other, so that each is left alone for a while: a pile
/// of tips from which the connections take, and to which they bring the successor.
#[derive(Debug)]
pub struct Rotate {
    client_id: String,
    path: &'static str,
    tips: Pile,
}

impl Driver for Rotate {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let Some(tip) = self.tips.borrow_mut().pop_front() else { return false };
        request.extend_from_slice(&rotation(&self.client_id, self.path, &tip));
        true
    }

    fn hear(&mut self, answer: Answer<'_>) -> Outcome<()> {
        let next = member(answer.body, "refresh_token").ok_or_else(|| wrong(answer))?;
        self.tips.borrow_mut().push_back(next.to_owned());
        Ok(())
    }
}

/// Several kinds of requests in turns on one connection, each kind as often as it stands in `turns`.
struct Mixed {
    drivers: Vec<BoxedDriver>,
    turns: Rc<[usize]>,
    next: usize,
    asked: usize,
}

impl Driver for Mixed {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        self.asked = self.turns[self.next % self.turns.len()];
        self.next += 1;
        self.drivers[self.asked].ask(request)
    }

    fn hear(&mut self, answer: Answer<'_>) -> Outcome<()> {
        self.drivers[self.asked].hear(answer)
    }
}

/// A mix of kinds: of each how many turns it has, and its drivers, one for each connection. Each
/// connection begins elsewhere, so that all kinds are asked at any time.
#[must_use]
pub fn mixed(kinds: Vec<(usize, Vec<BoxedDriver>)>) -> Vec<BoxedDriver> {
    let turns: Rc<[usize]> = spread(&kinds.iter().map(|(turns, _)| *turns).collect::<Vec<_>>());
    let mut kinds: Vec<_> = kinds.into_iter().map(|(_, drivers)| drivers.into_iter()).collect();
    let mut connections: Vec<BoxedDriver> = Vec::new();
    loop {
        let one_of_each: Option<Vec<_>> = kinds.iter_mut().map(Iterator::next).collect();
        let Some(drivers) = one_of_each else { return connections };
        let next = connections.len();
        connections.push(Box::new(Mixed { drivers, turns: Rc::clone(&turns), next, asked: 0 }));
    }
}

/// The turns of each kind, spread as evenly as they go.
fn spread(turns: &[usize]) -> Rc<[usize]> {
    let whole: usize = turns.iter().sum();
    let of = |kind: usize| {
        (0..turns[kind]).map(move |turn| ((2 * turn + 1) * whole / turns[kind], kind))
    };
    let mut all: Vec<(usize, usize)> = (0..turns.len()).flat_map(of).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, kind)| kind).collect()
}

fn many(connections: usize, one: impl Fn() -> BoxedDriver) -> Vec<BoxedDriver> {
    (0..connections).map(|_| one()).collect()
}

/// The same request on every connection.
#[must_use]
pub fn same(connections: usize, request: Vec<u8>, has: &'static str) -> Vec<BoxedDriver> {
    let driver = Same { request: Rc::new(request), status: 200, has };
    many(connections, || Box::new(driver.clone()))
}

/// A document.
#[must_use]
pub fn document(connections: usize, path: &str, has: &'static str) -> Vec<BoxedDriver> {
    same(connections, get(path, None), has)
}

/// `count` answers to the same request, collected `into`.
#[must_use]
pub fn collect(
    connections: usize,
    request: Vec<u8>,
    count: usize,
    into: &Pile,
) -> Vec<BoxedDriver> {
    let (request, left) = (Rc::new(request), Rc::new(RefCell::new(count)));
    many(connections, || {
        let (request, left, into) = (Rc::clone(&request), Rc::clone(&left), Rc::clone(into));
        Box::new(Collect { request, left, into })
    })
}

/// Introspection of what `requests` ask about.
#[must_use]
pub fn introspect(connections: usize, requests: Vec<Vec<u8>>, again: bool) -> Vec<BoxedDriver> {
    each(connections, requests, again, "\"active\":true")
}

/// Each of these requests once.
#[must_use]
pub fn once(connections: usize, requests: Vec<Vec<u8>>, has: &'static str) -> Vec<BoxedDriver> {
    each(connections, requests, false, has)
}

fn each(
    connections: usize,
    requests: Vec<Vec<u8>>,
    again: bool,
    has: &'static str,
) -> Vec<BoxedDriver> {
    let (requests, next) = (Rc::new(requests), Rc::new(RefCell::new(0)));
    many(connections, || {
        let (requests, next) = (Rc::clone(&requests), Rc::clone(&next));
        Box::new(Each { requests, next, again, has })
    })
}

/// Redemption of `codes` at the token endpoint `path`; the member `brings` of each answer
/// goes `into` a pile.
#[must_use]
pub fn redeem(
    connections: usize,
    client_id: &str,
    path: &'static str,
    codes: &Pile,
    (brings, into): (&'static str, &Pile),
) -> Vec<BoxedDriver> {
    many(connections, || {
        Box::new(Redeem {
            client_id: client_id.to_owned(),
            path,
            codes: Rc::clone(codes),
            brings,
            into: Rc::clone(into),
        })
    })
}

/// Rotation of the families with these tips, at the token endpoint `path`.
#[must_use]
pub fn rotate(
    connections: usize,
    client_id: &str,
    path: &'static str,
    tips: &Pile,
) -> Vec<BoxedDriver> {
    many(connections, || {
        Box::new(Rotate { client_id: client_id.to_owned(), path, tips: Rc::clone(tips) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turns_of_a_mix_are_as_many_as_they_should_be_and_spread() {
        let turns = spread(&[4, 2, 1]);
        let count = |kind| turns.iter().filter(|it| **it == kind).count();
        assert_eq!((turns.len(), count(0), count(1), count(2)), (7, 4, 2, 1));
        assert!(turns.windows(3).all(|three| three != [0, 0, 0]), "{turns:?}");
    }
}
