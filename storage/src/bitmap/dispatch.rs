//! Chooses at run time among copies of a kernel that are compiled for different processors.
//!
//! Kernels are plain loops. What makes them fast is that the compiler may use wide registers for
//! them, so each is compiled three times; the choice is made once for the process.

use std::sync::LazyLock;

/// What the processor can do, named after the x86-64 levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every processor of the target has.
    Baseline,
    /// AVX2, BMI and population count (x86-64-v3).
    V3,
    /// AVX-512 with vector population count (beyond x86-64-v4).
    V4,
}

/// The level of this processor.
#[inline]
pub(crate) fn level() -> Level {
    static LEVEL: LazyLock<Level> = LazyLock::new(detect);
    #[cfg(test)]
    if let Some(level) = FORCED.get() {
        return level;
    }
    *LEVEL
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let v3 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt");
    let v4 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vpopcntdq");
    match (v3, v4) {
        (true, true) => Level::V4,
        (true, false) => Level::V3,
        _ => Level::Baseline,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Baseline
}

#[cfg(test)]
thread_local! {
    static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// Runs `test` once for every level that this processor has.
#[cfg(test)]
pub(crate) fn at_every_level(mut test: impl FnMut()) {
    let highest = detect();
    for level in [Level::Baseline, Level::V3, Level::V4] {
        if level as u8 <= highest as u8 {
            FORCED.set(Some(level));
            test();
        }
    }
    FORCED.set(None);
}

/// Defines kernels. Of each function it makes one that calls a copy of the body compiled for this
/// processor's [`Level`]:
///
/// ```text
/// pub(crate) fn sum(values: &[u8]) -> u64 { body }
/// // becomes
/// pub(crate) fn sum(values: &[u8]) -> u64 {
///     fn baseline(values: &[u8]) -> u64 { body }                       // inlined in the other two
///     #[target_feature(enable = "avx2,..")]   fn v3(..) -> u64 { baseline(values) }
///     #[target_feature(enable = "avx512f,..")] fn v4(..) -> u64 { baseline(values) }
///     match level() { V4 => unsafe { v4(values) }, V3 => unsafe { v3(values) }, Baseline => baseline(values) }
/// }
/// ```
macro_rules! kernels {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[inline]
        #[cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "calls a copy compiled for the processor found"))]
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn baseline($($arg: $type),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
            fn v3($($arg: $type),*) $(-> $ret)? {
                baseline($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vpopcntdq")]
            fn v4($($arg: $type),*) $(-> $ret)? {
                baseline($($arg),*)
            }

            match $crate::bitmap::dispatch::level() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the level is V4 only if every feature that `v4` names was detected.
                $crate::bitmap::dispatch::Level::V4 => unsafe { v4($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the level is V3 or above only if every feature that `v3` names was detected.
                $crate::bitmap::dispatch::Level::V3 => unsafe { v3($($arg),*) },
                _ => baseline($($arg),*),
            }
        }
    )*};
}
pub(crate) use kernels;
