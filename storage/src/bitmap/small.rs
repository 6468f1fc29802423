//! Short byte strings in one allocation.

use bytes::Bytes;

/// Makes [`Bytes`] of `bytes` such that neither making nor cloning it costs a second allocation if
/// it is short. In-memory layers hold many objects of a few dozen bytes and share them by cloning;
/// `Bytes` made from a vector would allocate a reference count at the first clone.
pub(crate) fn from_slice(bytes: &[u8]) -> Bytes {
    match bytes.len() {
        0 => Bytes::new(),
        1..=24 => Bytes::from_owner(Inline::<24>::new(bytes)),
        25..=40 => Bytes::from_owner(Inline::<40>::new(bytes)),
        41..=INLINE_MAX => Bytes::from_owner(Inline::<INLINE_MAX>::new(bytes)),
        _ => Bytes::copy_from_slice(bytes),
    }
}

const INLINE_MAX: usize = 88;

/// Makes [`Bytes`] of `bytes`, moving it only where that is cheaper than keeping it.
pub(crate) fn from_vec(bytes: Vec<u8>) -> Bytes {
    if bytes.len() <= INLINE_MAX {
        from_slice(&bytes)
    } else {
        Bytes::from(bytes)
    }
}

struct Inline<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Inline<N> {
    fn new(source: &[u8]) -> Self {
        const { assert!(N <= u8::MAX as usize) }
        let mut bytes = [0; N];
        bytes[..source.len()].copy_from_slice(source);
        Self {
            bytes,
            len: source.len() as u8,
        }
    }
}

impl<const N: usize> AsRef<[u8]> for Inline<N> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

#[cfg(test)]
mod tests {
    use super::{INLINE_MAX, from_slice, from_vec};

    #[test]
    fn every_length_is_kept() {
        for len in 0..INLINE_MAX + 20 {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            assert_eq!(from_slice(&bytes), bytes);
            assert_eq!(from_slice(&bytes).clone(), from_vec(bytes));
        }
    }
}
