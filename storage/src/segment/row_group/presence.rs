//! Which subjects of a chunk are there, made for asking about one of them at a time.

use crate::bitmap::search::{first_at_least, guess};
use crate::bitmap::{Chunk, Container};
use crate::prefetch::prefetch;

/// Members up to which they are kept one by one.
const FEW: u32 = 1_024;
/// Words of a bitset between two counts: a cache line.
const WORDS_COUNTED: usize = 8;

/// Some subjects of a chunk.
#[derive(Debug)]
pub(crate) enum Presence {
    /// Positions, rising.
    Few(Box<[u16]>),
    /// All from the first to the last.
    Range(u16, u16),
    /// A bitset.
    Many(Box<Counted>),
}

/// A bitset, and how many members are before each of its cache lines.
#[derive(Debug)]
pub(crate) struct Counted {
    members: Chunk,
    before: [u16; 1_024 / WORDS_COUNTED],
}

impl Presence {
    /// Nobody.
    pub(crate) fn none() -> Self {
        Self::Few(Box::default())
    }

    /// The members of a container.
    pub(crate) fn new(members: Container<'_>) -> Self {
        let (min, max) = (members.min(), members.max());
        if u32::from(max - min) + 1 == members.len() {
            return Self::Range(min, max);
        }
        if members.len() <= FEW {
            return Self::Few(members.iter().collect());
        }
        let mut counted = Counted {
            members: Chunk::new(),
            before: [0; 1_024 / WORDS_COUNTED],
        };
        members.copy_into(&mut counted.members);
        let mut count = 0;
        for line in 0..counted.before.len() {
            // Below 65,536: not everybody is a member.
            counted.before[line] = count as u16;
            count += counted.ones(line * WORDS_COUNTED, WORDS_COUNTED);
        }
        Self::Many(Box::new(counted))
    }

    /// The rank of a subject, if it is a member.
    pub(crate) fn position(&self, low: u16) -> Option<u32> {
        match self {
            Self::Few(lows) => {
                let rank = first_at_least(lows.len(), low, &|rank| lows[rank]);
                (lows.get(rank) == Some(&low)).then_some(rank as u32)
            }
            Self::Range(min, max) => {
                (*min <= low && low <= *max).then(|| u32::from(low) - u32::from(*min))
            }
            Self::Many(counted) => counted.members.contains(low).then(|| counted.rank(low)),
        }
    }

    /// Begins to fetch what tells whether a subject is a member; its rank if that is known.
    pub(crate) fn prefetch(&self, low: u16) -> Option<u32> {
        match self {
            Self::Few(lows) => {
                prefetch(lows, guess(lows.len(), low));
                None
            }
            Self::Range(..) => self.position(low),
            Self::Many(counted) => {
                prefetch(counted.members.words(), usize::from(low) / 64);
                None
            }
        }
    }

    /// Memory held beside the object itself, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Few(lows) => size_of_val(&**lows),
            Self::Range(..) => 0,
            Self::Many(_) => size_of::<Counted>(),
        }
    }
}

impl Counted {
    fn ones(&self, first: usize, count: usize) -> u32 {
        let words = first..first + count;
        words.map(|word| self.members.word(word).count_ones()).sum()
    }

    fn rank(&self, low: u16) -> u32 {
        let word = usize::from(low) / 64;
        let line = word / WORDS_COUNTED;
        let first = line * WORDS_COUNTED;
        let below = self.members.word(word) & !(u64::MAX << (low % 64));
        u32::from(self.before[line]) + self.ones(first, word - first) + below.count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::Presence;
    use crate::bitmap::Bitmap;

    #[test]
    fn ranks_are_those_of_the_container() {
        let samples: [Vec<u32>; 7] = [
            vec![7],
            (0..65_536).collect(),
            (100..5_000).collect(),
            (0..65_536).step_by(100).collect(),
            (0..65_535).collect(),
            (0..65_536).filter(|low| low % 3 != 1).collect(),
            (1..65_536).filter(|low| low / 2_000 % 2 == 0).collect(),
        ];
        for sample in samples {
            let bitmap = Bitmap::from_sorted(&sample);
            let (_, container) = bitmap.chunk(0).unwrap();
            let presence = Presence::new(container);
            for low in 0..=u16::MAX {
                assert_eq!(presence.position(low), container.position(low), "{low}");
            }
        }
        assert_eq!(Presence::none().position(0), None);
    }
}
