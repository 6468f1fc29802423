//! Two bitmaps of any bytes, and every operation on them, against the `roaring` crate.

use bytes::Bytes;
use roaring::RoaringBitmap;
use tagdb_storage::bitmap::{Bitmap, BitmapWriter, Chunk};

/// Members of a bitmap that are compared one by one.
const MEMBERS_MAX: u64 = 200_000;

/// A length of two bytes, a bitmap of that length, and another one.
pub(super) fn run(input: &[u8]) -> bool {
    let Some((len, rest)) = input.split_first_chunk() else {
        return false;
    };
    let len = usize::from(u16::from_le_bytes(*len)).min(rest.len());
    let (first, second) = rest.split_at(len);
    let parsed = [first, second].map(parse);
    let are_sound = parsed.iter().all(Option::is_some);
    let [a, b] = parsed.map(|one| one.unwrap_or_else(|| (Bitmap::empty(), RoaringBitmap::new())));
    alone(&a.0, &a.1);
    together(&a.0, &b.0, &a.1, &b.1);
    are_sound
}

/// A bitmap as both read it; what is taken here has to be taken there.
fn parse(bytes: &[u8]) -> Option<(Bitmap, RoaringBitmap)> {
    let own = Bitmap::parse(Bytes::copy_from_slice(bytes)).ok()?;
    let other = RoaringBitmap::deserialize_from(bytes);
    assert!(other.is_ok(), "only one of two takes it: {other:?}");
    let other = other.ok()?;
    assert_eq!(own.len(), other.len());
    (own.len() <= MEMBERS_MAX).then_some((own, other))
}

fn equal(what: &str, own: &Bitmap, other: &RoaringBitmap) {
    assert!(own.iter().eq(other.iter()), "{what}");
    // What is written is valid, and as small as it may be.
    let again = Bitmap::parse(own.bytes().clone());
    assert!(again.is_ok_and(|again| again == *own), "{what}, read again");
}

fn alone(own: &Bitmap, other: &RoaringBitmap) {
    equal("members", own, other);
    assert_eq!((own.min(), own.max()), (other.min(), other.max()));
    let places = own.iter().step_by(1 + own.len() as usize / 64);
    let around = |value: u32| [value.wrapping_sub(1), value, value.wrapping_add(1)];
    for value in places.flat_map(around).chain([0, 0xFFFF, u32::MAX]) {
        let below = other.rank(value) - u64::from(other.contains(value));
        assert_eq!(own.contains(value), other.contains(value));
        assert_eq!(own.rank(value), below);
        assert_eq!(own.position(value), other.contains(value).then_some(below));
    }
    for rank in (0..own.len() + 2).step_by(1 + own.len() as usize / 64) {
        let member = u32::try_from(rank).ok().and_then(|rank| other.select(rank));
        assert_eq!(own.select(rank), member);
    }
    let (mut chunk, mut ranks, mut back) = (Chunk::new(), Chunk::new(), Chunk::new());
    let mut writer = BitmapWriter::new();
    for (key, before, container) in own.chunks() {
        assert_eq!(own.rank(u32::from(key) << 16), before);
        container.copy_into(&mut chunk);
        assert_eq!(chunk.count(), container.len());
        assert!(chunk.iter().eq(container.iter()));
        assert_eq!(
            chunk.bounds(),
            Some((container.min(), container.max())),
            "bounds"
        );
        container.ranks_in(&chunk, &mut ranks);
        assert_eq!(ranks.count(), container.len());
        container.members_at(&ranks, &mut back);
        assert!(back == chunk, "members at their ranks");
        writer.push_container(key, container);
    }
    assert!(writer.finish() == *own, "written by containers");
    let members: Vec<u32> = other.iter().collect();
    assert!(Bitmap::from_sorted(&members) == *own, "written by members");
}

fn together(a: &Bitmap, b: &Bitmap, other_a: &RoaringBitmap, other_b: &RoaringBitmap) {
    equal("union", &Bitmap::union(&[a, b]), &(other_a | other_b));
    let both = Bitmap::intersection(&[a, b]);
    equal("intersection", &both, &(other_a & other_b));
    equal("difference", &a.difference(b), &(other_a - other_b));
    for (key, _, container) in a.chunks() {
        let (mut mine, mut theirs) = (Chunk::new(), Chunk::new());
        container.copy_into(&mut mine);
        b.write_chunk(key, &mut theirs);
        let mut common = Chunk::new();
        common.assign_and(&mine, &theirs);
        assert_eq!(container.and_len(&theirs), common.count());
        assert_eq!(container.intersects(&theirs), !common.is_empty());
        let mut result = theirs.clone();
        container.and_into(&mut result);
        assert!(result == common, "and");
        result.copy_from(&theirs);
        container.or_into(&mut result);
        assert_eq!(
            result.count(),
            mine.count() + theirs.count() - common.count()
        );
        container.and_not_into(&mut result);
        assert_eq!(result.count(), theirs.count() - common.count());
        let mut seen = Chunk::new();
        container.for_each_in(&theirs, |low, rank| {
            assert_eq!(container.position(low), Some(rank));
            seen.set(low);
        });
        assert!(seen == common, "for each in");
        container.ranks_in(&theirs, &mut result);
        container.members_at(&result, &mut seen);
        assert!(seen == common, "ranks in");
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let runs = Bitmap::from_range(70_000..70_300);
    let sets: [Bitmap; 6] = [
        Bitmap::empty(),
        Bitmap::from_sorted(&[1, 2, 3, 7, 65_535, 65_536]),
        runs,
        Bitmap::from_sorted(&(0..12).map(|key| key << 16 | 5).collect::<Vec<_>>()),
        Bitmap::from_sorted(&(0..10_000).step_by(2).collect::<Vec<_>>()),
        Bitmap::union(&[
            &Bitmap::from_range(0..40),
            &Bitmap::from_range(131_072..131_100),
        ]),
    ];
    let pair = |(a, b): (&Bitmap, &Bitmap)| {
        let len = (a.bytes().len() as u16).to_le_bytes();
        [&len, a.bytes().as_ref(), b.bytes().as_ref()].concat()
    };
    let next = sets.iter().skip(1).chain(&sets[..1]);
    sets.iter().zip(next).map(pair).collect()
}
