//! A vector of integers in its narrowest form.
//!
//! ```text
//! 0   1  width: bytes per value, 0 (all values equal), 1, 2, 4 or 8
//! 1   7  zero
//! 8   8  number of values
//! 16  8  least value, signed
//! 24  8  greatest value, signed
//! 32  -  for each value: its difference from the least, unsigned, `width` bytes
//! ```
//!
//! All numbers are little-endian. The width is the smallest that holds the difference between the
//! greatest and the least value; an empty vector has both 0.

use std::fmt;

use bytes::Bytes;

use super::{ColumnError, kernels};
use crate::bitmap::{Chunk, small};
use crate::ids::CHUNK_LEN;
use crate::prefetch::prefetch;

/// Bytes before the values.
pub(crate) const HEADER_BYTES: usize = 32;

/// Values of a chunk from which a vector of them is dense.
const DENSE_MIN: usize = CHUNK_LEN as usize / 4;

/// An immutable vector of `i64` in its narrowest form, over its serialised bytes. Cloning shares
/// them.
#[derive(Clone, PartialEq, Eq)]
pub struct Vector {
    bytes: Bytes,
    len: usize,
    min: i64,
    max: i64,
    width: Width,
}

/// Bytes per stored difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Zero,
    One,
    Two,
    Four,
    Eight,
}

impl Width {
    fn bytes(self) -> usize {
        match self {
            Width::Zero => 0,
            Width::One => 1,
            Width::Two => 2,
            Width::Four => 4,
            Width::Eight => 8,
        }
    }

    /// The narrowest width for differences up to `span`.
    fn for_span(span: u64) -> Self {
        match span {
            0 => Width::Zero,
            1..=0xff => Width::One,
            0x100..=0xffff => Width::Two,
            0x1_0000..=0xffff_ffff => Width::Four,
            _ => Width::Eight,
        }
    }
}

/// The stored differences from the least value, unaligned and little-endian.
#[derive(Clone, Copy)]
pub(crate) enum Deltas<'a> {
    Zero,
    One(&'a [[u8; 1]]),
    Two(&'a [[u8; 2]]),
    Four(&'a [[u8; 4]]),
    Eight(&'a [[u8; 8]]),
}

impl Vector {
    /// Makes a vector of the values of a chunk's subjects, which are given by position, and tells
    /// whether it is dense: with a value for each position of the chunk, as it is when many are
    /// known. Positions without a value then repeat one that occurs, so that minimum and maximum
    /// stay true. Else the values are in rank order.
    #[must_use]
    pub fn narrow(known: &Chunk, by_position: &[i64]) -> (Self, bool) {
        let count = known.count();
        if count == CHUNK_LEN {
            return (Self::from_values(by_position), true);
        }
        let mut ranked = Vec::with_capacity(count as usize);
        known.for_each(|low| ranked.push(by_position[usize::from(low)]));
        let Some(first) = ranked.first().filter(|_| ranked.len() >= DENSE_MIN) else {
            return (Self::from_values(&ranked), false);
        };
        let mut values = vec![*first; CHUNK_LEN as usize];
        known.for_each(|low| values[usize::from(low)] = by_position[usize::from(low)]);
        (Self::from_values(&values), true)
    }

    /// Makes a vector of `values`.
    #[must_use]
    pub fn from_values<T: Copy + Ord + Into<i64>>(values: &[T]) -> Self {
        let min = values.iter().copied().min().map_or(0, Into::into);
        let max = values.iter().copied().max().map_or(0, Into::into);
        let width = Width::for_span(max.wrapping_sub(min) as u64);
        if width == Width::Zero {
            return Self::constant(min, values.len());
        }
        let mut bytes = Vec::with_capacity(HEADER_BYTES + width.bytes() * values.len());
        bytes.extend(header(width, values.len(), min, max));
        match width {
            Width::Zero => {}
            Width::One => extend(&mut bytes, values, min, |delta| [delta as u8]),
            Width::Two => extend(&mut bytes, values, min, |delta| {
                (delta as u16).to_le_bytes()
            }),
            Width::Four => extend(&mut bytes, values, min, |delta| {
                (delta as u32).to_le_bytes()
            }),
            Width::Eight => extend(&mut bytes, values, min, u64::to_le_bytes),
        }
        Self {
            bytes: small::from_vec(bytes),
            len: values.len(),
            min,
            max,
            width,
        }
    }

    /// Makes a vector of `len` times the same value.
    #[must_use]
    pub fn constant(value: i64, len: usize) -> Self {
        let value = if len == 0 { 0 } else { value };
        let bytes = small::from_slice(&header(Width::Zero, len, value, value));
        Self {
            bytes,
            len,
            min: value,
            max: value,
            width: Width::Zero,
        }
    }

    /// Takes `bytes` as a vector if they are exactly one valid serialisation.
    ///
    /// # Errors
    /// If anything about the bytes is not as the format says; what is accepted can be read without
    /// further checks, and no value is outside `min()..=max()`.
    pub fn parse(bytes: Bytes) -> Result<Self, ColumnError> {
        let damaged = |offset, expected| ColumnError { offset, expected };
        let fields = bytes.get(..HEADER_BYTES).unwrap_or_default().as_chunks().0;
        let [width, len, min, max] = *fields else {
            return Err(damaged(bytes.len(), "a vector's header of 32 bytes"));
        };
        let (min, max) = (i64::from_le_bytes(min), i64::from_le_bytes(max));
        if min > max {
            return Err(damaged(16, "a least value not above the greatest"));
        }
        let span = max.wrapping_sub(min) as u64;
        let narrowest = Width::for_span(span);
        if u64::from_le_bytes(width) != narrowest.bytes() as u64 {
            return Err(damaged(0, "the narrowest width for the range of values"));
        }
        let len = usize::try_from(u64::from_le_bytes(len)).ok();
        let data_len = len.and_then(|len| len.checked_mul(narrowest.bytes()));
        let Some((len, data_len)) = len.zip(data_len) else {
            return Err(damaged(8, "a number of values that can be addressed"));
        };
        if bytes.len() - HEADER_BYTES != data_len {
            return Err(damaged(bytes.len(), "as many bytes as the values take"));
        }
        if len == 0 && (min != 0 || max != 0) {
            return Err(damaged(
                16,
                "no least and greatest value of an empty vector",
            ));
        }
        let vector = Self {
            bytes,
            len,
            min,
            max,
            width: narrowest,
        };
        if narrowest != Width::Zero && vector.delta_bounds() != (0, span) {
            return Err(damaged(HEADER_BYTES, "the least and the greatest value"));
        }
        Ok(vector)
    }

    fn delta_bounds(&self) -> (u64, u64) {
        match self.deltas(0, self.len) {
            Deltas::Zero => (0, 0),
            Deltas::One(deltas) => kernels::bounds_1(deltas),
            Deltas::Two(deltas) => kernels::bounds_2(deltas),
            Deltas::Four(deltas) => kernels::bounds_4(deltas),
            Deltas::Eight(deltas) => kernels::bounds_8(deltas),
        }
    }

    /// The serialisation.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes that each value takes.
    pub(crate) fn width(&self) -> usize {
        self.width.bytes()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The least value; 0 if there is none.
    #[must_use]
    pub fn min(&self) -> i64 {
        self.min
    }

    /// The greatest value; 0 if there is none.
    #[must_use]
    pub fn max(&self) -> i64 {
        self.max
    }

    /// The value at `index`.
    ///
    /// # Panics
    /// If `index` is not below `len()`.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> i64 {
        assert!(index < self.len, "position {index} of {} values", self.len);
        self.value(match self.deltas(index, 1) {
            Deltas::Zero => 0,
            Deltas::One(deltas) => u64::from(deltas[0][0]),
            Deltas::Two(deltas) => u64::from(u16::from_le_bytes(deltas[0])),
            Deltas::Four(deltas) => u64::from(u32::from_le_bytes(deltas[0])),
            Deltas::Eight(deltas) => u64::from_le_bytes(deltas[0]),
        })
    }

    /// Begins to fetch the value at `index`, if there is one.
    #[inline]
    pub(crate) fn prefetch(&self, index: usize) {
        prefetch(&self.bytes, HEADER_BYTES + index * self.width.bytes());
    }

    /// The values in order.
    #[must_use]
    pub fn iter(&self) -> VectorIter<'_> {
        VectorIter {
            vector: self,
            index: 0,
        }
    }

    /// Copies the values from position `start` on into `out`.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn read_range(&self, start: usize, out: &mut [i64]) {
        fn copy<const N: usize>(
            out: &mut [i64],
            deltas: &[[u8; N]],
            read: impl Fn([u8; N]) -> i64,
        ) {
            for (value, delta) in out.iter_mut().zip(deltas) {
                *value = read(*delta);
            }
        }
        let value = |delta| self.value(delta);
        match self.deltas(start, out.len()) {
            Deltas::Zero => out.fill(self.min),
            Deltas::One(deltas) => copy(out, deltas, |[delta]| value(u64::from(delta))),
            Deltas::Two(deltas) => {
                copy(out, deltas, |delta| {
                    value(u64::from(u16::from_le_bytes(delta)))
                });
            }
            Deltas::Four(deltas) => {
                copy(out, deltas, |delta| {
                    value(u64::from(u32::from_le_bytes(delta)))
                });
            }
            Deltas::Eight(deltas) => copy(out, deltas, |delta| value(u64::from_le_bytes(delta))),
        }
    }

    /// Copies the values at `positions` into `out`, which is as long.
    ///
    /// # Panics
    /// If a position is not below `len()`.
    pub fn gather(&self, positions: &[u32], out: &mut [i64]) {
        let pairs = out.iter_mut().zip(positions);
        let value = |delta: u64| self.value(delta);
        match self.deltas(0, self.len) {
            Deltas::Zero => pairs.for_each(|(out, position)| {
                assert!(
                    (*position as usize) < self.len,
                    "a position beyond the vector"
                );
                *out = self.min;
            }),
            Deltas::One(deltas) => pairs.for_each(|(out, position)| {
                *out = value(u64::from(deltas[*position as usize][0]));
            }),
            Deltas::Two(deltas) => pairs.for_each(|(out, position)| {
                *out = value(u64::from(u16::from_le_bytes(deltas[*position as usize])));
            }),
            Deltas::Four(deltas) => pairs.for_each(|(out, position)| {
                *out = value(u64::from(u32::from_le_bytes(deltas[*position as usize])));
            }),
            Deltas::Eight(deltas) => pairs.for_each(|(out, position)| {
                *out = value(u64::from_le_bytes(deltas[*position as usize]));
            }),
        }
    }

    /// The same vector over another copy of its bytes.
    pub(super) fn over(self, bytes: Bytes) -> Self {
        debug_assert_eq!(self.bytes, bytes);
        Self { bytes, ..self }
    }

    /// The value that a stored difference stands for.
    #[inline(always)]
    pub(crate) fn value(&self, delta: u64) -> i64 {
        self.min.wrapping_add(delta as i64)
    }

    /// The differences of the values `start .. start + len`.
    #[inline(always)]
    pub(crate) fn deltas(&self, start: usize, len: usize) -> Deltas<'_> {
        let width = self.width.bytes();
        assert!(
            start <= self.len && len <= self.len - start,
            "positions beyond the vector"
        );
        let bytes = &self.bytes[HEADER_BYTES..][start * width..][..len * width];
        match self.width {
            Width::Zero => Deltas::Zero,
            Width::One => Deltas::One(bytes.as_chunks().0),
            Width::Two => Deltas::Two(bytes.as_chunks().0),
            Width::Four => Deltas::Four(bytes.as_chunks().0),
            Width::Eight => Deltas::Eight(bytes.as_chunks().0),
        }
    }
}

/// Appends the differences of values from the least, in the loop that compilers turn into few
/// instructions.
fn extend<T: Copy + Into<i64>, const N: usize>(
    bytes: &mut Vec<u8>,
    values: &[T],
    min: i64,
    narrow: impl Fn(u64) -> [u8; N],
) {
    let start = bytes.len();
    bytes.resize(start + N * values.len(), 0);
    let (out, _) = bytes[start..].as_chunks_mut();
    for (out, value) in out.iter_mut().zip(values) {
        let value: i64 = (*value).into();
        *out = narrow(value.wrapping_sub(min) as u64);
    }
}

fn header(width: Width, len: usize, min: i64, max: i64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[0] = width.bytes() as u8;
    header[8..16].copy_from_slice(&(len as u64).to_le_bytes());
    header[16..24].copy_from_slice(&min.to_le_bytes());
    header[24..32].copy_from_slice(&max.to_le_bytes());
    header
}

impl Default for Vector {
    fn default() -> Self {
        Self::constant(0, 0)
    }
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vector")
            .field("len", &self.len)
            .field("min", &self.min)
            .field("max", &self.max)
            .field("width", &self.width.bytes())
            .finish_non_exhaustive()
    }
}

impl<'a> IntoIterator for &'a Vector {
    type Item = i64;
    type IntoIter = VectorIter<'a>;

    fn into_iter(self) -> VectorIter<'a> {
        self.iter()
    }
}

/// The values of a vector in order. Made by [`Vector::iter`].
#[derive(Clone, Debug)]
pub struct VectorIter<'a> {
    vector: &'a Vector,
    index: usize,
}

impl Iterator for VectorIter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        if self.index == self.vector.len {
            return None;
        }
        self.index += 1;
        Some(self.vector.get(self.index - 1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.vector.len - self.index;
        (left, Some(left))
    }
}

impl ExactSizeIterator for VectorIter<'_> {}
