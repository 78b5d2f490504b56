//! Status bits of an environment after a step, the same for every engine.

/// A position or velocity is not a number, or beyond 1e10.
pub const BROKEN: u32 = 1;
/// The solver stopped before its active set settled (the result is close all the same).
pub const UNCONVERGED: u32 = 2;

/// MuJoCo's `mjMAXVAL`: a state beyond it counts as broken.
pub const LARGEST: f64 = 1e10;

/// The first environments whose status (`[n]`) has a bit of `mask`, and why; empty if none.
pub fn offenders(status: &[u32], mask: u32) -> String {
    let bad = status.iter().enumerate().filter(|(_, s)| **s & mask != 0);
    let name = |(env, status): (usize, &u32)| {
        let broken = (status & BROKEN != 0).then_some("state not finite or beyond 1e10");
        let open = (status & UNCONVERGED != 0).then_some("solver not converged");
        let why: Vec<_> = broken.into_iter().chain(open).collect();
        format!("environment {env}: {}", why.join(", "))
    };
    let count = bad.clone().count();
    let mut named: Vec<_> = bad.take(5).map(name).collect();
    if count > named.len() {
        named.push(format!("and {} more", count - named.len()));
    }
    named.join("; ")
}
