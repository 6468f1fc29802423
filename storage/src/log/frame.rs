//! The bytes of a frame.
//!
//! ```text
//! * 4 bytes: length of the whole frame, header included; 0 means that the log ends here
//! * 8 bytes: LSN; of a seal, the LSN of the frame before it
//! * 8 bytes: highest LSN known to be durable when the frame was written
//! * 1 byte:  kind, 1 data, 2 seal
//! * 4 bytes: CRC-32 of the payload
//! * 4 bytes: CRC-32 of the file's salt, the frame's offset in the file, and the bytes above
//! * payload
//! ```

use crate::codec::{CodecError, Decoder, Encoder};

/// Bytes before the payload; the whole of a seal.
pub(super) const FRAME_HEADER_BYTES: usize = 29;

const CHECKED_BYTES: usize = FRAME_HEADER_BYTES - 4;

/// Offset of the kind byte, by which a search for frames can pass over most bytes.
pub(super) const KIND_OFFSET: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Data = 1,
    Seal = 2,
}

impl FrameKind {
    pub(super) fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Data),
            2 => Some(Self::Seal),
            _ => None,
        }
    }
}

/// Where a frame stands; its checksum holds for no other place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) salt: u64,
    pub(super) offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) frame_bytes: u32,
    pub(super) lsn: u64,
    pub(super) durable_lsn: u64,
    pub(super) kind: FrameKind,
    pub(super) payload_crc: u32,
}

impl FrameHeader {
    /// The header of a frame for `payload`, which has at most
    /// [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX) bytes.
    pub(super) fn data(lsn: u64, durable_lsn: u64, payload: &[u8]) -> Self {
        Self {
            frame_bytes: (FRAME_HEADER_BYTES + payload.len()) as u32,
            lsn,
            durable_lsn,
            kind: FrameKind::Data,
            payload_crc: crc32fast::hash(payload),
        }
    }

    /// A seal behind the frame `lsn`, which is durable.
    pub(super) fn seal(lsn: u64) -> Self {
        Self {
            frame_bytes: FRAME_HEADER_BYTES as u32,
            lsn,
            durable_lsn: lsn,
            kind: FrameKind::Seal,
            payload_crc: crc32fast::hash(&[]),
        }
    }

    pub(super) fn encode(&self, place: Place, out: &mut Vec<u8>) {
        let start = out.len();
        let mut encoder = Encoder::appending_to(std::mem::take(out));
        encoder.u32(self.frame_bytes);
        encoder.u64(self.lsn);
        encoder.u64(self.durable_lsn);
        encoder.u8(self.kind as u8);
        encoder.u32(self.payload_crc);
        let crc = place.crc(encoder.as_slice().get(start..).unwrap_or_default());
        encoder.u32(crc);
        *out = encoder.finish();
    }

    /// Reads a header from the front of `bytes`; an error for anything that was not written
    /// there as a header.
    pub(super) fn decode(place: Place, bytes: &[u8]) -> Result<Self, CodecError> {
        let mut decoder = Decoder::new(bytes);
        let checked = Decoder::new(bytes).raw(CHECKED_BYTES)?;
        let frame_bytes = decoder.u32()?;
        let lsn = decoder.u64()?;
        let durable_lsn = decoder.u64()?;
        let kind = FrameKind::of(decoder.u8()?).ok_or_else(|| decoder.error("frame kind"))?;
        let payload_crc = decoder.u32()?;
        if decoder.u32()? != place.crc(checked) {
            return Err(decoder.error("checksum of the frame header"));
        }
        let header = Self {
            frame_bytes,
            lsn,
            durable_lsn,
            kind,
            payload_crc,
        };
        if header.is_sound() {
            Ok(header)
        } else {
            Err(decoder.error("frame header"))
        }
    }

    fn is_sound(&self) -> bool {
        let header_bytes = FRAME_HEADER_BYTES as u32;
        match self.kind {
            FrameKind::Data => self.frame_bytes >= header_bytes && self.durable_lsn < self.lsn,
            FrameKind::Seal => self.frame_bytes == header_bytes && self.durable_lsn == self.lsn,
        }
    }

    pub(super) fn payload_bytes(&self) -> usize {
        (self.frame_bytes as usize).saturating_sub(FRAME_HEADER_BYTES)
    }
}

impl Place {
    fn crc(self, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.salt.to_le_bytes());
        hasher.update(&self.offset.to_le_bytes());
        hasher.update(bytes);
        hasher.finalize()
    }
}
