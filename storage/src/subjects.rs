//! Which subjects are gone.

use std::sync::Arc;

use crate::bitmap::{Bitmap, BitmapWriter, Chunk};
use crate::ids::{Ordinal, chunk_of, low_of, ordinal_at};

/// The dead subjects of a partition. Cloning is cheap; a change copies one chunk at most once for
/// each clone.
#[derive(Clone, Debug, Default)]
pub struct Dead {
    chunks: Arc<Vec<Option<Arc<Chunk>>>>,
    count: u64,
}

impl Dead {
    /// The members of a bitmap.
    #[must_use]
    pub fn from_bitmap(bitmap: &Bitmap) -> Self {
        let mut dead = Self::default();
        for (key, _, container) in bitmap.chunks() {
            let chunk = dead.chunk_mut(key);
            container.copy_into(chunk);
            dead.count += u64::from(chunk.count());
        }
        dead
    }

    /// As a bitmap.
    #[must_use]
    pub fn to_bitmap(&self) -> Bitmap {
        let mut writer = BitmapWriter::new();
        for (key, chunk) in (0..=u16::MAX).zip(self.chunks.iter()) {
            if let Some(chunk) = chunk {
                writer.push_chunk(key, chunk);
            }
        }
        writer.finish()
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether a subject is dead.
    #[must_use]
    pub fn contains(&self, ordinal: Ordinal) -> bool {
        self.chunk(chunk_of(ordinal))
            .is_some_and(|chunk| chunk.contains(low_of(ordinal)))
    }

    /// The dead of a chunk, if there are any.
    #[must_use]
    pub fn chunk(&self, chunk: u16) -> Option<&Chunk> {
        self.chunks
            .get(usize::from(chunk))
            .and_then(Option::as_deref)
    }

    /// Adds a subject; tells whether it is new.
    pub fn insert(&mut self, ordinal: Ordinal) -> bool {
        if self.contains(ordinal) {
            return false;
        }
        self.chunk_mut(chunk_of(ordinal)).set(low_of(ordinal));
        self.count += 1;
        true
    }

    /// Adds all ordinals of `[first, end)`.
    pub fn insert_range(&mut self, first: Ordinal, end: Ordinal) {
        self.change_range(first, end, true);
    }

    /// Takes away all ordinals of `[first, end)`: reserved ones that come to life.
    pub fn remove_range(&mut self, first: Ordinal, end: Ordinal) {
        self.change_range(first, end, false);
    }

    fn change_range(&mut self, first: Ordinal, end: Ordinal, insert: bool) {
        let mut next = first;
        while next < end {
            let key = chunk_of(next);
            let stop = end.min(ordinal_at(key, u16::MAX).saturating_add(1));
            let chunk = self.chunk_mut(key);
            let before = chunk.count();
            let start = usize::from(low_of(next));
            let range = start..start + (stop - next) as usize;
            if insert {
                chunk.set_range(range);
            } else {
                chunk.clear_range(range);
            }
            let after = chunk.count();
            self.count = self.count + u64::from(after) - u64::from(before);
            next = stop;
        }
    }

    fn chunk_mut(&mut self, key: u16) -> &mut Chunk {
        let chunks = Arc::make_mut(&mut self.chunks);
        let index = usize::from(key);
        if chunks.len() <= index {
            chunks.resize(index + 1, None);
        }
        Arc::make_mut(chunks[index].get_or_insert_with(|| Arc::new(Chunk::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_subjects_add_up() {
        let mut dead = Dead::default();
        dead.insert_range(65_530, 131_080);
        assert_eq!(dead.count(), 65_550);
        assert!(!dead.insert(70_000));
        assert!(dead.insert(3));
        let before = dead.clone();
        dead.remove_range(65_530, 131_080);
        assert_eq!((dead.count(), before.count()), (1, 65_551));
        assert_eq!(dead.to_bitmap().iter().collect::<Vec<_>>(), [3]);
        let read = Dead::from_bitmap(&before.to_bitmap());
        assert_eq!(read.count(), before.count());
        assert!(read.contains(131_079) && !read.contains(131_080));
    }
}
