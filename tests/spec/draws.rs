//! What is drawn from a domain: which rows, by which environment, for which member.

use h2oplus::env::{Dynamics, EnvKey, Task};

fn texts(dynamics: &Dynamics) -> Vec<String> {
    dynamics.rows.iter().map(|r| r.gap.to_string()).collect()
}

#[test]
fn rows_are_those_that_can_be_used() {
    let task = Task::load("halfcheetah").unwrap();
    let rows = |text: &str, redraw, envs| {
        let domain = task.domain(text).unwrap().with(None, redraw).unwrap();
        Dynamics::draw(&task, &domain, 0, envs).unwrap().rows.len()
    };
    assert_eq!(rows("none", false, 100), 1);
    assert_eq!(rows("none/gravity/friction", false, 100), 3);
    assert_eq!(rows("gravity=0.5..2", false, 10), 10);
    assert_eq!(rows("gravity=0.5..2", false, 4000), 1024);
    assert_eq!(rows("gravity=0.5..2", true, 10), 1024);
    // Environments take the alternatives in turn however often the rows come round.
    assert_eq!(rows("none/friction/gravity=0.5..2", false, 10), 12);
    let domain = task.domain("none/gravity=1.2..2").unwrap();
    let drawn = Dynamics::draw(&task, &domain, 0, 6).unwrap();
    assert!(
        drawn
            .rows
            .iter()
            .enumerate()
            .all(|(i, r)| r.gap.is_none() == (i % 2 == 0))
    );
}

/// A row is a function of domain, seed and index; a member's rows are those that it has alone.
#[test]
fn draws_are_reproducible_and_members_independent() {
    let task = Task::load("walker2d").unwrap();
    let domain = task.domain("gravity=0.5..2,friction=0.3..1").unwrap();
    let draw = |seed, envs| texts(&Dynamics::draw(&task, &domain, seed, envs).unwrap());
    assert_eq!(draw(1, 20), draw(1, 20));
    assert_eq!(draw(1, 20)[..5], draw(1, 5));
    assert!(draw(1, 20).iter().zip(&draw(2, 20)).all(|(a, b)| a != b));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    assert_eq!(pool.install(|| draw(1, 20)), draw(1, 20));

    for redraw in [false, true] {
        let domain = domain.clone().with(redraw.then_some(50), redraw).unwrap();
        let seeds = [7, 3, 9];
        let whole = Dynamics::population(&task, &domain, &seeds, 4).unwrap();
        for (m, &seed) in seeds.iter().enumerate() {
            let alone = Dynamics::population(&task, &domain, &[seed], 4).unwrap();
            for env in 0..4u32 {
                let key = EnvKey { seed, env };
                for tick in 1..30 {
                    let at = whole.param_row(4 * m + env as usize, key, tick);
                    let own = alone.param_row(env as usize, key, tick);
                    assert_eq!(whole.rows[at].gap, alone.rows[own].gap);
                }
            }
        }
    }
}

/// Members with gaps of their own: some that stay, some that are redrawn.
#[test]
fn members_may_have_dynamics_of_their_own() {
    let task = Task::load("halfcheetah").unwrap();
    let of = |text: &str, redraw: bool, seed| {
        let domain = task.domain(text).unwrap().with(None, redraw).unwrap();
        Dynamics::draw(&task, &domain, seed, 4).unwrap()
    };
    let parts = [
        of("none/gravity", false, 0),
        of("friction=0.2..0.8", true, 1),
        of("none/gravity", false, 2),
        of("gravity=0.5..2", false, 3),
    ];
    let whole = Dynamics::join(parts.to_vec(), 4);
    assert_eq!(
        whole.rows.len(),
        2 + 1024 + 4,
        "equal members share their rows"
    );
    for (m, part) in parts.iter().enumerate() {
        let mut seen = std::collections::BTreeSet::new();
        for env in 0..4u32 {
            let key = EnvKey {
                seed: m as u64,
                env,
            };
            for tick in 1..40 {
                let at = whole.param_row(4 * m + env as usize, key, tick);
                let own = part.param_row(env as usize, key, tick);
                assert_eq!(whole.rows[at].gap, part.rows[own].gap, "member {m}");
                seen.insert(at);
            }
        }
        assert_eq!(seen.len() > 100, part.redrawn, "member {m}: {}", seen.len());
    }
}
