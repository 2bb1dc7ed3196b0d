//! What clients find out by themselves: documents, CORS, errors, health.

mod cors;
mod documents;
mod errors;
mod health;
