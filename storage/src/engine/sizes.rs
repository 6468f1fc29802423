//! Whether sets and maps stay as small as a subject may have them.
//!
//! Writing does not read: what is put to a subject is added to whatever it has. Only a tag with more
//! strings than a subject may have entries can come to more, and only of such a tag the subjects
//! that entries are put to are looked at.

use crate::bitmap::Chunk;
use crate::engine::root::PartitionState;
use crate::engine::section::check_len;
use crate::error::Result;
use crate::ids::{TagId, ordinal_at};
use crate::layer::MultiPart;
use crate::layer::part::Rows;
use crate::limits::MEMBERS_MAX;

/// Refuses what a batch says of a set or map if a subject would have too many entries then.
///
/// # Errors
/// `limit_exceeded`, or a file cannot be read or is damaged.
pub(super) fn check_sizes(partition: &PartitionState, tag: TagId, part: &MultiPart) -> Result<()> {
    if partition.vocabulary(tag).read()?.len() as usize <= MEMBERS_MAX {
        return Ok(());
    }
    let check = |entries| check_len("members of a set or map", entries, MEMBERS_MAX);
    if let Rows::Flat(full) = &part.full {
        (0..full.codes.len()).try_for_each(|place| check(full.len_of(place)))?;
    }
    let mut most = 0;
    for place in 0..part.puts.codes.len() {
        check(part.puts.len_of(place))?;
        most = most.max(part.puts.len_of(place));
    }
    if most == 0 {
        return Ok(());
    }
    let stack = partition.multi(tag)?;
    let mut edited = Box::<Chunk>::default();
    for (chunk, _, container) in part.dirty.chunks() {
        container.copy_into(&mut edited);
        let mut checked = Ok(());
        stack.for_each_row(chunk, &edited, &mut |low, entries| {
            if checked.is_ok() && entries.len() + most > MEMBERS_MAX {
                let state = part.state(ordinal_at(chunk, low));
                checked = state.and_then(|state| {
                    let Some(state) = state else {
                        return Ok(());
                    };
                    let has = |code| entries.binary_search_by_key(&code, |entry| entry.0).is_ok();
                    let new = state.puts.iter().filter(|(code, _)| !has(*code)).count();
                    let gone = state.drops.iter().filter(|code| has(**code)).count();
                    check(entries.len() + new - gone)
                });
            }
        })?;
        checked?;
    }
    Ok(())
}
