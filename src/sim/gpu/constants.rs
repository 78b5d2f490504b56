//! Constants of a model as a WGSL module.

use crate::gpu::unroll;
use std::fmt::Write as _;

/// A module of constants, and the definitions that choose between parts of the shaders.
pub struct Constants {
    name: &'static str,
    text: String,
    known: unroll::ConstantValues,
    defs: Vec<&'static str>,
    literals: Vec<f32>,
}

impl Constants {
    /// The empty module `shared::<name>`.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            text: String::new(),
            known: unroll::ConstantValues::new(),
            defs: Vec::new(),
            literals: Vec::new(),
        }
    }

    /// A whole number.
    pub fn number(&mut self, name: &str, value: usize) {
        self.line(format!("const {name} = {value}u;"));
        self.known.insert(name.to_owned(), vec![value as i64]);
    }

    /// Whole numbers, to be indexed by constants.
    pub fn numbers(&mut self, name: &str, values: impl Iterator<Item = usize>) {
        let values: Vec<_> = values.collect();
        let list = values.iter().map(|v| format!("{v}u"));
        self.list(name, "u32", list);
        let values = values.into_iter().map(|v| v as i64).collect();
        self.known.insert(name.to_owned(), values);
    }

    /// A number; an infinite one becomes the largest.
    pub fn real(&mut self, name: &str, value: f64) {
        self.line(format!("const {name} = {};", real(value)));
    }

    /// Numbers, to be indexed by constants.
    pub fn reals(&mut self, name: &str, values: impl Iterator<Item = f64>) {
        self.list(name, "f32", values.map(real));
    }

    /// A definition for `#ifdef`, where `on`.
    pub fn flag(&mut self, name: &'static str, on: bool) {
        self.defs.extend(on.then_some(name));
    }

    /// What `parameter(field)` is, by field: written into the shader instead of read.
    pub fn literals(&mut self, values: &[f32]) {
        self.literals = values.to_vec();
    }

    /// See [`literals`](Self::literals).
    pub(super) fn known_literals(&self) -> &[f32] {
        &self.literals
    }

    fn line(&mut self, line: String) {
        let _infallible = writeln!(self.text, "{line}");
    }

    fn list(&mut self, name: &str, kind: &str, values: impl Iterator<Item = String>) {
        let mut values: Vec<_> = values.collect();
        if values.is_empty() {
            // WGSL has no empty arrays; nothing reads it.
            values.push(format!("{kind}()"));
        }
        let (len, values) = (values.len(), values.join(", "));
        self.line(format!("const {name} = array<{kind}, {len}>({values});"));
    }

    /// Its name after `shared::`.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The constants as WGSL.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whole numbers by name.
    pub(super) fn known(&self) -> &unroll::ConstantValues {
        &self.known
    }

    /// Definitions that are on.
    pub(super) fn defs(&self) -> &[&'static str] {
        &self.defs
    }
}

/// A float32 literal.
fn real(value: f64) -> String {
    let value = (value as f32).clamp(f32::MIN, f32::MAX);
    format!("{value:?}f")
}
