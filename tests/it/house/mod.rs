//! The rules of the house that no compiler holds: which way dependencies point, how long a file and
//! a function may grow, what things may be called, that ARCHITECTURE.md is true, how secrets are not
//! compared, and what must not be in the tree at all.
//!
//! Every rule is a pure checker over text, shown to fail on a small bad sample beside it, and one
//! test that runs it over the repository. A finding names the file and says what to do.

mod architecture;
mod denials;
mod direction;
mod docs;
mod names;
mod scan;
mod sealed;
mod secrets;
mod sizes;
mod tree;
mod words;
