//! Signals that ask the program to end: Ctrl-C, SIGTERM, and the hang-up of a terminal.
//!
//! While a [`Saving`] is held, the first asks the work to save and stop, and a second one ends the process unsaved.
//! At any other time there is nothing to save, and one ends the process at once.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{Error, Result};

/// Exit code of a stop with everything saved.
pub const SAVED: u8 = 130;
/// Exit code of a stop in the middle of work: the checkpoint before is what remains.
#[cfg(unix)]
const UNSAVED: u8 = 131;

/// Nothing to save.
const IDLE: u8 = 0;
/// Work that can save what it has.
const WORKING: u8 = 1;
/// The same, and it was asked to.
const ASKED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(IDLE);

/// Work that ends by itself, with everything saved, soon after a signal: it polls [`asked`] or [`check`].
#[must_use]
#[derive(Debug)]
pub struct Saving(());

impl Saving {
    /// Begins such work.
    pub fn begin() -> Self {
        STATE.store(WORKING, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        // A request that has come stays for the caller to see.
        let _ = STATE.compare_exchange(WORKING, IDLE, Ordering::SeqCst, Ordering::SeqCst);
    }
}

/// Whether a stop was asked for.
pub fn asked() -> bool {
    STATE.load(Ordering::SeqCst) == ASKED
}

/// [`Error::Stopped`] once a stop was asked for.
pub fn check() -> Result<()> {
    if asked() { Err(Error::Stopped) } else { Ok(()) }
}

/// Listens for signals on a thread of its own, to the end of the process. A signal that was ignored when the program
/// started (SIGHUP under `nohup`, SIGINT in a script's background) stays ignored.
#[cfg(unix)]
pub fn listen() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let heard = [SIGINT, SIGTERM, SIGHUP].into_iter();
    let mut signals = match Signals::new(heard.filter(|signal| !ignored(*signal))) {
        Ok(signals) => signals,
        // Without a listener a signal still ends the process; the last checkpoint remains.
        Err(e) => return crate::log!("note: Ctrl-C will stop without saving ({e})"),
    };
    let listener = std::thread::Builder::new().name("signals".into());
    let listener = listener.spawn(move || {
        loop {
            signals.wait().for_each(drop);
            let asked = STATE.compare_exchange(WORKING, ASKED, Ordering::SeqCst, Ordering::SeqCst);
            if let Err(state) = asked {
                // Not `std::process::exit`, whose clean-up the threads at work would race with.
                let code = if state == IDLE { SAVED } else { UNSAVED };
                signal_hook::low_level::exit(code.into());
            }
            // `timeout`, and a terminal that closes, send theirs twice: both are one request.
            std::thread::sleep(std::time::Duration::from_millis(100));
            signals.pending().for_each(drop);
        }
    });
    if let Err(e) = listener {
        crate::log!("note: signals are not heard ({e})");
    }
}

/// Elsewhere the system's own ways of ending a process remain; the last checkpoint is kept.
#[cfg(not(unix))]
pub fn listen() {}

/// Whether the process ignores `signal`.
#[cfg(unix)]
fn ignored(signal: i32) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action, the call changes nothing and writes the present one to `now`.
    let done = unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) };
    // SAFETY: where the call succeeded, `now` was written.
    done == 0 && unsafe { now.assume_init() }.sa_sigaction == libc::SIG_IGN
}
