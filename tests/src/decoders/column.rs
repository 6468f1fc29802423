//! Vectors, lists and texts of any bytes, and compressed blobs of any content.

use std::sync::Arc;

use bytes::Bytes;
use tagdb_storage::bitmap::Chunk;
use tagdb_storage::column::{Lists, ListsBuilder, Spread, TextBlocks, TextBlocksBuilder, Vector};
use tagdb_storage::segment::{BlobCache, BlobFile, BlobFileWriter, BlobRef, FileKind};
use tagdb_storage::vfs::{MemoryVfs, RelPath};

/// Values that are looked at one by one.
const VALUES_MAX: usize = 70_000;

/// Which kind, then the bytes.
pub(super) fn run(input: &[u8]) -> bool {
    let Some((which, bytes)) = input.split_first() else {
        return false;
    };
    let bytes = Bytes::copy_from_slice(bytes);
    match which % 4 {
        0 => Vector::parse(bytes).map(|parsed| vector(&parsed)).is_ok(),
        1 => Lists::parse(bytes).map(|parsed| lists(&parsed)).is_ok(),
        2 => TextBlocks::parse(bytes)
            .map(|parsed| texts(&parsed))
            .is_ok(),
        _ => packed(&bytes),
    }
}

fn vector(vector: &Vector) {
    let (min, max) = (vector.min(), vector.max());
    if vector.len() > VALUES_MAX {
        // Equal values take no bytes: there may be any number.
        assert!(min == max || vector.bytes().len() > VALUES_MAX);
        assert_eq!(vector.get(vector.len() - 1), max);
        return;
    }
    let values: Vec<i64> = vector.iter().collect();
    assert_eq!(values.len(), vector.len());
    assert_eq!(values.iter().min().copied().unwrap_or(0), min);
    assert_eq!(values.iter().max().copied().unwrap_or(0), max);
    assert!((0..).zip(&values).all(|(at, one)| vector.get(at) == *one));
    let len = values.len().min(65_536);
    let mut chunk = Chunk::new();
    let middle = min.midpoint(max);
    vector.select_range(0, len, min, middle, &mut chunk);
    let few = values[..len].iter().filter(|one| **one <= middle).count();
    assert_eq!(chunk.count() as usize, few);
    chunk.fill_below(len);
    let sum: i128 = values[..len].iter().map(|one| i128::from(*one)).sum();
    assert_eq!(vector.totals(0, &chunk).sum, sum);
    let mut spread = Spread::default();
    vector.spread(0, &chunk, &mut spread);
    let counted: u64 = spread.bins().map(|(_, count)| count).sum();
    assert_eq!(counted, len as u64);
    assert!(Vector::from_values(&values) == *vector, "written again");
}

fn lists(lists: &Lists) {
    if lists.len() > VALUES_MAX || lists.items().len() > VALUES_MAX {
        return;
    }
    let mut builder = ListsBuilder::new();
    let items: Vec<i64> = lists.items().iter().collect();
    for list in 0..lists.len() {
        builder.push(items[lists.get(list)].iter().copied());
    }
    assert!(builder.finish() == *lists, "written again");
}

fn texts(texts: &TextBlocks) {
    let len = texts.len();
    for index in (0..len).step_by(1 + len as usize / 64) {
        let one = texts.get(index);
        let block = texts.block(index);
        assert_eq!(one.is_ok(), block.is_ok());
        if let (Ok(one), Ok(block)) = (one, block) {
            assert!(block.strings().contains(&index));
            assert_eq!(block.get(index), one);
        }
    }
}

/// A blob that says it is compressed: its bytes up to a length that they begin with, then the
/// content, which is compressed here.
fn packed(input: &[u8]) -> bool {
    let Some((head_bytes, rest)) = input.split_first() else {
        return false;
    };
    let (head, content) = rest.split_at(usize::from(*head_bytes).min(rest.len()));
    let Ok(frame) = zstd::bulk::compress(content, 1) else {
        return false;
    };
    let blob = [head, &frame].concat();
    let disk = MemoryVfs::new(1);
    let path = RelPath::root().join("blob");
    let read = path.map(|path| {
        let mut file = BlobFileWriter::create(&disk, &path, FileKind::Tags, 7)?;
        let stored = file.put(&blob)?;
        file.finish(b"footer")?;
        let cache = Arc::new(BlobCache::new(0));
        let (file, _) = BlobFile::open(&disk, &path, FileKind::Tags, cache)?;
        file.read(BlobRef {
            packed: true,
            ..stored
        })
    });
    let Ok(Ok(unpacked)) = read else {
        return false;
    };
    assert_eq!(unpacked.len(), content.len());
    if let Ok(parsed) = Vector::parse(unpacked.clone()) {
        vector(&parsed);
    }
    if let Ok(parsed) = Lists::parse(unpacked) {
        lists(&parsed);
    }
    true
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut lists = ListsBuilder::new();
    for list in 0..40_i64 {
        lists.push((0..list % 5).map(|item| item * item + list % 7));
    }
    let lists = lists.finish();
    let mut texts = TextBlocksBuilder::new();
    for number in 0..30 {
        texts.push("some text, ".repeat(number % 9).as_bytes());
    }
    let texts = texts.finish();
    let vectors = [
        Vector::from_values(&[5_i64, -3, 900, 77, 5, 5]),
        Vector::from_values(&[i64::MIN, 0, i64::MAX]),
        Vector::from_values::<i64>(&[]),
        Vector::constant(9, 1 << 40),
    ];
    let kind = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    let mut seeds: Vec<_> = vectors.iter().map(|one| kind(0, one.bytes())).collect();
    seeds.push(kind(1, lists.bytes()));
    seeds.push(kind(1, Lists::default().bytes()));
    seeds.push(kind(2, texts.bytes()));
    // Unchanged, and as 32 bytes and 8 differences of 4 bytes.
    let content: Vec<u8> = (0..64).map(|byte| byte / 3).collect();
    let len = 64_u32.to_le_bytes();
    seeds.push(kind(3, &[&[5], &len[..], &[0], &content].concat()));
    let parts = [&[2][..], &[0x01, 32, 0, 0, 0], &[0x14, 8, 0, 0, 0]].concat();
    seeds.push(kind(3, &[&[15], &len[..], &parts, &content].concat()));
    seeds
}
