//! Dynamic client registration (RFC 7591): anybody may post, so nothing in it is believed.

mod document;
mod live_mode;
mod modes;
