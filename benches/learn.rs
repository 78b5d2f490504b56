//! One update of each method: `cargo bench --bench learn`.

use candle_core::Device;
use criterion::{Criterion, criterion_group, criterion_main};
use h2oplus::method::{build, methods};
use h2oplus::net::Replay;

fn updates(c: &mut Criterion) {
    let (s, a, device) = (17, 6, Device::Cpu);
    let mut replay = Replay::new(1, 10_000, s, a, &device).expect("there is room");
    let rows: Vec<f32> = (0..10_000 * 42)
        .map(|n| ((n * 7919) % 1000) as f32 / 1000.0 - 0.5)
        .collect();
    replay.push(&rows).expect("the rows fit");
    let mut group = c.benchmark_group("update");
    group.sample_size(20);
    for method in methods() {
        let mut agent =
            build(method, &toml::Table::new(), s, a, &[0], &device).expect("defaults are valid");
        group.bench_function(method, |b| {
            b.iter(|| {
                agent
                    .update(1, &replay, &replay)
                    .expect("an update cannot fail on good data");
                // Reading a result back waits for the device.
                agent.metrics().expect("metrics can be read")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, updates);
criterion_main!(benches);
