//! Asking for memory before it is read, so that many reads of far places wait at the same time.

/// Begins to bring the byte at a place into the caches; nothing if there is none.
#[inline]
pub(crate) fn prefetch<T>(slice: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(item) = slice.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and the instruction neither reads nor faults.
        #[expect(unsafe_code, reason = "look-ups of many subjects are twice as fast")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(item).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, at);
}
