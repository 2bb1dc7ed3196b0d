//! Operations on resources.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::Nothing;
use super::operation::operations;
use crate::administration::Kind;
use crate::administration::resource::{
    self, NewResource, ResourceList, ResourcePatch, ResourceQuery, ResourceView,
};

/// Which resource.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ResourcePath {
    /// The resource's slug or id.
    pub resource: String,
}

/// How a resource is deleted.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ResourceDeletion {
    /// Also when something rests on it, which then goes with it.
    #[serde(default)]
    pub cascade: bool,
}

const TAKEN: &str = "another resource has the slug, the URI or an alias";
const RULES: &str = "slug, URI, a scope or the policy breaks a rule";

operations! {
    /// Resources, by slug.
    ListResources { query: ResourceQuery } -> OK ResourceList:
        GET "/admin/resources" needs read Resources, fails [Invalid("limit or offset")],
        |desk| resource::list(desk, query).await;

    /// Registers a resource.
    CreateResource { body: NewResource } -> CREATED ResourceView:
        POST "/admin/resources" needs write Resources, fails [Conflict(TAKEN), Invalid(RULES)],
        |desk| Ok(ResourceView::registered(resource::create(desk, body).await?));

    /// A resource.
    GetResource { path: ResourcePath } -> OK ResourceView:
        GET "/admin/resources/{resource}" needs read Resources, fails [NotFound(Kind::Resource)],
        |desk| resource::get(desk, &path.resource).await;

    /// Changes a resource.
    ///
    /// Members that are left out stay as they are; lists are replaced as a whole. Tokens that
    /// were handed out keep the URI and the scopes they were issued with.
    UpdateResource { path: ResourcePath, body: ResourcePatch } -> OK ResourceView:
        PATCH "/admin/resources/{resource}" needs write Resources,
        fails [NotFound(Kind::Resource), Conflict(TAKEN), Invalid(RULES)],
        |desk| resource::patch(desk, &path.resource, body).await;

    /// Deletes a resource.
    DeleteResource { path: ResourcePath, query: ResourceDeletion } -> NO_CONTENT Nothing:
        DELETE "/admin/resources/{resource}" needs write Resources,
        fails [NotFound(Kind::Resource), InUse("something rests on it, and no `cascade`")],
        |desk| {
            resource::delete(desk, &path.resource, query.cascade).await?;
            Ok(Nothing {})
        };
}
