//! An allocator that knows how much is held, and refuses what no test machine should be asked for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Bytes beyond which the system "has no more": whoever does not ask politely then dies, which is a finding.
const ALL: usize = 4 << 30;

/// Bytes that a case may take beside its file, and times the file's length.
const ROOM: [usize; 2] = [256 << 20, 16];

/// The system's allocator, counted.
pub struct Counting;

fn add(bytes: usize) -> bool {
    let held = HELD.fetch_add(bytes, Relaxed) + bytes;
    if held > ALL {
        HELD.fetch_sub(bytes, Relaxed);
        PEAK.fetch_max(held, Relaxed);
        return false;
    }
    PEAK.fetch_max(held, Relaxed);
    true
}

// SAFETY: every call goes to the system's allocator as it came, or gives the null that says "no more".
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !add(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !add(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !add(size) {
            return std::ptr::null_mut();
        }
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// Runs `task`; what it gave, and how many bytes more than before it held at its peak.
pub fn measured<T>(task: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = task();
    (result, PEAK.load(Relaxed).saturating_sub(before))
}

/// What a file of `bytes` bytes may cost.
pub fn allowed(bytes: usize) -> usize {
    ROOM[0] + ROOM[1] * bytes
}
