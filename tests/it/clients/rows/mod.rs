//! Every habit of a real client that was seen in the wild, replayed against the server as it comes
//! over the wire, and written down in `docs/compatibility.md`, which is made of [`registry`].

mod chatgpt;
mod claude_ai;
mod claude_code;
mod editors;
mod guest;
mod odd_requests;
mod page;
mod real;
mod registry;
mod revision;
mod strict;
