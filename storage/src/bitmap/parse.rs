//! Validation of serialised bitmaps: one pass over bytes that may be anything.

use bytes::Bytes;

use super::container::run_range;
use super::view::{COOKIE_PLAIN, COOKIE_RUNS, Layout, SUMMED_CONTAINERS_MAX};
use super::{ARRAY_LEN_MAX, BITSET_BYTES, Bitmap, BitmapError, CHUNK_BITS, kernels};

impl Bitmap {
    /// Takes `bytes` as a bitmap if they are exactly one valid portable Roaring serialisation.
    ///
    /// # Errors
    /// If anything about the bytes is not as the format says; what is accepted can be read without
    /// further checks.
    pub fn parse(bytes: Bytes) -> Result<Self, BitmapError> {
        let mut reader = Reader {
            bytes: &bytes,
            offset: 0,
        };
        let layout = read_layout(&mut reader)?;
        let headers = Headers::read(&mut reader, layout)?;

        let keeps_ranks = layout.count() > SUMMED_CONTAINERS_MAX;
        let mut first_ranks = Vec::with_capacity(if keeps_ranks { layout.count() } else { 0 });
        let mut len = 0_u64;
        for index in 0..layout.count() {
            if let Some(offset) = headers.offset(index) {
                reader.require(
                    offset as usize == reader.offset,
                    "the offset of this container",
                )?;
            }
            if keeps_ranks {
                // Below 2^32: at most 65,535 containers come before this one.
                first_ranks.push(len as u32);
            }
            let cardinality = headers.cardinality(index);
            read_container(&mut reader, cardinality, headers.is_run(index))?;
            len += u64::from(cardinality);
        }
        reader.require(reader.offset == bytes.len(), "the end of the bitmap")?;
        let first_ranks = keeps_ranks.then(|| first_ranks.into());
        Ok(Self {
            layout,
            len,
            first_ranks,
            bytes,
        })
    }
}

/// A place in bytes that may end too early.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize, expected: &'static str) -> Result<&'a [u8], BitmapError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let taken = rest.get(..len).ok_or(BitmapError {
            offset: self.bytes.len(),
            expected,
        })?;
        self.offset += len;
        Ok(taken)
    }

    fn take_array<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[u8; N], BitmapError> {
        let taken = self.take(N, expected)?;
        taken.try_into().map_err(|_| BitmapError {
            offset: self.offset,
            expected,
        })
    }

    fn require(&self, holds: bool, expected: &'static str) -> Result<(), BitmapError> {
        if holds {
            Ok(())
        } else {
            Err(BitmapError {
                offset: self.offset,
                expected,
            })
        }
    }
}

fn read_layout(reader: &mut Reader<'_>) -> Result<Layout, BitmapError> {
    let cookie = u32::from_le_bytes(reader.take_array("a cookie")?);
    if cookie & 0xffff == COOKIE_RUNS {
        return Ok(Layout {
            containers: (cookie >> 16) + 1,
            has_runs: true,
        });
    }
    if cookie != COOKIE_PLAIN {
        return Err(BitmapError {
            offset: 0,
            expected: "the cookie 12346 or 12347",
        });
    }
    let containers = u32::from_le_bytes(reader.take_array("a container count")?);
    if containers > 1 << 16 {
        return Err(BitmapError {
            offset: 4,
            expected: "at most 65,536 containers",
        });
    }
    Ok(Layout {
        containers,
        has_runs: false,
    })
}

/// The parts of the header that have an entry for each container.
struct Headers<'a> {
    run_flags: &'a [u8],
    descriptions: &'a [[u8; 4]],
    offsets: &'a [[u8; 4]],
}

impl<'a> Headers<'a> {
    fn read(reader: &mut Reader<'a>, layout: Layout) -> Result<Self, BitmapError> {
        let count = layout.count();
        let flags_len = if layout.has_runs {
            count.div_ceil(8)
        } else {
            0
        };
        let run_flags = reader.take(flags_len, "a run flag for each container")?;
        let descriptions_offset = reader.offset;
        let descriptions: &[[u8; 4]] = reader
            .take(4 * count, "key and cardinality of each container")?
            .as_chunks()
            .0;
        let keys = descriptions
            .iter()
            .map(|[low, high, ..]| u16::from_le_bytes([*low, *high]));
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err(BitmapError {
                offset: descriptions_offset,
                expected: "rising keys",
            });
        }
        let offsets_len = if layout.has_offsets() { 4 * count } else { 0 };
        let offsets = reader
            .take(offsets_len, "an offset for each container")?
            .as_chunks()
            .0;
        Ok(Self {
            run_flags,
            descriptions,
            offsets,
        })
    }

    fn is_run(&self, index: usize) -> bool {
        self.run_flags
            .get(index / 8)
            .is_some_and(|flags| flags >> (index % 8) & 1 != 0)
    }

    fn cardinality(&self, index: usize) -> u32 {
        let [.., low, high] = self.descriptions[index];
        u32::from(u16::from_le_bytes([low, high])) + 1
    }

    fn offset(&self, index: usize) -> Option<u32> {
        self.offsets
            .get(index)
            .map(|offset| u32::from_le_bytes(*offset))
    }
}

fn read_container(
    reader: &mut Reader<'_>,
    cardinality: u32,
    is_run: bool,
) -> Result<(), BitmapError> {
    let offset = reader.offset;
    let valid = |holds: bool, expected| {
        if holds {
            Ok(())
        } else {
            Err(BitmapError { offset, expected })
        }
    };
    if is_run {
        let count = u16::from_le_bytes(reader.take_array("a run count")?);
        let runs: &[[u8; 4]] = reader.take(4 * usize::from(count), "runs")?.as_chunks().0;
        let mut end = 0;
        let mut members = 0;
        for run in runs.iter().map(|run| run_range(*run)) {
            valid(
                run.start >= end && run.end <= CHUNK_BITS,
                "rising runs within the chunk",
            )?;
            members += run.len();
            end = run.end;
        }
        valid(
            members == cardinality as usize,
            "runs of as many members as the cardinality",
        )
    } else if cardinality as usize <= ARRAY_LEN_MAX {
        let values: &[[u8; 2]] = reader
            .take(2 * cardinality as usize, "an array")?
            .as_chunks()
            .0;
        valid(kernels::is_rising(values), "rising members of an array")
    } else {
        let words = reader.take(BITSET_BYTES, "a bitset")?.as_chunks().0;
        valid(
            kernels::count(words) == cardinality,
            "a bitset with the cardinality's members",
        )
    }
}
