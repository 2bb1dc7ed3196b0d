//! What may happen in a world, drawn at random. A step refers to a token by the step that gave
//! it, so that a history stays what it is when steps are left out.

use super::scopes::{Dice, Scopes};

/// A token: the last one at or before this step, of those that work or of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Which {
    pub(super) step: usize,
    pub(super) works: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountAct {
    /// Disabled; or whoever is disabled is enabled again.
    Switch,
    ForceLogout,
    RevokeTokens,
    Delete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Exchange,
    Runtime,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A person signs in and agrees; the code is redeemed at once or left for later.
    Agree {
        person: usize,
        client: usize,
        resources: Vec<usize>,
        asked: Scopes,
        approved: Scopes,
        at_once: bool,
    },
    /// The code of that step or the last one before it is redeemed, also a second time.
    Redeem {
        step: usize,
    },
    Own {
        client: usize,
        resource: Option<usize>,
        asked: Option<Scopes>,
    },
    /// The refresh token that was the tip so many rotations ago, perhaps by another client.
    Refresh {
        step: usize,
        back: usize,
        by: Option<usize>,
    },
    Exchange {
        subject: Which,
        /// The subject token's client if none.
        acting: Option<usize>,
        target: Option<usize>,
        asked: Option<Scopes>,
        actor: Option<Which>,
    },
    Wait {
        seconds: u64,
    },
    Account {
        person: usize,
        act: AccountAct,
    },
    RevokeConsent {
        which: usize,
    },
    /// Suspended; or whichever client is suspended is reactivated.
    Switch {
        client: usize,
    },
    /// An agent is killed.
    Kill {
        client: usize,
    },
    RevokeClient {
        client: usize,
    },
    DeleteClient {
        client: usize,
    },
    EndToken {
        token: Which,
        by_operator: bool,
    },
    GiveBack {
        step: usize,
    },
    Enlist {
        list: List,
        resource: usize,
        client: usize,
        add: bool,
    },
    Ceiling {
        client: usize,
        scopes: Scopes,
    },
    DeleteResource {
        resource: usize,
    },
    /// A link, or another map for the one there is; without a map it is deleted.
    Link {
        source: usize,
        target: usize,
        map: Option<Vec<(Scopes, Scopes)>>,
    },
}

/// Steps that make a world worth living in, and then as many at random.
pub(super) fn history(seed: u64, count: usize) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    let mut steps = Vec::new();
    for resource in 0..4 {
        let list = if dice.percent(35) { List::Exchange } else { List::Runtime };
        for _ in 0..3 {
            let client = dice.throw(4);
            steps.push(Step::Enlist { list, resource, client, add: true });
        }
    }
    for _ in 0..5 {
        steps.push(link(&mut dice, false));
    }
    // Half of the tokens are for everything, and the others for one resource alone: only those
    // go through links.
    for _ in 0..16 {
        let broad = dice.percent(50);
        steps.push(agree(&mut dice, broad));
    }
    let first = steps.len();
    for at in first..first + count {
        steps.push(any(&mut dice, at));
    }
    // What nobody comes back from is for the end.
    for at in first + count..first + count + 8 {
        steps.push(end(&mut dice, at));
    }
    steps
}

fn end(dice: &mut Dice, at: usize) -> Step {
    match dice.throw(10) {
        0 => Step::Account { person: dice.throw(3), act: AccountAct::Delete },
        1 => Step::Account { person: dice.throw(3), act: AccountAct::ForceLogout },
        2 => Step::Account { person: dice.throw(3), act: AccountAct::RevokeTokens },
        3 => Step::RevokeClient { client: dice.throw(4) },
        4 => Step::DeleteClient { client: dice.throw(4) },
        5 => Step::Kill { client: dice.throw(3) },
        6 => Step::DeleteResource { resource: dice.throw(4) },
        7 => link(dice, true),
        8 => Step::GiveBack { step: dice.throw(at) },
        _ => {
            Step::EndToken { token: Which { step: dice.throw(at), works: true }, by_operator: true }
        }
    }
}

fn any(dice: &mut Dice, at: usize) -> Step {
    match dice.throw(1000) {
        0..450 => exchange(dice, at),
        450..530 => agree(dice, false),
        530..560 => Step::Redeem { step: recent(dice, at) },
        560..600 => Step::Own {
            client: dice.throw(5),
            resource: dice.percent(80).then(|| dice.throw(4)),
            asked: some(dice),
        },
        600..700 => Step::Refresh {
            step: recent(dice, at),
            back: [0, 0, 0, 1, 2][dice.throw(5)],
            by: dice.percent(6).then(|| dice.throw(5)),
        },
        700..750 => Step::Wait { seconds: [2, 5, 20, 40, 60, 120, 300, 1000][dice.throw(8)] },
        750..795 => Step::RevokeConsent { which: dice.throw(1000) },
        795..820 => account(dice),
        820..845 => Step::Switch { client: dice.throw(5) },
        845..848 => Step::Kill { client: dice.throw(3) },
        848..851 => Step::RevokeClient { client: dice.throw(5) },
        851..854 => Step::DeleteClient { client: dice.throw(5) },
        854..885 => Step::EndToken { token: which(dice, at), by_operator: dice.percent(60) },
        885..900 => Step::GiveBack { step: recent(dice, at) },
        900..945 => Step::Enlist {
            list: if dice.percent(40) { List::Exchange } else { List::Runtime },
            resource: dice.throw(4),
            client: dice.throw(4),
            add: dice.percent(60),
        },
        945..960 => Step::Ceiling { client: dice.throw(4), scopes: dice.most_scopes() },
        960..963 => Step::DeleteResource { resource: dice.throw(4) },
        _ => {
            let ends = dice.percent(40);
            link(dice, ends)
        }
    }
}

fn agree(dice: &mut Dice, broad: bool) -> Step {
    let all: Vec<usize> = (0..4).collect();
    let first = dice.throw(4);
    let mut resources = if broad { all } else { vec![first] };
    if !broad && dice.percent(15) {
        let more = dice.throw(4);
        resources.extend((more != first).then_some(more));
    }
    let asked = if broad { Scopes::ALL } else { dice.most_scopes() };
    let approved = if dice.percent(70) { asked } else { dice.most_scopes() };
    let (person, client) = (dice.throw(3), dice.throw(5));
    Step::Agree { person, client, resources, asked, approved, at_once: dice.percent(85) }
}

fn exchange(dice: &mut Dice, at: usize) -> Step {
    // Nothing is linked to the first.
    let behind_others = dice.percent(50);
    Step::Exchange {
        subject: which(dice, at),
        acting: dice.percent(60).then(|| dice.throw(5)),
        target: dice
            .percent(92)
            .then(|| if behind_others { 1 + dice.throw(3) } else { dice.throw(4) }),
        asked: some(dice),
        actor: dice.percent(20).then(|| which(dice, at)),
    }
}

fn account(dice: &mut Dice) -> Step {
    let act = match dice.throw(20) {
        0..12 => AccountAct::Switch,
        12..15 => AccountAct::ForceLogout,
        15..19 => AccountAct::RevokeTokens,
        _ => AccountAct::Delete,
    };
    Step::Account { person: dice.throw(3), act }
}

fn link(dice: &mut Dice, ends: bool) -> Step {
    // From the front to the back, so that there is never a circle.
    let source = dice.throw(3);
    let target = source + 1 + dice.throw(3 - source);
    let mut map = Vec::new();
    for bit in 0..5 {
        if dice.percent(85) {
            map.push((Scopes(1 << bit), dice.scopes()));
        }
    }
    Step::Link { source, target, map: (!ends).then_some(map) }
}

/// Everything, or one or two scopes.
fn some(dice: &mut Dice) -> Option<Scopes> {
    let few = Scopes(1 << dice.throw(5)).or(Scopes(1 << dice.throw(5)));
    dice.percent(25).then_some(few)
}

fn which(dice: &mut Dice, at: usize) -> Which {
    Which { step: recent(dice, at), works: dice.percent(93) }
}

/// A step before this one, more likely one of the last.
fn recent(dice: &mut Dice, at: usize) -> usize {
    if dice.percent(65) { at - 1 - dice.throw(at.min(8)) } else { dice.throw(at) }
}
