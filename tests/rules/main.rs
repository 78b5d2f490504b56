//! The rules of the house, held by tests. Each rule is a function from texts to what breaks it, so that a short text
//! that breaks it can show that it is seen.

#![expect(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

mod crates;
mod links;
mod names;
mod packages;
mod places;
mod sizes;
mod source;
mod tables;
mod texts;
