//! Loops over stored differences, one for each width.

use crate::bitmap::Words;
use crate::bitmap::dispatch::kernels;

/// Defines the kernels of one width: `bounds_N` and `select_N`.
macro_rules! width_kernels {
    ($bytes:literal, $int:ty, $bounds:ident, $select:ident) => {
        kernels! {
            /// The least and the greatest difference; `(MAX, 0)` of none.
            pub(super) fn $bounds(deltas: &[[u8; $bytes]]) -> (u64, u64) {
                let (mut min, mut max) = (<$int>::MAX, 0);
                for delta in deltas {
                    let delta = <$int>::from_le_bytes(*delta);
                    min = min.min(delta);
                    max = max.max(delta);
                }
                (u64::from(min), u64::from(max))
            }

            /// Sets `out` to the positions of the differences in `low ..= low + span`.
            pub(super) fn $select(deltas: &[[u8; $bytes]], low: $int, span: $int, out: &mut Words) {
                let selected = |delta: &[u8; $bytes]| {
                    <$int>::from_le_bytes(*delta).wrapping_sub(low) <= span
                };
                let mut blocks = deltas.chunks(64);
                for word in out {
                    let mut bits = 0_u64;
                    for (bit, delta) in blocks.next().unwrap_or_default().iter().enumerate() {
                        bits |= u64::from(selected(delta)) << bit;
                    }
                    *word = bits.to_le_bytes();
                }
            }
        }
    };
}

width_kernels!(1, u8, bounds_1, select_1);
width_kernels!(2, u16, bounds_2, select_2);
width_kernels!(4, u32, bounds_4, select_4);
width_kernels!(8, u64, bounds_8, select_8);
