//! As much of Thrift's compact protocol as it takes to look at a Parquet file's claims before the
//! library acts on them.

/// Structures inside each other.
const DEPTH_MAX: u32 = 32;

/// The bytes end too early, or are no such structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// More bytes are needed.
    TooShort,
    /// No such structure, however many bytes follow.
    Malformed,
}

/// A type of a field or element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    /// Of 16, 32 or 64 bits.
    Int,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

impl Kind {
    const fn new(nibble: u8) -> Result<Self, Fault> {
        Ok(match nibble {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Int,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            13 => Self::Uuid,
            _ => return Err(Fault::Malformed),
        })
    }
}

/// Reads a structure from the beginning of some bytes.
#[derive(Debug)]
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Thrift<'a> {
    /// Before the first byte.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let byte = self.bytes.get(self.at).ok_or(Fault::TooShort)?;
        self.at += 1;
        Ok(*byte)
    }

    fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::Malformed)
    }

    /// A signed integer.
    pub(super) fn int(&mut self) -> Result<i64, Fault> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn pass(&mut self, bytes: u64) -> Result<(), Fault> {
        let left = (self.bytes.len() - self.at) as u64;
        if bytes > left {
            return Err(Fault::TooShort);
        }
        self.at += usize::try_from(bytes).map_err(|_| Fault::TooShort)?;
        Ok(())
    }

    /// The beginning of a list: the type of its elements, and how many they are.
    pub(super) fn list(&mut self) -> Result<(Kind, u64), Fault> {
        let head = self.byte()?;
        if head == 0 {
            return Ok((Kind::Byte, 0));
        }
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        Ok((Kind::new(head & 0x0F)?, count))
    }

    /// Reads a structure; `visit` reads the fields that it knows and says so, the others are passed
    /// over.
    pub(super) fn structure(
        &mut self,
        visit: &mut dyn FnMut(&mut Self, i64, Kind) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        self.structure_within(DEPTH_MAX, visit)
    }

    fn structure_within(
        &mut self,
        depth: u32,
        visit: &mut dyn FnMut(&mut Self, i64, Kind) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        let mut id = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            let kind = Kind::new(head & 0x0F)?;
            id = match head >> 4 {
                0 => self.int()?,
                delta => id.checked_add(i64::from(delta)).ok_or(Fault::Malformed)?,
            };
            if !visit(self, id, kind)? {
                self.skip(kind, depth)?;
            }
        }
    }

    fn skip(&mut self, kind: Kind, depth: u32) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(Fault::Malformed)?;
        match kind {
            // In a field the type is the value; in a list it takes a byte.
            Kind::True | Kind::False => Ok(()),
            Kind::Byte => self.pass(1),
            Kind::Int => self.varint().map(drop),
            Kind::Double => self.pass(8),
            Kind::Uuid => self.pass(16),
            Kind::Binary => {
                let bytes = self.varint()?;
                self.pass(bytes)
            }
            Kind::List => {
                let (element, count) = self.list()?;
                (0..count).try_for_each(|_| self.skip_element(element, depth))
            }
            Kind::Map => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                let (key, value) = (Kind::new(kinds >> 4)?, Kind::new(kinds & 0x0F)?);
                (0..count).try_for_each(|_| {
                    self.skip_element(key, depth)?;
                    self.skip_element(value, depth)
                })
            }
            Kind::Struct => self.structure_within(depth, &mut |_, _, _| Ok(false)),
        }
    }

    fn skip_element(&mut self, kind: Kind, depth: u32) -> Result<(), Fault> {
        match kind {
            Kind::True | Kind::False => self.pass(1),
            other => self.skip(other, depth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_others_passed_over() {
        // 1: 7, 2: "ab", 3: [1, 2], 4: {1: true}, 5: -3
        let bytes = [
            0x15, 14, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0x1C, 0x11, 0, 0x15, 5, 0,
        ];
        let mut found = Vec::new();
        let mut thrift = Thrift::new(&bytes);
        let read = thrift.structure(&mut |thrift, id, kind| {
            let wanted = kind == Kind::Int;
            if wanted {
                found.push((id, thrift.int()?));
            }
            Ok(wanted)
        });
        assert_eq!((read, found), (Ok(()), vec![(1, 7), (5, -3)]));
        assert_eq!(thrift.position(), bytes.len());
        for end in 0..bytes.len() {
            let read = Thrift::new(&bytes[..end]).structure(&mut |_, _, _| Ok(false));
            assert_eq!(read, Err(Fault::TooShort), "{end}");
        }
    }

    #[test]
    fn depth_and_counts_are_bounded() {
        let deep = vec![0x1C; 1 << 20];
        let read = Thrift::new(&deep).structure(&mut |_, _, _| Ok(false));
        assert_eq!(read, Err(Fault::Malformed));
        // A list that claims 2^63 structures.
        let long = [
            0x19, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0,
        ];
        let read = Thrift::new(&long).structure(&mut |_, _, _| Ok(false));
        assert_eq!(read, Err(Fault::TooShort));
    }
}
