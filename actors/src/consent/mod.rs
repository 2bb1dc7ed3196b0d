//! Consent: the way from an authorization request to a redeemed code.
//!
//! A request waits here until a person has signed in and decided (RFC 6749 §4.1.1);
//! the decision makes consent grants and a code (§4.1.2); the code is redeemed once
//! (§4.1.3), and gives birth to a refresh family. A person also agrees outside of an
//! authorization, when a token exchange needs it. Each step is one transaction with
//! its audit row, and each claims what it uses up with a conditional write.

mod agree;
mod decide;
mod keeper;
mod messages;
mod redeem;

pub use keeper::{Consent, ConsentSettings};
pub use messages::{
    Agree, Agreed, Crowded, Decide, Decided, Decision, FindGrants, FindRequest, ListGrants,
    OpenError, OpenRequest, PendingRequest, Redeem, Redeemed, RevokeGrant,
};
