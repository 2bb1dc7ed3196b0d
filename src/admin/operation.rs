//! What an operation is, and how one is declared.

use std::any::TypeId;

use actix_web::http::{Method, StatusCode};
use protocol::admin::Right;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::problem::Fault;
use crate::administration::{AdminError, Desk};

/// One thing an operator can ask for, as a value that can be carried out here or sent to
/// a server. Declared with [`operations!`].
pub trait Operation: Sized + 'static {
    /// What the path names.
    type Path: Serialize + DeserializeOwned + IntoParams + 'static;
    /// What the query says.
    type Query: Serialize + DeserializeOwned + IntoParams + 'static;
    /// What the body says: always a JSON object.
    type Body: Serialize + DeserializeOwned + ToSchema + 'static;
    /// What comes back: JSON.
    type Answer: Serialize + DeserializeOwned + ToSchema + 'static;
    /// Its name: the `operationId`.
    const NAME: &'static str;
    /// What it does, for operators. The first line is its title.
    const ABOUT: &'static str;
    /// Method.
    const METHOD: Method;
    /// Path, with `{names}` of the members of [`Operation::Path`].
    const PATH: &'static str;
    /// The right it needs; `None` when every valid key may.
    const RIGHT: Option<Right>;
    /// Status of success.
    const SUCCESS: StatusCode;
    /// How it fails, beside what every operation may fail of.
    const FAULTS: &'static [Fault];

    /// The operation with these parts.
    fn of(parts: Parts<Self::Path, Self::Query, Self::Body>) -> Self;

    /// Its parts, for sending them.
    fn into_parts(self) -> Parts<Self::Path, Self::Query, Self::Body>;

    /// Does it.
    fn carry_out(self, desk: &Desk<'_>) -> impl Future<Output = Result<Self::Answer, AdminError>>;
}

/// The parts of an operation as it travels.
#[derive(Debug)]
pub struct Parts<P, Q, B> {
    /// What the path names.
    pub path: P,
    /// What the query says.
    pub query: Q,
    /// What the body says.
    pub body: B,
}

/// A part that an operation does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl IntoParams for Nothing {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}

/// Whether a part is [`Nothing`].
#[must_use]
pub(crate) fn is_nothing<T: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<Nothing>()
}

/// Declares the operations of an area:
///
/// ```text
/// /// A client.
/// GetClient { path: ClientPath } -> OK ClientView:
///     GET "/admin/clients/{client_id}" needs read Clients, fails [NotFound("client")],
///     |desk| client::get(desk, &path.client_id).await;
/// ```
///
/// An operation has any of the parts `path`, `query` and `body`; its work sees them under
/// these names. Without `needs`, any valid key may. What is declared is also entered in
/// the register: there is no other way in, and so no route without its right.
macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident { $($part:ident: $type:ty),* $(,)? } -> $success:ident $answer:ty:
            $method:ident $path:literal $(needs $verb:ident $area:ident)?,
            fails [$($fault:ident($what:expr)),* $(,)?],
            |$desk:ident| $work:expr;
    )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub struct $name {
                $(
                    #[doc = concat!("Its ", stringify!($part), ".")]
                    pub $part: $type
                ),*
            }

            impl $crate::admin::Operation for $name {
                type Path = $crate::admin::operation::part!(type path; $($part: $type),*);
                type Query = $crate::admin::operation::part!(type query; $($part: $type),*);
                type Body = $crate::admin::operation::part!(type body; $($part: $type),*);
                type Answer = $answer;

                const NAME: &'static str = stringify!($name);
                const ABOUT: &'static str = concat!($($doc, "\n"),+).trim_ascii();
                const METHOD: actix_web::http::Method = actix_web::http::Method::$method;
                const PATH: &'static str = $path;
                const RIGHT: Option<protocol::admin::Right> =
                    $crate::admin::operation::right!($($verb $area)?);
                const SUCCESS: actix_web::http::StatusCode = actix_web::http::StatusCode::$success;
                const FAULTS: &'static [$crate::admin::Fault] =
                    &[$($crate::admin::Fault::$fault($what)),*];

                fn of(_parts: $crate::admin::Parts<Self::Path, Self::Query, Self::Body>) -> Self {
                    $name { $($part: _parts.$part),* }
                }

                fn into_parts(
                    self,
                ) -> $crate::admin::Parts<Self::Path, Self::Query, Self::Body> {
                    $crate::admin::Parts {
                        path: $crate::admin::operation::part!(of self path; $($part: $type),*),
                        query: $crate::admin::operation::part!(of self query; $($part: $type),*),
                        body: $crate::admin::operation::part!(of self body; $($part: $type),*),
                    }
                }

                async fn carry_out(
                    self,
                    $desk: &$crate::administration::Desk<'_>,
                ) -> Result<Self::Answer, $crate::administration::AdminError> {
                    let $name { $($part),* } = self;
                    $work
                }
            }
        )+

        /// Shows the operations of this area to `registrar`.
        pub(super) fn enter_all(registrar: &mut impl $crate::admin::Registrar) {
            $(registrar.enter::<$name>();)+
        }
    };
}

/// The type of the wanted part, or its value in `self`: [`Nothing`] when it is not there.
macro_rules! part {
    (type path; path: $type:ty $(, $($rest:tt)*)?) => { $type };
    (type query; query: $type:ty $(, $($rest:tt)*)?) => { $type };
    (type body; body: $type:ty $(, $($rest:tt)*)?) => { $type };
    (type $wanted:ident; $other:ident: $type:ty $(, $($rest:tt)*)?) => {
        $crate::admin::operation::part!(type $wanted; $($($rest)*)?)
    };
    (type $wanted:ident;) => { $crate::admin::Nothing };
    (of $self:ident path; path: $type:ty $(, $($rest:tt)*)?) => { $self.path };
    (of $self:ident query; query: $type:ty $(, $($rest:tt)*)?) => { $self.query };
    (of $self:ident body; body: $type:ty $(, $($rest:tt)*)?) => { $self.body };
    (of $self:ident $wanted:ident; $other:ident: $type:ty $(, $($rest:tt)*)?) => {
        $crate::admin::operation::part!(of $self $wanted; $($($rest)*)?)
    };
    (of $self:ident $wanted:ident;) => { $crate::admin::Nothing {} };
}

/// `needs read Clients`, or nothing.
macro_rules! right {
    () => {
        None
    };
    ($verb:ident $area:ident) => {
        Some(protocol::admin::Right::$verb(protocol::admin::Area::$area))
    };
}

pub(super) use {operations, part, right};
