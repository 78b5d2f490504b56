//! The learner against recorded updates of the published code, and against itself.

mod published;
