//! How products round.

use h2oplus_base::choices;

choices! {
    /// How the matrix products of a GPU round.
    pub enum MatmulPrecision {
        /// float32 throughout.
        F32 = "f32",
        /// Factors rounded to TF32's 11 bits on tensor cores, sums in float32.
        Tf32 = "tf32",
    }
}
