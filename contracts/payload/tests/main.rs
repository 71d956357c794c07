//! Sealed payloads from both ends.

mod refusals;
mod resuming;
mod round_trips;
mod world;
