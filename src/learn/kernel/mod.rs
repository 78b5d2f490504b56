//! Fused kernels, one a file, each with its CPU implementation and a parity test against candle's
//! composed operations.
//!
//! All buffers carry the member as their leading axis; a kernel's offsets count floats within a member.

mod buffer;
pub mod cpu;
pub mod cuda;
mod declare;
mod field;
pub mod launch;
mod precision;
mod row;

pub mod actor;
pub mod adam;
pub mod awr;
pub mod candidates;
pub mod cloning;
pub mod cql;
pub mod dense;
pub mod dense_grad;
pub mod elu;
pub mod encoder;
pub mod gather;
pub mod gaussian;
pub mod guard;
pub mod h2o;
pub mod head;
mod log_std;
pub mod noise;
pub mod norm;
mod per_member;
pub mod polyak;
pub mod ratio;
pub mod standardise;
pub mod target;
pub mod td;
pub mod td3bc;
pub mod value;

pub use buffer::*;
pub(crate) use declare::{CBuffer, c_entry, c_struct, header, kernel, program};
pub use field::Field;
pub(crate) use field::{declared, fields};
pub use log_std::LogStd;
pub use per_member::PerMember;
pub use precision::{Compute, MatmulPrecision};
pub use row::RowLayout;

use crate::kernel::cuda::{Entry, word};

/// Choices, places and numbers by name, as the CUDA sources know them.
pub(super) fn cuda_constants() -> Vec<(&'static str, String)> {
    use noise::Draw;
    use ratio::RatioHeads;
    use target::Exploration;
    use value::Value;
    let words = [
        ("HEALTH", word(guard::HEALTH)),
        ("FROZEN", word(guard::FROZEN)),
        ("BROKEN", word(guard::BROKEN)),
        ("NORMAL", Draw::Normal as u32),
        ("PUBLISHED_HEADS", RatioHeads::Published as u32),
        ("ENTROPY", Exploration::Entropy as u32),
        ("OPTIMISM", Exploration::Optimism as u32),
        ("EXPECTILE", Value::Expectile as u32),
        ("SPARSE", Value::Sparse as u32),
        ("EXPONENTIAL", Value::Exponential as u32),
    ];
    let words = words.map(|(name, word)| (name, word.to_string()));
    // The shortest digits that give the same float again.
    let norm = ("NORM_EPSILON", norm::EPSILON);
    let least = ("LEAST_MAGNITUDE", encoder::LEAST);
    let floats = adam::cuda_constants().into_iter().chain([norm, least]);
    let floats = floats.map(|(name, float)| (name, format!("{float:?}f")));
    words.into_iter().chain(floats).collect()
}

/// Every CUDA kernel of this folder.
pub(super) fn cuda_entries() -> Vec<Entry> {
    vec![
        actor::ActorLoss::ENTRY,
        adam::Adam::ENTRY,
        awr::AwrLoss::ENTRY,
        candidates::Beside::ENTRY,
        candidates::Candidates::ENTRY,
        cloning::CloneGrad::ENTRY,
        cql::CqlLoss::ENTRY,
        elu::Elu::ENTRY,
        elu::EluGrad::ENTRY,
        encoder::Embed::ENTRY,
        encoder::EmbedGrad::ENTRY,
        encoder::EncoderLoss::ENTRY,
        encoder::EncoderReward::ENTRY,
        gather::Gather::ENTRY,
        gaussian::GaussianSample::ENTRY,
        h2o::GapWeight::ENTRY,
        h2o::H2oLoss::ENTRY,
        guard::Guard::ENTRY,
        head::Sample::ENTRY,
        head::SampleGrad::ENTRY,
        noise::Blur::ENTRY,
        noise::Noise::ENTRY,
        noise::ScaleColumns::ENTRY,
        polyak::Polyak::ENTRY,
        ratio::RatioLoss::ENTRY,
        ratio::RatioReward::ENTRY,
        ratio::RatioWeight::ENTRY,
        standardise::Standardise::ENTRY,
        target::Target::ENTRY,
        td::TdLoss::ENTRY,
        td3bc::PolicyActions::ENTRY,
        td3bc::Td3BcGrad::ENTRY,
        td3bc::Td3BcLoss::ENTRY,
        value::ValueLoss::ENTRY,
    ]
}

/// Threads of a CUDA kernel that takes one block a member.
const BLOCK: usize = crate::kernel::cuda::THREADS as usize;
