//! `authserver admin fronting`

use std::io;

use clap::{Args, Subcommand};
use protocol::fronting::ScopeMap;

use super::super::{CliError, output};
use super::scope_map::{self, TypedMap};
use super::{Counter, Part, change};
use crate::admin::{
    CreateFrontingLink, DeleteFrontingLink, FrontingPath, GetFrontingLink, ListFrontingLinks,
    Rehearsal, UpdateFrontingLink,
};
use crate::administration::fronting::{
    ChangedFrontingLink, DeletedFrontingLink, FrontingLinkView, FrontingList, FrontingPatch,
    FrontingQuery, NewFrontingLink, StaleScopes,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let one resource reach another on the user's behalf.
    Create(Create),
    /// List links.
    List(List),
    /// Show a link.
    Get(Which),
    /// Change what a link gives; tokens that it gives no more are revoked.
    Update(Update),
    /// Delete a link; what was issued by way of it is revoked.
    Delete {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        rehearsal: DryRun,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Slug or id of the resource tokens are sent to.
    source: String,
    /// Slug or id of the resource that one calls.
    target: String,
}

impl From<Which> for FrontingPath {
    fn from(Which { source, target }: Which) -> FrontingPath {
        FrontingPath { source, target }
    }
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DryRun {
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
}

impl From<DryRun> for Rehearsal {
    fn from(DryRun { dry_run }: DryRun) -> Rehearsal {
        Rehearsal { dry_run }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Slug or id of the resource tokens are sent to.
    #[arg(long)]
    source: String,
    /// Slug or id of the resource that one calls.
    #[arg(long)]
    target: String,
    /// What each scope of the source is worth at the target: 'A:AA,B:BB+CC'. With '=' in
    /// place of ':' where names have colons, or JSON: '{"A": ["AA"]}'.
    #[arg(long, value_name = "MAP")]
    scope_map: TypedMap,
    #[command(flatten)]
    rehearsal: DryRun,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    which: Which,
    /// All of what the scopes of the source are worth at the target, as for create.
    #[arg(long, value_name = "MAP")]
    scope_map: TypedMap,
    #[command(flatten)]
    rehearsal: DryRun,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Slug or id: only links from this resource.
    #[arg(long)]
    source: Option<String>,
    /// Slug or id: only links to this resource.
    #[arg(long)]
    target: Option<String>,
    #[command(flatten)]
    part: Part,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::Create(Create { source, target, scope_map, rehearsal }) => {
            let body = NewFrontingLink { source, target, scope_map: scope_map.0 };
            counter.show(CreateFrontingLink { query: rehearsal.into(), body }, changed).await
        }
        Command::List(List { source, target, part: Part { limit, offset } }) => {
            let query = FrontingQuery { source, target, limit, offset };
            let said = |list: &FrontingList| {
                table(&list.links)?;
                output::part(list.links.len(), list.total, offset)
            };
            counter.show(ListFrontingLinks { query }, said).await
        }
        Command::Get(which) => counter.show(GetFrontingLink { path: which.into() }, fields).await,
        Command::Update(Update { which, scope_map, rehearsal }) => {
            let body = FrontingPatch { scope_map: change(Some(scope_map.0)) };
            let (path, query) = (which.into(), rehearsal.into());
            counter.show(UpdateFrontingLink { path, query, body }, changed).await
        }
        Command::Delete { which, rehearsal } => {
            let (path, query) = (which.into(), rehearsal.into());
            counter.show(DeleteFrontingLink { path, query }, deleted).await
        }
    }
}

fn changed(answer: &ChangedFrontingLink) -> io::Result<()> {
    fields(&answer.link)?;
    counted(answer.dry_run, answer.revoked_issuances)
}

fn deleted(answer: &DeletedFrontingLink) -> io::Result<()> {
    let DeletedFrontingLink { source, target, dry_run, revoked_issuances, .. } = answer;
    let what = if *dry_run { "would be" } else { "is" };
    output::line(&format!("The link from {source} to {target} {what} deleted."))?;
    counted(*dry_run, *revoked_issuances)
}

fn counted(dry_run: bool, revoked: u64) -> io::Result<()> {
    output::line(&match dry_run {
        true => format!("Nothing was written. Would be revoked: {revoked} access tokens."),
        false => format!("Revoked: {revoked} access tokens."),
    })
}

fn stale(stale: &StaleScopes) -> String {
    let named = [("source", &stale.source), ("target", &stale.target)];
    let there = named.iter().filter(|(_, scopes)| !scopes.is_empty());
    there.map(|(end, scopes)| format!("{end}: {}", scopes.join(" "))).collect::<Vec<_>>().join("; ")
}

fn lines(map: &ScopeMap) -> String {
    scope_map::entries(map).collect::<Vec<_>>().join("\n")
}

fn fields(link: &FrontingLinkView) -> io::Result<()> {
    output::fields(&[
        ("link_id", link.id.to_string()),
        ("source", link.source.clone()),
        ("target", link.target.clone()),
        ("scope map", scope_map::entries(&link.scope_map).collect::<Vec<_>>().join(",")),
        ("stale scopes", stale(&link.stale_scopes)),
        ("created", output::time(link.created_at)),
        ("updated", output::time(link.updated_at)),
    ])
}

fn table(links: &[FrontingLinkView]) -> io::Result<()> {
    let rows = links.iter().map(|link| {
        let (source, target) = (link.source.clone(), link.target.clone());
        vec![source, target, lines(&link.scope_map), stale(&link.stale_scopes)]
    });
    output::table(&["SOURCE", "TARGET", "SCOPE MAP", "STALE SCOPES"], rows.collect())
}
