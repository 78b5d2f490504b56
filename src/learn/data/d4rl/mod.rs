//! D4RL v2 files: one HDF5 file, one row a step, episodes one after the other.
//!
//! Layout as in Fu et al., *D4RL: Datasets for Deep Data-Driven Reinforcement Learning* (2020), as
//! the published v2 files have it; Booleans are an enumeration over `int8`, as h5py stores them.

mod policy;
mod read;
mod write;

pub use read::{read, read_as};
pub use write::write;
