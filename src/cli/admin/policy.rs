//! `authserver admin resource runtime-client|exchange-client|return-url`

use std::io;

use clap::{Args, Subcommand};

use super::super::{CliError, output};
use super::Counter;
use crate::admin::{
    AddReturnUrl, ClientIds, ListReturnUrls, ListedClient, ListedClientPath, Nothing, Operation,
    Parts, RemoveReturnUrl, ResourcePath, ReturnUrl, ReturnUrls,
};

#[derive(Debug, Subcommand)]
pub(crate) enum ClientEntry {
    /// Put a client on the list.
    Add(ResourceAndClient),
    /// Take a client off the list. With no runtime client left nobody may act as the resource;
    /// with no exchange client left anybody may exchange tokens for it.
    Remove(ResourceAndClient),
    /// Show the list.
    List(Resource),
}

#[derive(Debug, Subcommand)]
pub(crate) enum UrlEntry {
    /// Let people return to a URL.
    Add(ResourceAndUrl),
    /// Let them no longer.
    Remove(ResourceAndUrl),
    /// Show the list.
    List(Resource),
}

#[derive(Debug, Args)]
pub(crate) struct Resource {
    /// The resource's slug or id.
    resource: String,
}

#[derive(Debug, Args)]
pub(crate) struct ResourceAndClient {
    /// The resource's slug or id.
    resource: String,
    /// The client's id.
    client_id: String,
}

#[derive(Debug, Args)]
pub(crate) struct ResourceAndUrl {
    /// The resource's slug or id.
    resource: String,
    /// The URL, exactly.
    url: String,
}

/// Carries out a command on the list of clients that these operations are about.
pub(super) async fn clients<Add, Remove, List>(
    command: ClientEntry,
    counter: &Counter<'_>,
) -> Result<(), CliError>
where
    Add: Operation<Path = ResourcePath, Query = Nothing, Body = ListedClient, Answer = ClientIds>,
    Remove: Operation<Path = ListedClientPath, Query = Nothing, Body = Nothing, Answer = ClientIds>,
    List: Operation<Path = ResourcePath, Query = Nothing, Body = Nothing, Answer = ClientIds>,
{
    let query = Nothing {};
    match command {
        ClientEntry::Add(ResourceAndClient { resource, client_id }) => {
            let (path, body) = (ResourcePath { resource }, ListedClient { client_id });
            counter.show(Add::of(Parts { path, query, body }), ids).await
        }
        ClientEntry::Remove(ResourceAndClient { resource, client_id }) => {
            let path = ListedClientPath { resource, client_id };
            counter.show(Remove::of(Parts { path, query, body: Nothing {} }), ids).await
        }
        ClientEntry::List(Resource { resource }) => {
            let path = ResourcePath { resource };
            counter.show(List::of(Parts { path, query, body: Nothing {} }), ids).await
        }
    }
}

fn ids(list: &ClientIds) -> io::Result<()> {
    list.client_ids.iter().try_for_each(|id| output::line(id))
}

pub(super) async fn return_urls(command: UrlEntry, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        UrlEntry::Add(ResourceAndUrl { resource, url }) => {
            let (path, body) = (ResourcePath { resource }, ReturnUrl { url });
            counter.show(AddReturnUrl { path, body }, urls).await
        }
        UrlEntry::Remove(ResourceAndUrl { resource, url }) => {
            let (path, query) = (ResourcePath { resource }, ReturnUrl { url });
            counter.show(RemoveReturnUrl { path, query }, urls).await
        }
        UrlEntry::List(Resource { resource }) => {
            counter.show(ListReturnUrls { path: ResourcePath { resource } }, urls).await
        }
    }
}

fn urls(list: &ReturnUrls) -> io::Result<()> {
    list.allowed_return_urls.iter().try_for_each(|url| output::line(url))
}
