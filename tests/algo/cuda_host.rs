//! CUDA programs on the host: the sources compiled by g++, blocks run one after another.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use h2oplus::kernel::cuda::{Product, Program, Step, source};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

type Launch =
    unsafe extern "C" fn(*mut c_void, *mut *mut c_void, c_int, *const u32, u32, bool) -> bool;

/// The compiled kernels.
pub struct Host {
    library: usize,
    launch: Launch,
    /// Blocks share static memory: one launch at a time.
    ran: Mutex<BTreeSet<&'static str>>,
}

/// The order in which a block's threads run between barriers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

/// The kernels for this host; none where there is no g++, which is said aloud.
pub fn host() -> Option<&'static Host> {
    static HOST: OnceLock<Option<Host>> = OnceLock::new();
    HOST.get_or_init(Host::compile).as_ref()
}

impl Host {
    fn compile() -> Option<Self> {
        if Command::new("g++").arg("--version").output().is_err() {
            h2oplus::log!("SKIPPED: no g++ here; the CUDA kernels have not been run");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (unit, library) = (
            folder.path().join("kernels.cpp"),
            folder.path().join("kernels.so"),
        );
        std::fs::write(&unit, include_str!("cuda_host.h").to_owned() + &source()).unwrap();
        let flags = ["-std=c++20", "-O1", "-shared", "-fPIC", "-Wall", "-Werror"];
        let made = Command::new("g++")
            .args(flags)
            .args(["-Wno-unknown-pragmas", "-Wno-unused-function", "-o"])
            .args([&library, &unit])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let path = CString::new(library.to_str().unwrap()).unwrap();
        const RTLD_NOW: c_int = 2;
        // SAFETY: a library just made, which lives as long as the process.
        unsafe {
            let library = dlopen(path.as_ptr(), RTLD_NOW);
            assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
            let launch = symbol(library, "host_launch");
            Some(Self {
                library: library as usize,
                launch: std::mem::transmute::<*mut c_void, Launch>(launch),
                ran: Mutex::default(),
            })
        }
    }

    /// Names of the kernels that have run.
    pub fn ran(&self) -> BTreeSet<&'static str> {
        self.ran.lock().unwrap().clone()
    }

    /// Runs `program` on `buffers`, outputs first.
    pub fn execute(&self, program: &Program, buffers: &mut [Vec<f32>], order: Order) {
        for step in &program.steps {
            match step {
                Step::Product(p) => product(p, buffers),
                Step::Run(run) => {
                    let mut ran = self.ran.lock().unwrap();
                    ran.insert(run.entry.name);
                    let every: Vec<usize> = (0..buffers.len()).collect();
                    let which = run.buffers.as_ref().unwrap_or(&every);
                    let mut pointers: Vec<*mut c_void> = which
                        .iter()
                        .map(|b| buffers[*b].as_mut_ptr().cast())
                        .collect();
                    let mut arguments: Vec<u32> = bytemuck::pod_collect_to_vec(&run.arguments);
                    pointers.push(arguments.as_mut_ptr().cast());
                    // SAFETY: the pointers are those that the kernel's convention names.
                    let ended = unsafe {
                        (self.launch)(
                            symbol(self.library as *mut c_void, run.entry.name),
                            pointers.as_mut_ptr(),
                            pointers.len() as c_int,
                            run.grid.as_ptr(),
                            run.threads,
                            order == Order::Descending,
                        )
                    };
                    assert!(ended, "{} hangs", run.entry.name);
                }
            }
        }
    }
}

unsafe fn symbol(library: *mut c_void, name: &str) -> *mut c_void {
    let c_name = CString::new(name).unwrap();
    // SAFETY: the library stays open.
    let found = unsafe { dlsym(library, c_name.as_ptr()) };
    assert!(!found.is_null(), "no kernel {name}");
    found
}

fn product(p: &Product, buffers: &mut [Vec<f32>]) {
    let [rows, columns, inner] = p.shape.size;
    let [a_ld, b_ld, c_ld] = p.shape.ld;
    let [a_t, b_t] = p.shape.transposed;
    for member in 0..p.members {
        for blocks in &p.blocks {
            let [a, b, c] = blocks.map(|block| block.offset + member * block.stride);
            for i in 0..rows {
                for j in 0..columns {
                    let sum: f64 = (0..inner)
                        .map(|k| {
                            let x = a + if a_t { k * a_ld + i } else { i * a_ld + k };
                            let y = b + if b_t { j * b_ld + k } else { k * b_ld + j };
                            f64::from(buffers[blocks[0].buffer][x])
                                * f64::from(buffers[blocks[1].buffer][y])
                        })
                        .sum();
                    buffers[blocks[2].buffer][c + i * c_ld + j] = sum as f32;
                }
            }
        }
    }
}
