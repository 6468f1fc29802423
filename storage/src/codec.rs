//! Byte encoding of everything that is stored: little-endian integers, LEB128 varints and
//! length-prefixed bytes.
//!
//! Decoding treats its input as untrusted: every read is checked against what is left, and a
//! length is believed only once that many bytes are there.

/// What a decoder could not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {offset}")]
pub struct CodecError {
    /// Byte offset in the decoder's input.
    pub offset: usize,
    /// What should have stood there.
    pub expected: &'static str,
}

/// Appends encoded values to a byte vector.
#[derive(Debug, Default, Clone)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An encoder that appends to `bytes`.
    #[must_use]
    pub fn appending_to(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Number of bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been encoded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the bytes away.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self, value: u16) {
        self.raw(&value.to_le_bytes());
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    /// Eight bytes, little-endian two's complement.
    pub fn i64(&mut self, value: i64) {
        self.raw(&value.to_le_bytes());
    }

    /// Sixteen bytes, little-endian.
    pub fn u128(&mut self, value: u128) {
        self.raw(&value.to_le_bytes());
    }

    /// LEB128: seven bits a byte, lowest first, at most ten bytes.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// A signed number as a varint in which small magnitudes of either sign are short.
    pub fn zigzag(&mut self, value: i64) {
        self.varint((value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
    }

    /// A varint length, then the bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.varint(value.len() as u64);
        self.raw(value);
    }

    /// A string as `bytes` in UTF-8.
    pub fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// The bytes as they are, without a length.
    pub fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }
}

/// Reads what [`Encoder`] wrote, front to back.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Decoder<'a> {
    /// A decoder at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Offset of the next byte to be read.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Number of bytes not yet read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// One byte.
    ///
    /// # Errors
    /// The input has ended.
    pub fn u8(&mut self) -> Result<u8, CodecError> {
        self.array::<1>("u8").map(|[byte]| byte)
    }

    /// Two bytes, little-endian.
    ///
    /// # Errors
    /// The input has ended.
    pub fn u16(&mut self) -> Result<u16, CodecError> {
        self.array("u16").map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// The input has ended.
    pub fn u32(&mut self) -> Result<u32, CodecError> {
        self.array("u32").map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// The input has ended.
    pub fn u64(&mut self) -> Result<u64, CodecError> {
        self.array("u64").map(u64::from_le_bytes)
    }

    /// Eight bytes, little-endian two's complement.
    ///
    /// # Errors
    /// The input has ended.
    pub fn i64(&mut self) -> Result<i64, CodecError> {
        self.array("i64").map(i64::from_le_bytes)
    }

    /// Sixteen bytes, little-endian.
    ///
    /// # Errors
    /// The input has ended.
    pub fn u128(&mut self) -> Result<u128, CodecError> {
        self.array("u128").map(u128::from_le_bytes)
    }

    /// A LEB128 number in its shortest form.
    ///
    /// # Errors
    /// The input has ended, the number exceeds 64 bits, or a shorter form exists: one value has
    /// one encoding.
    pub fn varint(&mut self) -> Result<u64, CodecError> {
        let start = self.offset;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.array::<1>("varint").map_err(|error| CodecError {
                offset: start,
                ..error
            })?[0];
            let bits = u64::from(byte & 0x7f);
            let fits = bits << shift >> shift == bits;
            let shortest = byte != 0 || shift == 0;
            if !fits || !shortest {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.offset = start;
        Err(self.error("varint in its shortest form"))
    }

    /// A signed number written by [`Encoder::zigzag`].
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn zigzag(&mut self) -> Result<i64, CodecError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// A count of items of which each takes at least `item_bytes_min` bytes of this input, so
    /// that a wrong count cannot make the caller allocate more than the input justifies.
    ///
    /// # Errors
    /// As [`Self::varint`], or the input is too short for that many items.
    pub fn count(&mut self, item_bytes_min: usize) -> Result<usize, CodecError> {
        let start = self.offset;
        let count = self.varint()?;
        let most = self.remaining() / item_bytes_min.max(1);
        match usize::try_from(count) {
            Ok(count) if count <= most => Ok(count),
            _ => Err(CodecError {
                offset: start,
                expected: "count within the input",
            }),
        }
    }

    /// Bytes preceded by their length.
    ///
    /// # Errors
    /// As [`Self::varint`], or fewer bytes are left than the length says.
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let len = self.count(1)?;
        self.raw(len)
    }

    /// A string preceded by its length in bytes.
    ///
    /// # Errors
    /// As [`Self::bytes`], or the bytes are not UTF-8.
    pub fn str(&mut self) -> Result<&'a str, CodecError> {
        let start = self.offset;
        std::str::from_utf8(self.bytes()?).map_err(|_| CodecError {
            offset: start,
            expected: "UTF-8",
        })
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let taken = rest.get(..len).ok_or_else(|| self.error("more bytes"))?;
        self.offset += len;
        Ok(taken)
    }

    /// Ends reading.
    ///
    /// # Errors
    /// Bytes are left over.
    pub fn finish(self) -> Result<(), CodecError> {
        match self.remaining() {
            0 => Ok(()),
            _ => Err(self.error("the end")),
        }
    }

    /// An error at the current offset, for the checks of callers.
    #[must_use]
    pub fn error(&self, expected: &'static str) -> CodecError {
        CodecError {
            offset: self.offset,
            expected,
        }
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], CodecError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let array = *rest
            .first_chunk::<N>()
            .ok_or_else(|| self.error(expected))?;
        self.offset += N;
        Ok(array)
    }
}

#[cfg(test)]
mod tests;
