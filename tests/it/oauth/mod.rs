//! The public surface, story by story.

mod journey;
