//! The engine's count of an intersection beside a plain loop over the same bits.

use std::hint::black_box;

use tagdb_benches::Random;
use tagdb_benches::report::Report;
use tagdb_benches::subjects::Result;
use tagdb_benches::timing::Repeat;
use tagdb_storage::bitmap::Chunk;

/// 2^23 subjects, as many as fit the caches twice.
const CHUNKS: usize = 128;
const CHUNK_WORDS: usize = 1_024;
/// One run is short: it is done so often for one time.
const ROUNDS: usize = 100;

pub(crate) fn measure(report: &mut Report) -> Result<()> {
    let mut random = Random(5);
    let mut words = || -> Vec<u64> {
        let count = CHUNKS * CHUNK_WORDS;
        (0..count).map(|_| random.draw()).collect()
    };
    let (a, b) = (words(), words());
    let (first, second) = (chunks(&a), chunks(&b));
    let engine = || -> u64 {
        let pairs = first.iter().zip(&second);
        pairs.map(|(a, b)| u64::from(Chunk::count_and(a, b))).sum()
    };
    if engine() != plain(&a, &b) {
        return Err("the kernels count differently".into());
    }
    let times = Repeat::QUERY.times(|| -> Result<()> {
        rounds(engine);
        Ok(())
    })?;
    report.times(
        "kernel: AND and count of 2^23 subjects, x100",
        times,
        "chunks",
    )?;
    let times = Repeat::QUERY.times(|| -> Result<()> {
        rounds(|| plain(&a, &b));
        Ok(())
    })?;
    report.times("kernel: the same, plain loop, x100", times, "whole vectors")?;
    Ok(())
}

fn rounds(count: impl Fn() -> u64) {
    for _ in 0..ROUNDS {
        black_box(count());
    }
}

fn chunks(words: &[u64]) -> Vec<Box<Chunk>> {
    let chunk = |words: &[u64]| {
        let mut chunk = Box::new(Chunk::new());
        for (index, word) in words.iter().enumerate() {
            chunk.set_word(index, *word);
        }
        chunk
    };
    words.chunks_exact(CHUNK_WORDS).map(chunk).collect()
}

/// Compiled for AVX-512 where the machine has it, as the engine's kernels are.
fn plain(a: &[u64], b: &[u64]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq,popcnt")]
        fn wide(a: &[u64], b: &[u64]) -> u64 {
            count(a, b)
        }
        if is_x86_feature_detected!("avx512vpopcntdq") && is_x86_feature_detected!("avx512bw") {
            #[expect(unsafe_code, reason = "the features have been looked for")]
            // SAFETY: the processor has what the function is compiled for: these two features
            // come with the others.
            return unsafe { wide(a, b) };
        }
    }
    count(a, b)
}

#[inline(always)]
fn count(a: &[u64], b: &[u64]) -> u64 {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| u64::from((a & b).count_ones())).sum()
}
