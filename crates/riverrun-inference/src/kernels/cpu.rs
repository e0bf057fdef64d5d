//! Which instructions the kernels use.

use std::sync::OnceLock;

use crate::InferenceError;

/// Names the variable that forces a lower level of instructions.
const VARIABLE: &str = "RIVERRUN_CPU";

/// A level of vector instructions, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CpuLevel {
    /// Plain loops, on any CPU.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 (F, VL, BW, DQ).
    Avx512,
    /// AVX-512 with VNNI: four products of bytes in one step.
    Avx512Vnni,
    /// AVX-512 with VNNI and BF16: two products of half-length floats in one step.
    Avx512Bf16,
    /// The above with AMX: products of whole tiles of bytes or half-length floats.
    Amx,
}

impl CpuLevel {
    /// Every level, lowest first.
    pub const ALL: [Self; 6] =
        [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Vnni, Self::Avx512Bf16, Self::Amx];

    /// The name that `RIVERRUN_CPU` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512-vnni",
            Self::Avx512Bf16 => "avx512-bf16",
            Self::Amx => "amx",
        }
    }
}

/// A level that this CPU has.
///
/// There is no way to make one for a level that the CPU lacks: the kernels rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cpu(CpuLevel);

impl Cpu {
    /// The level, if this CPU has it.
    #[must_use]
    pub fn new(level: CpuLevel) -> Option<Self> {
        (level <= highest()).then_some(Self(level))
    }

    /// The highest level of this CPU.
    #[must_use]
    pub fn highest() -> Self {
        Self(highest())
    }

    /// What `RIVERRUN_CPU` asks for (`portable`, `avx2`, `avx512`, `avx512-vnni`, `avx512-bf16`, `amx`), or the highest level of this CPU without it.
    ///
    /// # Errors
    /// The variable names no level, or one that this CPU lacks.
    pub fn chosen() -> Result<Self, InferenceError> {
        match std::env::var(VARIABLE) {
            Ok(name) => Self::named(&name),
            Err(_) => Ok(Self::highest()),
        }
    }

    /// The level of this name, if this CPU has it.
    pub(crate) fn named(name: &str) -> Result<Self, InferenceError> {
        let level = CpuLevel::ALL.into_iter().find(|level| level.name() == name.trim());
        level
            .and_then(Self::new)
            .ok_or_else(|| InferenceError::CpuLevel { name: name.to_owned(), highest: highest().name() })
    }

    /// The level.
    #[must_use]
    pub fn level(self) -> CpuLevel {
        self.0
    }
}

fn highest() -> CpuLevel {
    static HIGHEST: OnceLock<CpuLevel> = OnceLock::new();
    *HIGHEST.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> CpuLevel {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq");
    let vnni = is_x86_feature_detected!("avx512vnni");
    let bf16 = is_x86_feature_detected!("avx512bf16");
    if !avx2 {
        CpuLevel::Portable
    } else if !avx512 {
        CpuLevel::Avx2
    } else if !vnni {
        CpuLevel::Avx512
    } else if !bf16 {
        CpuLevel::Avx512Vnni
    } else if !super::amx::available() {
        CpuLevel::Avx512Bf16
    } else {
        CpuLevel::Amx
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> CpuLevel {
    CpuLevel::Portable
}

/// Compiles one body three times and calls the twin of the CPU's level.
///
/// The body is `#[inline(always)]` and generic over `const FMA: bool`, so that it takes on the instructions of the
/// function it is inlined into.
macro_rules! by_level {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$meta])*
        $vis fn $name(cpu: $crate::kernels::Cpu, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $type),*) {
                $body::<true>($($arg),*);
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn avx512($($arg: $type),*) {
                $body::<true>($($arg),*);
            }

            match cpu.level() {
                $crate::kernels::CpuLevel::Portable => $body::<false>($($arg),*),
                // SAFETY: a `Cpu` of this level exists only where the CPU has AVX2 and FMA.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::CpuLevel::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: a `Cpu` of this level or a higher one exists only where the CPU has AVX-512 F, VL, BW and DQ.
                #[cfg(target_arch = "x86_64")]
                _ => unsafe { avx512($($arg),*) },
                #[cfg(not(target_arch = "x86_64"))]
                _ => $body::<false>($($arg),*),
            }
        }
    };
}
pub(crate) use by_level;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every level that this machine has.
    #[test]
    fn a_level_has_its_name_and_an_unknown_one_is_an_error_that_lists_them() {
        assert_eq!(Cpu::named("portable").unwrap().level(), CpuLevel::Portable);

        let message = Cpu::named("sse9").unwrap_err().to_string();

        assert!(message.contains("`sse9`") && message.contains("portable, avx2, avx512, avx512-vnni"), "{message}");
    }
}
