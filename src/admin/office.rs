//! Where operations are carried out: on the store itself, or by a server.

use super::problem::is_ours;
use super::{Operation, Problem, Remote};
use crate::administration::{AdminError, Desk};

/// One of the two. What comes back is the same.
#[derive(Debug)]
pub enum Office<'a> {
    /// On the configured store.
    Here(Desk<'a>),
    /// By a server, with an admin key.
    There(Remote),
}

/// Why an operation was not carried out, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// It was refused, or failed.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// It failed here, where the cause is no secret.
    #[error("{problem}\nThe cause: {cause}")]
    Failed {
        /// What anybody would have been told.
        problem: Box<Problem>,
        /// What went wrong.
        cause: String,
    },
    /// The server could not be asked, or its answer not be understood.
    #[error("{0}")]
    Unreachable(String),
}

impl From<AdminError> for Unfinished {
    /// On the store itself, by whoever may read it.
    fn from(error: AdminError) -> Unfinished {
        let mut problem = Box::new(Problem::from(error));
        match problem.cause.take().filter(|_| is_ours(&problem)) {
            Some(cause) => Unfinished::Failed { problem, cause },
            None => Unfinished::Refused(problem),
        }
    }
}

impl Office<'_> {
    /// Carries `operation` out.
    ///
    /// # Errors
    /// [`Unfinished`]; the same refusals on both ways.
    pub async fn carry_out<O: Operation>(&self, operation: O) -> Result<O::Answer, Unfinished> {
        match self {
            Office::Here(desk) => operation.carry_out(desk).await.map_err(Unfinished::from),
            Office::There(server) => server.send(operation).await,
        }
    }
}
