//! Whole-bitmap operations for merges, streamed chunk by chunk. Queries evaluate [`Chunk`]s instead.

use super::container::Container;
use super::{ARRAY_LEN_MAX, Bitmap, BitmapWriter, Chunk};

impl Bitmap {
    /// What is in any of `bitmaps`.
    #[must_use]
    pub fn union(bitmaps: &[&Bitmap]) -> Bitmap {
        let mut nonempty = bitmaps.iter().filter(|bitmap| !bitmap.is_empty());
        if let (Some(only), None) = (nonempty.next(), nonempty.next()) {
            return (*only).clone();
        }
        let mut inputs: Vec<_> = bitmaps
            .iter()
            .map(|bitmap| bitmap.chunks().peekable())
            .collect();
        let mut output = Output::default();
        let mut containers = Vec::with_capacity(inputs.len());
        loop {
            let next = inputs
                .iter_mut()
                .filter_map(|input| input.peek().map(|(key, ..)| *key))
                .min();
            let Some(key) = next else {
                return output.writer.finish();
            };
            containers.clear();
            for input in &mut inputs {
                if let Some((_, _, container)) = input.next_if(|(other, ..)| *other == key) {
                    containers.push(container);
                }
            }
            output.push_union(key, &containers);
        }
    }

    /// What is in all of `bitmaps`; nothing if there are none.
    #[must_use]
    pub fn intersection(bitmaps: &[&Bitmap]) -> Bitmap {
        let Some((smallest, first)) = bitmaps
            .iter()
            .enumerate()
            .min_by_key(|(_, bitmap)| bitmap.len())
        else {
            return Bitmap::empty();
        };
        let mut output = Output::default();
        let mut containers = Vec::with_capacity(bitmaps.len());
        for (key, _, container) in first.chunks() {
            containers.clear();
            containers.push(container);
            let others = bitmaps
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != smallest);
            containers.extend(others.map_while(|(_, bitmap)| Some(bitmap.chunk(key)?.1)));
            if containers.len() == bitmaps.len() {
                output.push_intersection(key, &mut containers);
            }
        }
        output.writer.finish()
    }

    /// What is in this bitmap and not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Bitmap) -> Bitmap {
        if other.is_empty() {
            return self.clone();
        }
        let mut output = Output::default();
        for (key, _, container) in self.chunks() {
            match other.chunk(key) {
                None => output.writer.push_container(key, container),
                Some((_, removed)) => output.push_difference(key, container, removed),
            }
        }
        output.writer.finish()
    }
}

/// A writer with the buffers of its operations, made when first needed: merges of small layers
/// never touch a whole bitset.
#[derive(Default)]
struct Output {
    writer: BitmapWriter,
    lows: Vec<u16>,
    chunk: Option<Box<Chunk>>,
}

impl Output {
    fn push_union(&mut self, key: u16, containers: &[Container<'_>]) {
        if let [only] = containers {
            return self.writer.push_container(key, *only);
        }
        let members: u32 = containers.iter().map(|container| container.len()).sum();
        if members as usize <= ARRAY_LEN_MAX {
            self.lows.clear();
            for container in containers {
                container.for_each(|low, _| self.lows.push(low));
            }
            // Sorting merges what is already in sorted stretches.
            self.lows.sort();
            self.lows.dedup();
            return self.writer.push_sorted(key, &self.lows);
        }
        let chunk = self.chunk.get_or_insert_default();
        chunk.clear();
        for container in containers {
            container.or_into(chunk);
        }
        self.writer.push_chunk(key, chunk);
    }

    fn push_intersection(&mut self, key: u16, containers: &mut [Container<'_>]) {
        containers.sort_unstable_by_key(|container| container.len());
        let [smallest, others @ ..] = containers else {
            return;
        };
        if smallest.is_array() {
            self.lows.clear();
            smallest.for_each(|low, _| {
                if others.iter().all(|other| other.contains(low)) {
                    self.lows.push(low);
                }
            });
            return self.writer.push_sorted(key, &self.lows);
        }
        let chunk = self.chunk.get_or_insert_default();
        smallest.copy_into(chunk);
        for other in others {
            other.and_into(chunk);
        }
        self.writer.push_chunk(key, chunk);
    }

    fn push_difference(&mut self, key: u16, container: Container<'_>, removed: Container<'_>) {
        if container.is_array() {
            self.lows.clear();
            container.for_each(|low, _| {
                if !removed.contains(low) {
                    self.lows.push(low);
                }
            });
            return self.writer.push_sorted(key, &self.lows);
        }
        let chunk = self.chunk.get_or_insert_default();
        container.copy_into(chunk);
        removed.and_not_into(chunk);
        self.writer.push_chunk(key, chunk);
    }
}
