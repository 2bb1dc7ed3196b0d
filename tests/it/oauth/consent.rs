//! The consent page: what it says, what a decision does, and who can make one.

mod decision;
mod page;
mod skipping;
