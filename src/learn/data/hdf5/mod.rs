//! HDF5 as both formats use it: a thin layer over the crates that parse and encode it.
//!
//! Files may be damaged, or say more than they hold: links are followed to a limit, and every array is
//! found, measured and only then read. What is wrong is said in our own words (`fault`).

mod array;
mod element;
mod fault;
mod links;
mod lzf;
mod open;
mod storage;
mod write;

pub(super) use fault::refused;
pub(super) use open::H5File;
pub(super) use write::{H5Writer, Values};
