//! Rows and noise drawn inside an update.

use candle_core::Tensor;
use h2oplus::kernel::gather::{Gather, Span};
use h2oplus::kernel::launch::launch;
use h2oplus::kernel::noise::{Blur, Draw, Noise};
use h2oplus::rng::{Stream, fill_normal, philox};

use crate::support::{list, normals, poison};

#[test]
fn gather_follows_its_counter() {
    let (row, rows) = (6, 300);
    let spans = [(0, 40), (40, 25), (10, 30)].map(|(start, len)| Span { start, len });
    let cells = (0..65 * row).map(|n| n as f32).collect::<Vec<_>>();
    let replay = Tensor::from_vec(cells, (65, row), crate::support::device()).unwrap();
    let gather = Gather {
        members: 3,
        lane: 1,
        update: 77,
        stream: Stream::SampleSim,
        row,
        first: 2,
        rows,
        width: 4,
        seed: vec![5, 9, 11].into(),
        span: spans.to_vec().into(),
    };
    let batch = poison(&[3, (rows + 2) * 4]);
    launch(&gather, [&batch], [&replay]).unwrap();
    let mut seen = vec![0; 65];
    for (m, seed) in [5, 9, 11].into_iter().enumerate() {
        let batch = list(&batch.get(m).unwrap());
        assert!(
            batch[..8].iter().all(|x| x.is_nan()),
            "rows before the first are left alone"
        );
        for n in 0..rows {
            let word = philox(seed, 1, 77, Stream::SampleSim, (n / 4) as u32)[n % 4];
            let Span { start, len } = spans[m];
            let index = start + ((u64::from(word) * len as u64) >> 32) as usize;
            let first = index * row;
            let expected: Vec<f64> = (first..first + 4).map(|x| x as f64).collect();
            assert_eq!(batch[(n + 2) * 4..][..4], expected);
            seen[index] += 1;
        }
    }
    // 300 draws of 25: each is expected 12 times.
    assert!(seen[40..].iter().all(|n| (2..35).contains(n)), "{seen:?}");
}

#[test]
fn normals_follow_their_counter_and_blur() {
    let len = 10_001;
    let noise = poison(&[2, len]);
    let kernel = Noise {
        members: 2,
        draw: Draw::Normal,
        update: 12,
        stream: Stream::Update,
        len,
        seed: vec![3, 4].into(),
    };
    launch(&kernel, [&noise], []).unwrap();
    for (m, seed) in [3, 4].into_iter().enumerate() {
        let mut expected = vec![0.0; len];
        fill_normal(&mut expected, seed, 0, 12, Stream::Update);
        let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
        let error = crate::support::error(&list(&noise.get(m).unwrap()), &expected);
        assert!(error < 1e-6, "{error}");
    }
    let x = normals(1, &[2, 100]);
    let blurred = x.copy().unwrap();
    let shift = noise.narrow(1, 7, 100).unwrap().contiguous().unwrap();
    launch(
        &Blur {
            members: 2,
            len: 100,
            std: vec![0.1, 0.2].into(),
        },
        [&blurred],
        [&shift],
    )
    .unwrap();
    let std = Tensor::new(&[[0.1f32], [0.2]], crate::support::device()).unwrap();
    let expected = (x + shift.broadcast_mul(&std).unwrap()).unwrap();
    assert!(crate::support::error(&list(&blurred), &list(&expected)) < 1e-6);
}
