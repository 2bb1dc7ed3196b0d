//! The stock clients of `tests/clients` against the server as it is shipped: the official MCP SDKs
//! for TypeScript and Python, an MCP server under the published AuthPlane SDK, and Chromium for the
//! person. What a journey does is written down there; here it is only set up and run.

mod delegation;
mod journey;
mod journeys;
mod openapi;
mod rows;
mod stage;
