//! Threads of an object's own, which end with it.

use h2oplus::error::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Worker threads, made where they are first needed. A forked process has none of its parent's, and makes its own.
pub struct Workers {
    /// 0: one a core.
    threads: usize,
    /// With the process that made them.
    made: Option<(u32, ThreadPool)>,
}

impl Workers {
    /// So many threads; 0: one a core.
    pub fn new(threads: usize) -> Self {
        Self {
            threads,
            made: None,
        }
    }

    /// Runs `work` on them.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn run<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let here = std::process::id();
        if self
            .made
            .as_ref()
            .is_some_and(|(process, _)| *process != here)
        {
            // They are not in this process: to end them would wait for nobody.
            std::mem::forget(self.made.take());
        }
        let pool = match self.made.take() {
            Some((_, pool)) => pool,
            None => ThreadPoolBuilder::new()
                .num_threads(self.threads)
                .thread_name(|n| format!("h2oplus-{n}"))
                .build()
                .map_err(|e| Error::input("threads", e, "give a smaller number"))?,
        };
        let (_, pool) = self.made.insert((here, pool));
        Ok(pool.install(work))
    }

    /// Ends them; the next work makes others.
    pub fn end(&mut self) {
        self.made = None;
    }
}
