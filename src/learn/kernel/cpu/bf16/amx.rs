//! AMX: eight tile registers of 16 rows of 64 bytes, which Rust's intrinsics do not offer yet.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _xgetbv};

use super::block::Sums;
use super::pack::{LINES, Tile};

/// Bytes of a tile's row.
const ROW: usize = 4 * LINES;

/// Whether the CPU has AMX for bfloat16, and the system gives this process its registers.
pub(super) fn usable() -> bool {
    // CPUID, leaf 7, EDX: AMX-BF16 and AMX-TILE.
    const FEATURES: u32 = 1 << 22 | 1 << 24;
    // XCR0: the tiles' configuration and data are saved.
    const SAVED: u64 = 1 << 17 | 1 << 18;
    #[target_feature(enable = "xsave")]
    fn saved() -> u64 {
        // SAFETY: the system has enabled XSAVE, of which AVX-512 is part.
        unsafe { _xgetbv(0) }
    }
    let leaf = __cpuid_count(7, 0);
    leaf.edx & FEATURES == FEATURES
        && is_x86_feature_detected!("xsave")
        // SAFETY: the CPU has XSAVE.
        && unsafe { saved() } & SAVED == SAVED
        && permitted()
}

/// Asks Linux for the tiles' registers, for all threads; another system would have to give them unasked.
fn permitted() -> bool {
    #[cfg(target_os = "linux")]
    {
        const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
        const XFEATURE_XTILEDATA: libc::c_long = 18;
        // SAFETY: it reads no memory.
        unsafe {
            libc::syscall(
                libc::SYS_arch_prctl,
                ARCH_REQ_XCOMP_PERM,
                XFEATURE_XTILEDATA,
            ) == 0
        }
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// `ldtilecfg`'s 64 bytes: palette 1, eight tiles of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// The tile registers, configured for this thread until they are dropped.
pub(super) struct Tiles(());

impl Tiles {
    /// # Safety
    /// AMX is [`usable`].
    pub(super) unsafe fn new() -> Self {
        let mut config = Config {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes: [0; 16],
            rows: [0; 16],
        };
        config.row_bytes[..8].fill(ROW as u16);
        config.rows[..8].fill(LINES as u8);
        // SAFETY: 64 bytes of a valid configuration.
        unsafe {
            asm!("ldtilecfg [{0}]", in(reg) &config, options(nostack, readonly, preserves_flags));
        }
        Self(())
    }

    /// `I` × `J` tiles of sums, over tiles of A and of B that follow each other: registers 0 to 3 hold the sums, 4 and 5
    /// A's, 6 and 7 B's.
    ///
    /// # Safety
    /// Each pointer has `depth` tiles.
    #[inline(always)]
    pub(super) unsafe fn block<const I: usize, const J: usize>(
        &self,
        a: [*const Tile; 2],
        b: [*const Tile; 2],
        depth: usize,
        sums: &mut Sums,
    ) {
        macro_rules! tile {
            (zero $t:literal) => {
                asm!(concat!("tilezero tmm", $t), options(nomem, nostack, preserves_flags))
            };
            (load $t:literal, $from:expr) => {
                asm!(
                    concat!("tileloadd tmm", $t, ", [{0} + {1}]"),
                    in(reg) $from, in(reg) ROW, options(nostack, readonly, preserves_flags)
                )
            };
            (add $sum:literal, $a:literal, $b:literal) => {
                asm!(
                    concat!("tdpbf16ps tmm", $sum, ", tmm", $a, ", tmm", $b),
                    options(nomem, nostack, preserves_flags)
                )
            };
            (store $t:literal, $to:expr) => {
                asm!(
                    concat!("tilestored [{0} + {1}], tmm", $t),
                    in(reg) $to, in(reg) 4 * Sums::WIDTH, options(nostack, preserves_flags)
                )
            };
        }
        // SAFETY: the tiles are configured; addresses are as the caller promises, and the sums have room for 2 × 2.
        unsafe {
            tile!(zero 0);
            tile!(zero 1);
            tile!(zero 2);
            tile!(zero 3);
            for step in 0..depth {
                tile!(load 4, a[0].add(step));
                tile!(load 6, b[0].add(step));
                tile!(add 0, 4, 6);
                if J == 2 {
                    tile!(load 7, b[1].add(step));
                    tile!(add 1, 4, 7);
                }
                if I == 2 {
                    tile!(load 5, a[1].add(step));
                    tile!(add 2, 5, 6);
                    if J == 2 {
                        tile!(add 3, 5, 7);
                    }
                }
            }
            let to = sums.0.as_mut_ptr();
            tile!(store 0, to);
            if J == 2 {
                tile!(store 1, to.add(LINES));
            }
            if I == 2 {
                let to = to.add(LINES * Sums::WIDTH);
                tile!(store 2, to);
                if J == 2 {
                    tile!(store 3, to.add(LINES));
                }
            }
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: nobody else uses them.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}
