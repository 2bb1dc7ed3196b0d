//! Operations on the audit log.

use super::operation::operations;
use crate::administration::audit::{self, AuditList, AuditQuery};

operations! {
    /// Rows of the audit log, newest first.
    ListAudit { query: AuditQuery } -> OK AuditList:
        GET "/admin/audit" needs read Audit, fails [Invalid("it reaches too far back")],
        |desk| audit::query(desk, query).await;
}
