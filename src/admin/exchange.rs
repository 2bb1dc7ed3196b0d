//! The dry run of a token exchange.

use super::operation::operations;
use crate::administration::Kind;
use crate::administration::exchange::{self, ExchangeExplanation, ExchangeQuestion};

const USERS: &str = "`users:read`, when `user` names somebody";
const RULES: &str = "a member breaks a rule, or `source` is needed and left out";

operations! {
    /// Says what would come of a token exchange: which gate stops it, and what to change.
    ///
    /// Goes by the clients, resources, links and consent as they are now, and asks the gates that
    /// the token endpoint asks. No token is needed, none is issued, and nothing is written. To name
    /// a user takes the right `users:read` as well.
    ExplainExchange { body: ExchangeQuestion } -> OK ExchangeExplanation:
        POST "/admin/exchange/explain" needs read Exchange,
        fails [
            NotFound(Kind::Client), NotFound(Kind::Resource), NotFound(Kind::User), Invalid(RULES),
            Lacks(USERS),
        ],
        |desk| exchange::explain_exchange(desk, body).await;
}
