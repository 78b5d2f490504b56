//! What compares: engines with recorded transitions, with each other and with recorded data, and robots
//! with the same robots under a gap.

pub mod distance;
pub mod effect;
pub mod reference;
pub mod replay;
pub mod statistics;
