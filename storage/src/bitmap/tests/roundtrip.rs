//! What we write is what the `roaring` library reads and writes, and the other way round.

use bytes::Bytes;
use roaring::RoaringBitmap;

use super::sample::sets;
use crate::bitmap::{Bitmap, BitmapWriter, Chunk};

fn oracle(members: &[u32]) -> RoaringBitmap {
    RoaringBitmap::from_sorted_iter(members.iter().copied()).unwrap()
}

fn serialized(bitmap: &RoaringBitmap) -> Bytes {
    let mut bytes = Vec::new();
    bitmap.serialize_into(&mut bytes).unwrap();
    bytes.into()
}

fn assert_reads_as(bitmap: &Bitmap, members: &[u32], name: &str) {
    assert_eq!(bitmap.len(), members.len() as u64, "{name}");
    assert_eq!(bitmap.is_empty(), members.is_empty(), "{name}");
    assert!(bitmap.iter().eq(members.iter().copied()), "{name}");
    assert_eq!(bitmap.min(), members.first().copied(), "{name}");
    assert_eq!(bitmap.max(), members.last().copied(), "{name}");
    let mut probes = vec![
        0,
        1,
        63,
        64,
        65_535,
        65_536,
        1 << 31,
        u32::MAX - 1,
        u32::MAX,
    ];
    for member in members.iter().step_by(1 + members.len() / 300) {
        probes.extend([member.wrapping_sub(1), *member, member.wrapping_add(1)]);
    }
    for probe in probes {
        let found = members.binary_search(&probe);
        let rank = found.unwrap_or_else(|rank| rank) as u64;
        assert_eq!(bitmap.contains(probe), found.is_ok(), "{name}: {probe}");
        assert_eq!(bitmap.rank(probe), rank, "{name}: {probe}");
        assert_eq!(
            bitmap.position(probe),
            found.is_ok().then_some(rank),
            "{name}: {probe}"
        );
    }
    for rank in (0..=members.len())
        .step_by(1 + members.len() / 100)
        .chain([members.len()])
    {
        assert_eq!(
            bitmap.select(rank as u64),
            members.get(rank).copied(),
            "{name}: {rank}"
        );
    }
}

#[test]
fn writes_what_the_library_writes() {
    for (name, members) in sets() {
        let bitmap = Bitmap::from_sorted(&members);
        assert_reads_as(&bitmap, &members, &name);
        let mut expected = oracle(&members);
        expected.optimize();
        assert!(*bitmap.bytes() == serialized(&expected), "{name}");
        let read = RoaringBitmap::deserialize_from(&bitmap.bytes()[..]).unwrap();
        assert_eq!(read, expected, "{name}");
    }
}

#[test]
fn reads_what_the_library_writes() {
    for (name, members) in sets() {
        let mut library = oracle(&members);
        let plain = Bitmap::parse(serialized(&library)).unwrap();
        assert_reads_as(&plain, &members, &name);
        library.optimize();
        let optimized = Bitmap::parse(serialized(&library)).unwrap();
        assert_reads_as(&optimized, &members, &name);
        assert_eq!(plain, optimized, "{name}");
        assert_eq!(plain, Bitmap::from_sorted(&members), "{name}");
    }
}

#[test]
fn every_way_of_writing_gives_the_same_bytes() {
    for (name, members) in sets() {
        let expected = Bitmap::from_sorted(&members);
        let mut by_chunk = BitmapWriter::new();
        let mut by_container = BitmapWriter::new();
        let mut chunk = Chunk::new();
        for (key, first_rank, container) in expected.chunks() {
            assert_eq!(first_rank, expected.rank(u32::from(key) << 16), "{name}");
            expected.write_chunk(key, &mut chunk);
            assert_eq!(chunk.count(), container.len(), "{name}");
            assert!(chunk.iter().eq(container.iter()), "{name}");
            by_chunk.push_chunk(key, &chunk);
            by_container.push_container(key, container);
        }
        assert!(by_chunk.finish().bytes() == expected.bytes(), "{name}");
        assert!(by_container.finish().bytes() == expected.bytes(), "{name}");
    }
}

#[test]
fn ranges() {
    let ends = [0, 1, 2, 3, 4, 63, 65_535, 65_536, 65_537, 131_072, 700_000];
    for start in ends {
        for end in ends {
            let members: Vec<u32> = (start..end).collect();
            let bitmap = Bitmap::from_range(start..end);
            assert!(
                bitmap.bytes() == Bitmap::from_sorted(&members).bytes(),
                "{start}..{end}"
            );
        }
    }
    let last = Bitmap::from_range(u32::MAX - 2..u32::MAX);
    assert!(last.iter().eq([u32::MAX - 2, u32::MAX - 1]));
    assert_eq!(Bitmap::from_range(0..u32::MAX).len(), u64::from(u32::MAX));
}

#[test]
fn all_of_u32() {
    let mut writer = BitmapWriter::new();
    for key in 0..=u16::MAX {
        writer.push_chunk(key, &Chunk::full());
    }
    let bitmap = Bitmap::parse(writer.finish().bytes().clone()).unwrap();
    assert_eq!(bitmap.len(), 1 << 32);
    assert_eq!(bitmap.rank(u32::MAX), u64::from(u32::MAX));
    assert_eq!(bitmap.select(u64::from(u32::MAX)), Some(u32::MAX));
    assert_eq!(bitmap.select(1 << 32), None);
}
