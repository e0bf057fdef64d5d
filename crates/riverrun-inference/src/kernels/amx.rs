//! Products of whole tiles with AMX.
//!
//! The standard library has no stable functions for it yet, so it is written in assembly: one block that multiplies, and two
//! that switch the tiles on and off.

use super::cpu::Cpu;
#[cfg(target_arch = "x86_64")]
use super::cpu::CpuLevel;

/// Whether the CPU has tiles of bytes and half-length floats and the system lets this process use them; asks it to.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) fn available() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};

    /// `arch_prctl`'s request for a part of the CPU's state, and that of the tiles (Linux, `asm/prctl.h`).
    const REQUEST: libc::c_long = 0x1023;
    const TILES: libc::c_long = 18;
    // Bits of leaf 7's EDX (Intel, Software Developer's Manual, volume 2, CPUID).
    const BF16_TILE_INT8: u32 = 1 << 22 | 1 << 24 | 1 << 25;

    if __cpuid(0).eax < 7 || __cpuid_count(7, 0).edx & BF16_TILE_INT8 != BF16_TILE_INT8 {
        return false;
    }
    // SAFETY: the call changes only what this process may use.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILES) == 0 }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub(super) fn available() -> bool {
    false
}

/// The shape of eight tiles of 16 rows of 64 bytes.
#[cfg(target_arch = "x86_64")]
#[repr(C, align(64))]
struct Configuration([u8; 64]);

#[cfg(target_arch = "x86_64")]
static CONFIGURATION: Configuration = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Configuration(bytes)
};

/// Readies the thread's tiles, where the level is AMX; up to [`end`].
pub(super) fn begin(cpu: Cpu) {
    #[cfg(target_arch = "x86_64")]
    if cpu.level() >= CpuLevel::Amx {
        // SAFETY: the `Cpu` proves AMX; the configuration is 64 bytes of the form that it has.
        unsafe {
            std::arch::asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly, preserves_flags));
        }
    }
}

/// Releases the thread's tiles: a switch of threads saves them no longer.
pub(super) fn end(cpu: Cpu) {
    #[cfg(target_arch = "x86_64")]
    if cpu.level() >= CpuLevel::Amx {
        // SAFETY: the `Cpu` proves AMX.
        unsafe { std::arch::asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::multiply;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    use crate::kernels::packed::PANEL;
    use crate::kernels::tile::Sums;
    use crate::kernels::word_tile::{Numbers, WordRows};

    /// Multiplies up to 32 rows with the panel into all rows of `sums` that their tiles of 16 have.
    macro_rules! block {
        ($step:literal, $rows:expr, $panel:expr, $sums:expr) => {{
            let &WordRows { words, depth, count, .. } = $rows;
            let (first, weights, out) = (words.as_ptr(), $panel.as_ptr(), $sums.0.as_mut_ptr());
            let (steps, stride, width) = (depth / 16, depth * 4, PANEL * 4);
            if count > 16 {
                // SAFETY: `multiply`'s promise: 32 rows of the depth, a panel as deep, and 32 rows of sums.
                unsafe {
                    asm!(
                        "tilezero tmm0",
                        "tilezero tmm1",
                        "tilezero tmm2",
                        "tilezero tmm3",
                        "2:",
                        "tileloadd tmm6, [{weights} + {width}*1]",
                        "tileloadd tmm4, [{first} + {stride}*1]",
                        concat!($step, " tmm0, tmm4, tmm6"),
                        "tileloadd tmm7, [{weights} + {width}*1 + 64]",
                        concat!($step, " tmm1, tmm4, tmm7"),
                        "tileloadd tmm5, [{second} + {stride}*1]",
                        concat!($step, " tmm2, tmm5, tmm6"),
                        concat!($step, " tmm3, tmm5, tmm7"),
                        "add {first}, 64",
                        "add {second}, 64",
                        "add {weights}, 2048",
                        "dec {steps}",
                        "jnz 2b",
                        "tilestored [{out} + {width}*1], tmm0",
                        "tilestored [{out} + {width}*1 + 64], tmm1",
                        "tilestored [{out} + {width}*1 + 2048], tmm2",
                        "tilestored [{out} + {width}*1 + 2112], tmm3",
                        first = inout(reg) first => _,
                        second = inout(reg) first.add(16 * depth) => _,
                        weights = inout(reg) weights => _,
                        steps = inout(reg) steps => _,
                        stride = in(reg) stride,
                        width = in(reg) width,
                        out = in(reg) out,
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack)
                    );
                }
            } else {
                // SAFETY: as above, with 16 rows.
                unsafe {
                    asm!(
                        "tilezero tmm0",
                        "tilezero tmm1",
                        "2:",
                        "tileloadd tmm4, [{first} + {stride}*1]",
                        "tileloadd tmm6, [{weights} + {width}*1]",
                        concat!($step, " tmm0, tmm4, tmm6"),
                        "tileloadd tmm7, [{weights} + {width}*1 + 64]",
                        concat!($step, " tmm1, tmm4, tmm7"),
                        "add {first}, 64",
                        "add {weights}, 2048",
                        "dec {steps}",
                        "jnz 2b",
                        "tilestored [{out} + {width}*1], tmm0",
                        "tilestored [{out} + {width}*1 + 64], tmm1",
                        first = inout(reg) first => _,
                        weights = inout(reg) weights => _,
                        steps = inout(reg) steps => _,
                        stride = in(reg) stride,
                        width = in(reg) width,
                        out = in(reg) out,
                        out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                        options(nostack)
                    );
                }
            }
        }};
    }

    /// # Safety
    /// The CPU has AMX, whose tiles are ready; there are 1 to 32 rows, whose words go on to a multiple of 16 rows; `depth` is
    /// a multiple of 16, at least 16, and the panel `[depth, 32]`.
    pub(in crate::kernels) unsafe fn multiply(numbers: Numbers, rows: &WordRows<'_>, panel: &[u32], sums: &mut Sums) {
        match numbers {
            Numbers::Bf16 => block!("tdpbf16ps", rows, panel, sums),
            Numbers::Int8 => block!("tdpbusd", rows, panel, sums),
        }
    }
}
