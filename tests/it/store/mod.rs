//! Every query on both databases, without a server: what one does with it must be what the other
//! does.

mod administration;
mod cascades;
mod clocks;
mod codes;
mod families;
mod fronting_links;
mod news;
mod origins;
mod parties;
mod revocation_version;
mod revocations;
mod rows;
mod sweeps;
mod tables;

mod transactions;
