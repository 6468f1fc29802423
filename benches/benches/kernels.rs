//! Kernels of one chunk, beside the `roaring` library in the same run.
//!
//! Every measurement goes over the same 16 chunks (1,048,576 ordinals), which stay in the caches;
//! the shape of the sets is the argument.

use std::fmt;
use std::hint::black_box;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, bench};
use roaring::RoaringBitmap;
use tagdb_storage::bitmap::{Bitmap, BitmapWriter, Chunk, Container};
use tagdb_storage::column::{CodeSet, Vector};

const CHUNKS: u16 = 16;
const ORDINALS: u32 = CHUNKS as u32 * 65_536;

fn main() {
    divan::main();
}

/// What share of the ordinals are members, and how they lie.
#[derive(Clone, Copy)]
enum Shape {
    /// Members in 10,000, at random.
    Random(u64),
    /// Runs of 1,000 members, 1,000 apart.
    Runs,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Random(share) => write!(f, "{:.2}%", *share as f64 / 100.0),
            Shape::Runs => f.write_str("runs"),
        }
    }
}

const SHAPES: [Shape; 5] = [
    Shape::Random(10),
    Shape::Random(100),
    Shape::Random(600),
    Shape::Random(5000),
    Shape::Runs,
];

fn random(seed: u64, index: u64) -> u64 {
    let mut mixed = (seed << 32 ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn members(shape: Shape, seed: u64) -> Vec<u32> {
    let is_member = |ordinal: &u32| match shape {
        Shape::Random(share) => random(seed, u64::from(*ordinal)) % 10_000 < share,
        Shape::Runs => (*ordinal / 1000).is_multiple_of(2),
    };
    (0..ORDINALS).filter(is_member).collect()
}

struct Sets {
    audience: Vec<Chunk>,
    bitmap: Bitmap,
}

/// An audience of half of all, evaluated, and a bitmap of `shape`.
fn sets(shape: Shape) -> Sets {
    let half = Bitmap::from_sorted(&members(Shape::Random(5000), 1));
    let mut audience = vec![Chunk::new(); usize::from(CHUNKS)];
    for (key, chunk) in (0..).zip(&mut audience) {
        half.write_chunk(key, chunk);
    }
    Sets {
        audience,
        bitmap: Bitmap::from_sorted(&members(shape, 2)),
    }
}

fn library(shape: Shape, seed: u64) -> RoaringBitmap {
    let mut bitmap = RoaringBitmap::from_sorted_iter(members(shape, seed)).unwrap_or_default();
    bitmap.optimize();
    bitmap
}

#[bench(args = SHAPES)]
fn and_count(bencher: Bencher<'_, '_>, shape: Shape) {
    let Sets { audience, bitmap } = sets(shape);
    bencher.counter(ItemsCount::new(bitmap.len())).bench(|| {
        let chunks = black_box(&bitmap).chunks().zip(&audience);
        chunks
            .map(|((_, _, container), chunk)| u64::from(container.and_len(chunk)))
            .sum::<u64>()
    });
}

#[bench(args = SHAPES)]
fn and_count_roaring(bencher: Bencher<'_, '_>, shape: Shape) {
    let (half, bitmap) = (library(Shape::Random(5000), 1), library(shape, 2));
    bencher
        .counter(ItemsCount::new(bitmap.len()))
        .bench(|| black_box(&half).intersection_len(&bitmap));
}

#[bench]
fn and_count_chunks(bencher: Bencher<'_, '_>) {
    let a = sets(Shape::Runs).audience;
    let b = a.clone();
    bencher
        .counter(BytesCount::new(2 * 8192 * a.len()))
        .bench(|| {
            let pairs = black_box(&a).iter().zip(&b);
            pairs
                .map(|(a, b)| u64::from(Chunk::count_and(a, b)))
                .sum::<u64>()
        });
}

/// Changes the audience's chunks with the bitmap's containers, over and over.
fn bench_change(
    bencher: Bencher<'_, '_>,
    shape: Shape,
    change: impl Fn(Container<'_>, &mut Chunk),
) {
    let Sets {
        mut audience,
        bitmap,
    } = sets(shape);
    bencher
        .counter(ItemsCount::new(bitmap.len()))
        .bench_local(|| {
            for ((_, _, container), chunk) in black_box(&bitmap).chunks().zip(&mut audience) {
                change(container, chunk);
            }
        });
}

#[bench(args = SHAPES)]
fn or(bencher: Bencher<'_, '_>, shape: Shape) {
    bench_change(bencher, shape, |container, chunk| {
        container.or_into(chunk);
    });
}

#[bench(args = SHAPES)]
fn and(bencher: Bencher<'_, '_>, shape: Shape) {
    bench_change(bencher, shape, |container, chunk| {
        container.and_into(chunk);
    });
}

#[bench(args = SHAPES)]
fn and_not(bencher: Bencher<'_, '_>, shape: Shape) {
    bench_change(bencher, shape, |container, chunk| {
        container.and_not_into(chunk);
    });
}

#[bench(args = SHAPES)]
fn or_roaring(bencher: Bencher<'_, '_>, shape: Shape) {
    let (mut half, bitmap) = (library(Shape::Random(5000), 1), library(shape, 2));
    bencher
        .counter(ItemsCount::new(bitmap.len()))
        .bench_local(|| half |= black_box(&bitmap));
}

#[bench(args = SHAPES)]
fn and_not_roaring(bencher: Bencher<'_, '_>, shape: Shape) {
    let (mut half, bitmap) = (library(Shape::Random(5000), 1), library(shape, 2));
    bencher
        .counter(ItemsCount::new(bitmap.len()))
        .bench_local(|| half -= black_box(&bitmap));
}

#[bench(args = SHAPES)]
fn visit_in(bencher: Bencher<'_, '_>, shape: Shape) {
    let Sets { audience, bitmap } = sets(shape);
    bencher.counter(ItemsCount::new(bitmap.len())).bench(|| {
        let mut sum = 0_u64;
        for ((_, _, container), chunk) in black_box(&bitmap).chunks().zip(&audience) {
            container.for_each_in(chunk, |low, rank| sum += u64::from(low) ^ u64::from(rank));
        }
        sum
    });
}

#[bench(args = SHAPES)]
fn write(bencher: Bencher<'_, '_>, shape: Shape) {
    let bitmap = sets(shape).bitmap;
    let mut chunks = vec![Chunk::new(); usize::from(CHUNKS)];
    for (key, chunk) in (0..).zip(&mut chunks) {
        bitmap.write_chunk(key, chunk);
    }
    bencher.counter(ItemsCount::new(bitmap.len())).bench(|| {
        let mut writer = BitmapWriter::new();
        for (key, chunk) in (0..).zip(black_box(&chunks)) {
            writer.push_chunk(key, chunk);
        }
        writer.finish()
    });
}

#[bench(args = SHAPES)]
fn parse(bencher: Bencher<'_, '_>, shape: Shape) {
    let bytes = sets(shape).bitmap.bytes().clone();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench(|| Bitmap::parse(black_box(&bytes).clone()));
}

#[bench(args = SHAPES)]
fn parse_roaring(bencher: Bencher<'_, '_>, shape: Shape) {
    let bytes = sets(shape).bitmap.bytes().clone();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench(|| RoaringBitmap::deserialize_from(&black_box(&bytes)[..]));
}

#[bench(args = [1, 8, 100])]
fn from_sorted(bencher: Bencher<'_, '_>, len: u32) {
    let values: Vec<u32> = (0..len).map(|index| index * 900_001).collect();
    bencher.bench(|| {
        let bitmap = Bitmap::from_sorted(black_box(&values));
        (bitmap.clone(), bitmap)
    });
}

#[bench(args = [1, 8, 100])]
fn union_of_8(bencher: Bencher<'_, '_>, len: u32) {
    let bitmaps: Vec<Bitmap> = (0..8)
        .map(|seed| {
            let values: Vec<u32> = (0..len).map(|index| index * 900_001 + seed * 10).collect();
            Bitmap::from_sorted(&values)
        })
        .collect();
    let bitmaps: Vec<&Bitmap> = bitmaps.iter().collect();
    bencher.bench(|| Bitmap::union(black_box(&bitmaps)));
}

#[bench]
fn position(bencher: Bencher<'_, '_>) {
    let bitmap = sets(Shape::Random(5000)).bitmap;
    let mut at = 0_u64;
    bencher.bench_local(|| {
        at += 1;
        bitmap.position((random(3, at) % u64::from(ORDINALS)) as u32)
    });
}

/// A vector of values that take `width` bytes each.
fn vector(width: u32, end: u64) -> Vector {
    let mut values: Vec<i64> = (0..u64::from(ORDINALS))
        .map(|index| (random(5, index) % end) as i64)
        .collect();
    values[0] = (1 << (8 * width - 1)) - 1;
    Vector::from_values(&values)
}

#[bench(args = [1, 2, 4, 8])]
fn select_range(bencher: Bencher<'_, '_>, width: u32) {
    let vector = vector(width, 200);
    let mut out = Chunk::new();
    bencher.counter(ItemsCount::new(ORDINALS)).bench_local(|| {
        for key in 0..usize::from(CHUNKS) {
            black_box(&vector).select_range(key << 16, 65_536, 20, 60, &mut out);
            black_box(&out);
        }
    });
}

#[bench(args = [1, 2, 4, 8])]
fn select_codes(bencher: Bencher<'_, '_>, width: u32) {
    let vector = vector(width, 200);
    let codes: CodeSet = (0..200).step_by(3).collect();
    let mut out = Chunk::new();
    bencher.counter(ItemsCount::new(ORDINALS)).bench_local(|| {
        for key in 0..usize::from(CHUNKS) {
            black_box(&vector).select_codes(key << 16, 65_536, &codes, &mut out);
            black_box(&out);
        }
    });
}

#[bench(args = SHAPES)]
fn select_range_ranked(bencher: Bencher<'_, '_>, shape: Shape) {
    let Sets { audience, bitmap } = sets(shape);
    let vector = vector(4, 200);
    let mut out = Chunk::new();
    bencher
        .counter(ItemsCount::new(bitmap.len()))
        .bench_local(|| {
            for ((_, first, container), chunk) in black_box(&bitmap).chunks().zip(&audience) {
                vector.select_range_ranked((first, container), chunk, 20, 60, &mut out);
                black_box(&out);
            }
        });
}

/// The members of `shape` as an audience.
fn audience(shape: Shape) -> (u64, Vec<Chunk>) {
    let bitmap = sets(shape).bitmap;
    let mut audience = vec![Chunk::new(); usize::from(CHUNKS)];
    for (key, chunk) in (0..).zip(&mut audience) {
        bitmap.write_chunk(key, chunk);
    }
    (bitmap.len(), audience)
}

#[bench(args = SHAPES, consts = [1, 2])]
fn histogram<const WIDTH: u32>(bencher: Bencher<'_, '_>, shape: Shape) {
    let (members, audience) = audience(shape);
    let vector = vector(WIDTH, 120);
    let mut counts = vec![0; 1 << 15];
    bencher.counter(ItemsCount::new(members)).bench_local(|| {
        for (key, chunk) in black_box(&audience).iter().enumerate() {
            vector.histogram(key << 16, chunk, &mut counts);
        }
    });
}

#[bench(args = SHAPES)]
fn histogram_of_three(bencher: Bencher<'_, '_>, shape: Shape) {
    let (members, audience) = audience(shape);
    let values: Vec<i64> = (0..u64::from(ORDINALS))
        .map(|index| (random(5, index) % 3) as i64)
        .collect();
    let vector = Vector::from_values(&values);
    let mut counts = vec![0; 3];
    bencher.counter(ItemsCount::new(members)).bench_local(|| {
        for (key, chunk) in black_box(&audience).iter().enumerate() {
            vector.histogram(key << 16, chunk, &mut counts);
        }
    });
}

#[bench(args = SHAPES, consts = [1, 4])]
fn totals<const WIDTH: u32>(bencher: Bencher<'_, '_>, shape: Shape) {
    let (members, audience) = audience(shape);
    let vector = vector(WIDTH, 120);
    bencher.counter(ItemsCount::new(members)).bench_local(|| {
        let mut sum = 0;
        for (key, chunk) in black_box(&audience).iter().enumerate() {
            sum += vector.totals(key << 16, chunk).sum;
        }
        sum
    });
}
