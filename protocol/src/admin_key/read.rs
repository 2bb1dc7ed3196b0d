//! Reading what a key says, without running any of it.
//!
//! The first block gives: `key("<id>")`, `name("<name>")`, `right("clients", "read")` …
//! Every block may check: `check if time($t), $t < <date>` and
//! `check if operation("clients", "read") or operation($any, "write")`.
//! A later block gives nothing; its context is the label. Nothing else is accepted.

use biscuit_auth::builder::{
    Binary, Check, CheckKind, Convert as _, Expression, Fact, Op, Predicate, Rule, Term,
};
use biscuit_auth::datalog::SymbolTable;
use biscuit_auth::error::Format;
use biscuit_auth::format::convert::proto_block_to_token_block;
use biscuit_auth::format::schema;
use chrono::{DateTime, Utc};
use prost::Message as _;
use uuid::Uuid;

use super::{KeyName, MAX_NARROWINGS, MintedKey, Refusal, Rights, words};
use crate::admin::Right;

/// Checks in one block, and alternatives in one check, at most.
const MAX_CHECKS: usize = 4;
const MAX_ALTERNATIVES: usize = 32;

/// What a key says. Not verified: anybody can write anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Names its row in the store.
    pub id: Uuid,
    /// Who it was minted for.
    pub name: KeyName,
    /// The rights it was minted with.
    pub minted_rights: Rights,
    /// When it was to end when it was minted.
    pub minted_until: DateTime<Utc>,
    /// What was taken away since, in order.
    pub narrowings: Vec<InspectedBlock>,
    /// The rights that are left.
    pub rights: Rights,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// One narrowing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InspectedBlock {
    /// What its maker calls it.
    pub label: Option<KeyName>,
    /// The rights it leaves, if it takes any.
    pub rights: Option<Rights>,
    /// The end it sets, if it sets one.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Inspected {
    /// Reads `key`.
    ///
    /// # Errors
    /// When it cannot be read, or says what admin keys do not say.
    pub fn of(key: &MintedKey) -> Result<Inspected, Refusal> {
        contents(&envelope(&key.bytes()?)?)
    }
}

/// The outer layer: blocks still in bytes, each with its signature.
pub(super) fn envelope(bytes: &[u8]) -> Result<schema::Biscuit, Refusal> {
    let envelope = schema::Biscuit::decode(bytes).map_err(|_| Refusal::Malformed)?;
    if envelope.blocks.len() > MAX_NARROWINGS {
        return Err(Refusal::TooManyBlocks);
    }
    let foreign = |block: &schema::SignedBlock| block.external_signature.is_some();
    if foreign(&envelope.authority) || envelope.blocks.iter().any(foreign) {
        return Err(Refusal::ThirdParty);
    }
    Ok(envelope)
}

/// What the blocks say.
pub(super) fn contents(envelope: &schema::Biscuit) -> Result<Inspected, Refusal> {
    let blocks = std::iter::once(&envelope.authority).chain(&envelope.blocks);
    let blocks = blocks.map(|signed| schema::Block::decode(signed.block.as_slice()));
    let blocks = blocks.collect::<Result<Vec<_>, _>>().map_err(|_| Refusal::Malformed)?;
    let mut symbols = SymbolTable::new();
    for block in &blocks {
        let more = SymbolTable::from(block.symbols.clone()).map_err(malformed)?;
        symbols.extend(&more).map_err(malformed)?;
    }
    let mut blocks = blocks.iter().map(|block| said(block, &symbols));
    let authority = blocks.next().ok_or(Refusal::Malformed)??;
    let (id, name, minted_rights) = given(&authority.facts)?;
    let InspectedBlock { label, rights, expires_at } = authority.checks;
    let (None, None, Some(minted_until)) = (label, rights, expires_at) else {
        return Err(Refusal::Unsupported("the first block is not of a form that we mint"));
    };
    let narrowings = blocks.map(|block| taken(block?)).collect::<Result<Vec<_>, _>>()?;
    let ends = narrowings.iter().filter_map(|block| block.expires_at);
    let expires_at = ends.fold(minted_until, DateTime::min);
    let left = narrowings.iter().filter_map(|block| block.rights.as_ref());
    let rights = left.fold(minted_rights.clone(), |rights, left| rights.and(left));
    Ok(Inspected { id, name, minted_rights, minted_until, narrowings, rights, expires_at })
}

/// One block, in words instead of numbers.
struct Said {
    facts: Vec<Fact>,
    checks: InspectedBlock,
}

fn said(block: &schema::Block, symbols: &SymbolTable) -> Result<Said, Refusal> {
    if !block.rules.is_empty() {
        return Err(Refusal::Unsupported("a block has a rule, which admin keys do not have"));
    }
    if !block.scope.is_empty() || !block.public_keys.is_empty() {
        return Err(Refusal::Unsupported("a block names keys or blocks that it trusts"));
    }
    if block.checks.len() > MAX_CHECKS {
        return Err(Refusal::Unsupported("a block has too many checks"));
    }
    let block = proto_block_to_token_block(block, None).map_err(malformed)?;
    let label = block.context.as_deref().map(str::parse).transpose();
    let label = label.map_err(|_| Refusal::Unsupported("a block's context is no label"))?;
    let mut checks = InspectedBlock { label, ..InspectedBlock::default() };
    for check in &block.checks {
        narrow(&mut checks, &Check::convert_from(check, symbols).map_err(malformed)?)?;
    }
    let facts = block.facts.iter().map(|fact| Fact::convert_from(fact, symbols));
    Ok(Said { facts: facts.collect::<Result<_, _>>().map_err(malformed)?, checks })
}

fn taken(block: Said) -> Result<InspectedBlock, Refusal> {
    match block.facts.is_empty() {
        true => Ok(block.checks),
        false => Err(Refusal::Unsupported("a block that narrows gives something")),
    }
}

/// The facts of the first block: id and name, each once, and rights.
///
/// A right whose words we do not know is one that another version minted: it gives nothing here.
fn given(facts: &[Fact]) -> Result<(Uuid, KeyName, Rights), Refusal> {
    const FOREIGN: Refusal = Refusal::Unsupported("the first block is not of a form that we mint");
    let (mut ids, mut names, mut rights) = (Vec::new(), Vec::new(), Vec::new());
    for Fact { predicate: Predicate { name, terms }, .. } in facts {
        match (name.as_str(), terms.as_slice()) {
            (words::KEY, [Term::Str(id)]) => ids.push(id.parse().map_err(|_| FOREIGN)?),
            (words::NAME, [Term::Str(name)]) => names.push(name.parse().map_err(|_| FOREIGN)?),
            (words::RIGHT, [Term::Str(area), Term::Str(verb)]) => {
                rights.extend(format!("{area}:{verb}").parse::<Right>());
            }
            _ => return Err(FOREIGN),
        }
    }
    match (ids.as_slice(), names.as_slice()) {
        ([id], [name]) => Ok((*id, KeyName::clone(name), rights.into_iter().collect())),
        _ => Err(FOREIGN),
    }
}

fn narrow(block: &mut InspectedBlock, check: &Check) -> Result<(), Refusal> {
    const STRANGE: Refusal = Refusal::Unsupported(
        "a block checks something else than the time and the operation, or in another form",
    );
    if check.kind != CheckKind::One || check.queries.len() > MAX_ALTERNATIVES {
        return Err(STRANGE);
    }
    if let [query] = check.queries.as_slice()
        && let Some(end) = end_of(query)
    {
        block.expires_at = Some(block.expires_at.map_or(end, |before| before.min(end)));
        return Ok(());
    }
    let mut allowed = Vec::new();
    for query in &check.queries {
        allowed.extend(operations_of(query).ok_or(STRANGE)?.iter());
    }
    let allowed: Rights = allowed.into_iter().collect();
    block.rights = Some(block.rights.take().map_or(allowed.clone(), |before| before.and(&allowed)));
    Ok(())
}

/// The first second at which `time($t), $t < <date>` (or `<=`) no longer holds.
fn end_of(query: &Rule) -> Option<DateTime<Utc>> {
    let ([predicate], [Expression { ops }], []) =
        (query.body.as_slice(), query.expressions.as_slice(), query.scopes.as_slice())
    else {
        return None;
    };
    let [Term::Variable(time)] = predicate.terms.as_slice() else { return None };
    let [Op::Value(Term::Variable(left)), Op::Value(Term::Date(date)), Op::Binary(operator)] =
        ops.as_slice()
    else {
        return None;
    };
    if predicate.name != words::TIME || time != left {
        return None;
    }
    let seconds = i64::try_from(*date).ok()?;
    let end = match operator {
        Binary::LessThan => seconds,
        Binary::LessOrEqual => seconds.checked_add(1)?,
        _ => return None,
    };
    DateTime::from_timestamp(end, 0)
}

/// The rights that `operation(<area>, <verb>)` lets pass; a variable stands for any.
fn operations_of(query: &Rule) -> Option<Rights> {
    let ([predicate], [], []) =
        (query.body.as_slice(), query.expressions.as_slice(), query.scopes.as_slice())
    else {
        return None;
    };
    let (words::OPERATION, [area, verb]) = (predicate.name.as_str(), predicate.terms.as_slice())
    else {
        return None;
    };
    let fits = |term: &Term, word: &str| match term {
        Term::Str(wanted) => Some(wanted == word),
        Term::Variable(_) => Some(true),
        _ => None,
    };
    let all = Rights::all();
    let mut passing = Vec::new();
    for right in all.iter() {
        let (area, verb) = (fits(area, right.area.as_str())?, fits(verb, right.verb.as_str())?);
        // The same variable twice wants one word to be area and verb, which none is.
        if area && verb && !twice(&predicate.terms) {
            passing.push(right);
        }
    }
    Some(passing.into_iter().collect())
}

fn twice(terms: &[Term]) -> bool {
    matches!(terms, [Term::Variable(one), Term::Variable(other)] if one == other)
}

fn malformed(_: Format) -> Refusal {
    Refusal::Malformed
}
