//! Operations on fronting links.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::ResourcePath;
use super::operation::operations;
use crate::administration::Kind;
use crate::administration::fronting::{
    self, ChangedFrontingLink, DeletedFrontingLink, FrontingLinkView, FrontingList, FrontingPatch,
    FrontingQuery, NewFrontingLink, ResourceFronting,
};

/// Which link.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct FrontingPath {
    /// Slug or id of the resource tokens are sent to.
    pub source: String,
    /// Slug or id of the resource that one calls.
    pub target: String,
}

/// Whether a change is made, or only looked at.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Only say what would come of it: nothing is written, and nothing revoked.
    #[serde(default)]
    pub dry_run: bool,
}

const RULES: &str = "`target` is the source, or `scope_map` names what the resources do not have";
const THERE: &str = "there is such a link already, or it would close a cycle";

operations! {
    /// Fronting links, oldest first.
    ListFrontingLinks { query: FrontingQuery } -> OK FrontingList:
        GET "/admin/fronting" needs read Fronting,
        fails [NotFound(Kind::Resource), Invalid("limit or offset")],
        |desk| fronting::list(desk, query).await;

    /// Lets one resource reach another on the user's behalf.
    ///
    /// The runtime clients of the source, and the clients on the exchange list of the target, may
    /// then exchange tokens for the source alone into tokens for the target, with the scopes the map
    /// gives. The user is not asked. With `dry_run` the answer, 201 as well, is what it would be.
    CreateFrontingLink { query: Rehearsal, body: NewFrontingLink } -> CREATED ChangedFrontingLink:
        POST "/admin/fronting" needs write Fronting,
        fails [NotFound(Kind::Resource), Conflict(THERE), Invalid(RULES)],
        |desk| fronting::create(desk, body, query.dry_run).await;

    /// The link between two resources.
    GetFrontingLink { path: FrontingPath } -> OK FrontingLinkView:
        GET "/admin/fronting/{source}/{target}" needs read Fronting,
        fails [NotFound(Kind::FrontingLink), NotFound(Kind::Resource)],
        |desk| fronting::get(desk, path.source, path.target).await;

    /// Changes the map of a link.
    ///
    /// Tokens that were issued by way of the link and that it would not give any more are
    /// revoked, with what was exchanged from them; all others stay.
    UpdateFrontingLink {
        path: FrontingPath, query: Rehearsal, body: FrontingPatch
    } -> OK ChangedFrontingLink:
        PATCH "/admin/fronting/{source}/{target}" needs write Fronting,
        fails [
            NotFound(Kind::FrontingLink), NotFound(Kind::Resource),
            Invalid("`scope_map` names what the resources do not have")
        ],
        |desk| fronting::patch(desk, (path.source, path.target), body, query.dry_run).await;

    /// Deletes a link, and revokes what was issued by way of it.
    DeleteFrontingLink { path: FrontingPath, query: Rehearsal } -> OK DeletedFrontingLink:
        DELETE "/admin/fronting/{source}/{target}" needs write Fronting,
        fails [NotFound(Kind::FrontingLink), NotFound(Kind::Resource)],
        |desk| fronting::delete(desk, (path.source, path.target), query.dry_run).await;

    /// What a resource reaches through links, and what reaches it.
    GetResourceFronting { path: ResourcePath } -> OK ResourceFronting:
        GET "/admin/resources/{resource}/fronting" needs read Fronting,
        fails [NotFound(Kind::Resource)],
        |desk| fronting::of_resource(desk, &path.resource).await;
}
