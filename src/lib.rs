//! The authorization server: the front door of the house.
//!
//! | Room | What it does |
//! |---|---|
//! | [`administration`] | what operators change, for the command line and the admin API alike |
//! | [`admin`] | the same as operations: their routes, rights, description, and sending them to a server |
//! | [`config`] | reads and checks what the operator wants |
//! | [`app`] | builds the server from it and stops it in order |
//! | [`http`] | parses a request, hands it on, renders the answer |
//! | [`grants`] | one file a grant of the token endpoint |
//! | [`flows`] | what the other endpoints do, one file each |
//! | [`pages`] | what people see |
//! | [`cli`] | what operators type |

pub mod admin;
pub mod administration;
pub mod app;
pub mod cli;
pub mod config;
pub mod failure;
pub mod flows;
pub mod grants;
pub mod http;
pub mod pages;
