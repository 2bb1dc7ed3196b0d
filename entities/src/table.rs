//! The tables whose size an operator watches.

/// A table that grows with use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table(&'static str);

impl Table {
    /// All of them; a test compares them with the schema.
    pub const ALL: [Table; 15] = [
        Table("admin_keys"),
        Table("attempts"),
        Table("audit_events"),
        Table("authorization_codes"),
        Table("authorization_requests"),
        Table("budgets"),
        Table("clients"),
        Table("consent_grants"),
        Table("families"),
        Table("fronting_links"),
        Table("issuances"),
        Table("replay"),
        Table("resources"),
        Table("sessions"),
        Table("users"),
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}
