//! Products of factors in bfloat16: networks and whole agents beside the same in float32.

use candle_core::{D, Device, Tensor};
use h2oplus::kernel::cpu::bf16::units;
use h2oplus::kernel::dense::View;
use h2oplus::kernel::norm::Norm;
use h2oplus::kernel::{Compute, MatmulPrecision};
use h2oplus::method::{Agent, build, methods};
use h2oplus::net::params::Params;
use h2oplus::net::spec::{LastLayer, ParamSpec};
use h2oplus::net::workspace::{Backprop, Bank, Plan};

use crate::agents::{A, S, bits, run, settings};
use crate::support::{list, normals};

/// Rows: more than a tile, and no multiple of one.
const ROWS: usize = 150;

/// Whether this CPU multiplies bfloat16; it is said aloud where it does not.
fn has_units() -> bool {
    if units().is_empty() {
        h2oplus::log!("SKIPPED: this CPU has neither AMX nor AVX512-BF16");
    }
    !units().is_empty()
}

/// Root of the mean square of the difference, over that of `exact`.
fn distance(exact: &[f64], other: &[f64]) -> f64 {
    let sum = |all: &mut dyn Iterator<Item = f64>| all.map(|x| x * x).sum::<f64>();
    let differences = &mut exact.iter().zip(other).map(|(x, y)| x - y);
    (sum(differences) / sum(&mut exact.iter().copied())).sqrt()
}

/// A network forward and backward: outputs, gradients of the parameters, gradient of the input.
fn network(precision: MatmulPrecision) -> [Vec<f64>; 3] {
    let sizes = [9, 64, 130, 12];
    let mut spec = ParamSpec::default();
    let mlp = spec.normed("net", &sizes, Norm::Layer, LastLayer::Linear);
    let params = Params::new(spec, &[(&mlp, "target")], &[7], &Device::Cpu).unwrap();
    let input = View {
        buffer: 0,
        offset: 0,
        ld: sizes[0],
        stride: ROWS * sizes[0],
    };
    let mut plan = Plan::new(1, [params.len(), params.target_len()], precision);
    let mut pass = plan.pass(&mlp, Bank::Trained, input, ROWS);
    pass.save_for_backward();
    let input_grad = plan.input_grad(&pass, sizes[0]);
    let ws = {
        let mut ws = plan.alloc(&Device::Cpu).unwrap();
        let dy = normals(2, &[ROWS * sizes[3]]).to_vec1::<f32>().unwrap();
        let mut deltas = vec![f32::NAN; plan.room()];
        deltas[pass.out().offset()..][..dy.len()].copy_from_slice(&dy);
        let deltas = Tensor::from_vec(deltas, (1, plan.room()), &Device::Cpu);
        ws.act_grads = deltas.unwrap().into();
        ws
    };
    let x = [normals(1, &[1, ROWS * sizes[0]])
        .to_device(&Device::Cpu)
        .unwrap()];
    ws.forward(&plan.forward(&[&pass]), &params, &x).unwrap();
    let back = Backprop {
        pass: &pass,
        weights: true,
        input: Some((0, sizes[0], input_grad)),
    };
    ws.backward(&plan.backward(&[back]), &params, &x).unwrap();
    let part = |of: &Tensor, at: usize, len| list(&of.narrow(D::Minus1, at, len).unwrap());
    [
        part(&ws.acts, pass.out().offset(), ROWS * sizes[3]),
        list(&params.grad),
        part(&ws.act_grads, input_grad.offset(), ROWS * sizes[0]),
    ]
}

#[test]
fn a_network_is_near_its_float32() {
    if !has_units() {
        return;
    }
    let exact = network(MatmulPrecision::F32);
    let rounded = network(MatmulPrecision::Bf16);
    for (what, (exact, rounded)) in ["y", "dW", "dx"].iter().zip(exact.iter().zip(&rounded)) {
        let distance = distance(exact, rounded);
        // 8 bits round by 0.2 % on average, and a unit in 300 then opens or shuts, which alone moves a gradient by
        // √(2/300); a lost block would be off by half, float32 by far less.
        assert!((5e-4..0.2).contains(&distance), "{what}: {distance:.1e}");
    }
}

fn agent(method: &str, precision: MatmulPrecision, seeds: &[u64]) -> Agent {
    let on = Compute {
        device: Device::Cpu,
        precision,
    };
    build(method, &settings(method, 5), S, A, seeds, on).unwrap()
}

#[test]
fn methods_learn_alike_alone_in_populations_and_on_any_number_of_threads() {
    if !has_units() {
        return;
    }
    let trained = |method: &str, precision, seeds: &[u64], threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            let mut agent = agent(method, precision, seeds);
            run(&mut agent, 30);
            agent
        })
    };
    for method in methods() {
        let bf16 = MatmulPrecision::Bf16;
        let all = trained(method, bf16, &[3, 4, 5], 3);
        let alone = trained(method, bf16, &[4], 1);
        assert_eq!(bits(&all, 1), bits(&alone, 0), "{method}");
        // Negative control, and the numbers are those of the same learner, which Adam's first steps, whose size is
        // the rate, would hide but for the parameters' own size.
        let exact = trained(method, MatmulPrecision::F32, &[4], 1);
        assert_ne!(bits(&exact, 0), bits(&alone, 0), "{method}");
        let parameters = |agent: &Agent| -> Vec<f64> {
            let named = agent.parameters(0).unwrap();
            let all = named.iter().flat_map(|(_, values)| values.iter());
            all.map(|x| f64::from(*x)).collect()
        };
        let distance = distance(&parameters(&exact), &parameters(&alone));
        assert!(distance < 0.05, "{method}: {distance:.1e}");
    }
}
