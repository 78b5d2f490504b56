//! Shaders put together from `shaders/`: the kernel, what it imports, the model's constants.

use crate::error::{Error, Result};
use crate::gpu::constants::Constants;
use crate::gpu::unroll::{self, unroll};
use naga_oil::compose::{
    ComposableModuleDescriptor, Composer, ComposerError, NagaModuleDescriptor, ShaderDefValue,
};
use std::collections::{HashMap, HashSet};
use wgpu::naga;

macro_rules! shared {
    ($($stem:literal)*) => {
        [$(($stem, include_str!(concat!("../shaders/shared/", $stem, ".wgsl")))),*]
    };
}

/// What kernels import, each after what it imports itself. Modules of constants come first.
const SHARED: [(&str, &str); 19] = shared![
    "parameters" "math" "philox" "work" "trace" "state" "kinematics" "smooth" "contact" "roll" "pair" "inertia"
    "line_search" "solver" "integrate" "channel" "rules" "transitions" "head"
];

/// A kernel: `shaders/<stem>.wgsl`, whose entry point and pipeline have that name too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shader {
    /// The name.
    pub stem: &'static str,
    source: &'static str,
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident: $stem:literal,)*) => {
        impl Shader {
            $($(#[$doc])* pub const $name: Self = Self {
                stem: $stem,
                source: include_str!(concat!("../shaders/", $stem, ".wgsl")),
            };)*
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

kernels! {
    /// Starts a new episode everywhere.
    RESET: "reset",
    /// One env step.
    ENV_STEP: "env_step",
    /// Physics steps alone.
    PHYSICS_STEP: "physics_step",
    /// Every stage's results, for comparison with the CPU.
    STAGES: "stages",
    /// Actions of a population's policies.
    POLICY: "policy",
}

/// Invocations a workgroup, where each is an environment.
pub const WORKGROUP: u32 = 64;

/// `kernel` for a model, unrolled and validated. `defs` are added to the constants' own.
///
/// # Errors
/// Where the shader does not compile: a mistake in it, not in the input.
pub fn compose(kernel: Shader, constants: &[&Constants], defs: &[&str]) -> Result<naga::Module> {
    let mut composer = Composer::default();
    let mut known = unroll::ConstantValues::new();
    let mut literals: &[f32] = &[];
    let mut on: HashMap<String, ShaderDefValue> = HashMap::new();
    on.insert("WORKGROUP".into(), ShaderDefValue::UInt(WORKGROUP));
    for c in constants {
        known.extend(c.known().clone());
        if !c.known_literals().is_empty() {
            literals = c.known_literals();
        }
        on.extend(
            c.defs()
                .iter()
                .map(|d| (d.to_string(), ShaderDefValue::Bool(true))),
        );
    }
    on.extend(
        defs.iter()
            .map(|d| (d.to_string(), ShaderDefValue::Bool(true))),
    );
    let stands_alone = |c: &&&Constants| SHARED.iter().all(|(stem, _)| *stem != c.name());
    let heads = constants.iter().filter(stands_alone);
    let heads = heads.map(|c| {
        let head = format!("#define_import_path shared::{}\n{}", c.name(), c.text());
        (c.name(), head)
    });
    let modules = SHARED.iter().map(|(stem, source)| {
        let head = constants.iter().find(|c| c.name() == *stem);
        let head = head.map_or("", |c| c.text());
        (*stem, format!("{source}\n{head}"))
    });
    let needed = needed(kernel.source);
    for (stem, source) in heads.chain(modules) {
        if !needed.contains(&stem) {
            continue;
        }
        let source = unroll(&source, &known, literals).map_err(|e| broken(stem, e))?;
        let added = composer.add_composable_module(ComposableModuleDescriptor {
            source: &source,
            file_path: stem,
            shader_defs: on.clone(),
            ..Default::default()
        });
        if let Err(error) = added {
            return Err(explained(stem, &error, &composer));
        }
    }
    let source = unroll(kernel.source, &known, literals).map_err(|e| broken(kernel.stem, e))?;
    let module = composer.make_naga_module(NagaModuleDescriptor {
        source: &source,
        file_path: kernel.stem,
        shader_defs: on,
        ..Default::default()
    });
    module.map_err(|error| explained(kernel.stem, &error, &composer))
}

/// Stems of the modules that `source` imports, and those they import.
fn needed(source: &str) -> HashSet<&str> {
    let mut found = HashSet::new();
    let mut sources = vec![source];
    while let Some(source) = sources.pop() {
        let imports = source
            .lines()
            .filter_map(|l| l.strip_prefix("#import shared::"));
        for stem in imports.filter_map(|l| l.split("::").next()) {
            if found.insert(stem) {
                sources.extend(SHARED.iter().filter(|(s, _)| *s == stem).map(|(_, s)| *s));
            }
        }
    }
    found
}

fn explained(stem: &str, error: &ComposerError, composer: &Composer) -> Error {
    broken(stem, error.emit_to_string(composer))
}

fn broken(stem: &str, problem: impl ToString) -> Error {
    Error::input(
        format!("shader `{stem}`"),
        problem,
        "report this robot with this message: the shader should take it",
    )
}
