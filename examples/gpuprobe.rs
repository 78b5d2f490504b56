use h2oplus::env::*; use h2oplus::gpu::Gpu; use h2oplus::physics::planar::Precision; use std::time::Instant;
use h2oplus::rng::{Stream, fill_unit};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let name = &args[1]; let n: usize = args[2].parse().unwrap();
    let gpu = Gpu::shared().unwrap();
    let task = Task::load(name).unwrap();
    let dynamics = Dynamics::new(&task, &[]).unwrap();
    let t = Instant::now();
    let mut env = PlanarGpuEnv::new(&gpu, &task, dynamics, n, 0).unwrap();
    println!("{} | {} | build {:.2?}", gpu.label(), env.memory(), t.elapsed());
    let t = Instant::now();
    env.reset().unwrap(); println!("reset {:.2?}", t.elapsed());
    let mut cpu = PlanarVecEnv::new(&task, &[], n, 0, Precision::F32).unwrap();
    let c0 = cpu.reset().unwrap().to_vec();
    let g0 = env.reset_obs();
    let d = c0.iter().zip(&g0).fold(0f32, |m,(a,b)| m.max((a-b).abs())); println!("reset diff {d:e}");
    let acts: Vec<Vec<f32>> = (0..16).map(|i| { let mut a = vec![0.0; n*task.act_dim()]; fill_unit(&mut a, 0,0,i,Stream::Action); a.iter_mut().for_each(|a| *a = 2.0* *a-1.0); a}).collect();
    for s in 0..20 {
        let t = Instant::now();
        let g = env.step(&acts[s%16]).unwrap().clone(); let e = t.elapsed(); let c = cpu.step(&acts[s%16]).unwrap();
        let mut d: Vec<f32> = c.next_obs.iter().zip(&g.next_obs).map(|(a,b)| (a-b).abs()).collect();
        d.sort_by(f32::total_cmp);
        if s < 5 || s == 19 { println!("step {s} {e:.2?} median {:e} max {:e} bad {}", d[d.len()/2], d[d.len()-1], env.offenders()); }
    }
    for s in 0..60 { env.step(&acts[s%16]).unwrap(); }
    let t = Instant::now(); let mut k = 0;
    while t.elapsed().as_secs_f64() < 3.0 { env.step(&acts[k%16]).unwrap(); k += 1; }
    println!("GPU {:.0} steps/s  bad: {}", (k*n) as f64 / t.elapsed().as_secs_f64(), env.offenders());
    for s in 0..60 { cpu.step(&acts[s%16]).unwrap(); }
    let t = Instant::now(); let mut k = 0;
    while t.elapsed().as_secs_f64() < 2.0 { cpu.step(&acts[k%16]).unwrap(); k += 1; }
    println!("CPU {:.0} steps/s", (k*n) as f64 / t.elapsed().as_secs_f64());
}
