//! Ctrl-C (and SIGTERM): asks long work to save and stop; a second one ends the process at once.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Installs the handler, once per process.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let handler = || {
            if ASKED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        };
        // Without a handler Ctrl-C still ends the process; the last checkpoint remains.
        if let Err(e) = ctrlc::set_handler(handler) {
            crate::log!("note: Ctrl-C will stop without saving ({e})");
        }
    });
}

/// Whether a stop was asked for.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// [`Error::Stopped`] once a stop was asked for: for work that has nothing to save.
pub fn check() -> Result<()> {
    if asked() { Err(Error::Stopped) } else { Ok(()) }
}
