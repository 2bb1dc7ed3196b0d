//! Operations on lockouts.

use super::operation::operations;
use crate::administration::lockout::{self, LiftedLockouts, LockoutList, LockoutTarget};

operations! {
    /// The lockouts that hold: of people who sign in, and of clients.
    ///
    /// Whose they are is kept as a keyed hash. The audit log has `auth.locked_out` for each, with
    /// the same `identity`, and the person or client where there is one.
    ListLockouts {} -> OK LockoutList:
        GET "/admin/lockouts" needs read Lockouts, fails [],
        |desk| lockout::list(desk).await;

    /// Forgets the failures of a person, of a client or from an address, and any lockout with them.
    LiftLockouts { body: LockoutTarget } -> OK LiftedLockouts:
        POST "/admin/lockouts/lift" needs write Lockouts,
        fails [Invalid("not exactly one of email, client_id and address is named")],
        |desk| lockout::lift(desk, body).await;
}
