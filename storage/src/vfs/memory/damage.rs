//! What a power cut leaves of the changes that were not synced.

use super::disk::{Change, Disk, File};
use super::random::Random;

/// Disks write this many bytes in one piece; a write within them may still stop half-way, but
/// bytes beside it stay as they were.
const SECTOR: usize = 512;

/// What becomes of bytes and names that were not synced when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// All of them are gone.
    LoseAll,
    /// All of them are there.
    KeepAll,
    /// The first of them are there, the last one perhaps in part.
    Prefix,
    /// Any sectors and names are there, in no order; a sector may be written in part.
    Sectors,
    /// As [`Self::Sectors`], but what is in a sector that was being written may be anything.
    Garbage,
    /// Files have their new lengths but zeros instead of data; names are kept.
    LengthOnly,
    /// Each file and the names get one of the above.
    Mixed,
}

impl Damage {
    /// All that are not a mixture.
    pub const SINGLE: [Self; 6] = [
        Self::LoseAll,
        Self::KeepAll,
        Self::Prefix,
        Self::Sectors,
        Self::Garbage,
        Self::LengthOnly,
    ];

    fn pick(self, random: &mut Random) -> Self {
        match self {
            Self::Mixed => Self::SINGLE[random.below(Self::SINGLE.len())],
            single => single,
        }
    }
}

/// Turns the disk into what is found after the power is back.
pub(super) fn cut_power(disk: &mut Disk, damage: Damage, random: &mut Random) {
    for file in disk.files.values_mut() {
        damage_file(file, damage.pick(random), random);
    }
    let names = std::mem::take(&mut disk.pending_names);
    let damage = damage.pick(random);
    let kept_first = random.below(names.len() + 1);
    for (index, change) in names.iter().enumerate() {
        let kept = match damage {
            Damage::LoseAll => false,
            Damage::Prefix => index < kept_first,
            Damage::Sectors | Damage::Garbage => random.coin(),
            Damage::KeepAll | Damage::LengthOnly | Damage::Mixed => true,
        };
        if let Some(directory) = disk.directories.get_mut(&change.directory).filter(|_| kept) {
            change.apply(&mut directory.durable);
        }
    }
    for directory in disk.directories.values_mut() {
        directory.live = directory.durable.clone();
    }
    disk.forget_unreachable();
}

fn damage_file(file: &mut File, damage: Damage, random: &mut Random) {
    let pending = std::mem::take(&mut file.pending);
    let bytes = &mut file.durable;
    match damage {
        Damage::LoseAll => {}
        Damage::KeepAll | Damage::Mixed => pending.iter().for_each(|change| change.apply(bytes)),
        Damage::Prefix => keep_prefix(&pending, bytes, random),
        Damage::Sectors => keep_sectors(&pending, bytes, random, false),
        Damage::Garbage => keep_sectors(&pending, bytes, random, true),
        Damage::LengthOnly => {
            bytes.resize(file.live.len(), 0);
        }
    }
    file.live = file.durable.clone();
}

fn keep_prefix(pending: &[Change], bytes: &mut Vec<u8>, random: &mut Random) {
    let whole = random.below(pending.len() + 1);
    pending[..whole]
        .iter()
        .for_each(|change| change.apply(bytes));
    if let Some(Change::Write { offset, bytes: new }) = pending.get(whole) {
        let cut = random.below(new.len() + 1);
        write(bytes, *offset, &new[..cut]);
    }
}

fn keep_sectors(pending: &[Change], bytes: &mut Vec<u8>, random: &mut Random, garbage: bool) {
    for change in pending {
        match change {
            Change::Write { offset, bytes: new } => {
                let mut start = 0;
                while start < new.len() {
                    let in_sector = SECTOR - (offset + start) % SECTOR;
                    let sector = &new[start..new.len().min(start + in_sector)];
                    match random.below(8) {
                        0..3 => {}
                        3 => write(bytes, offset + start, &sector[..random.below(sector.len())]),
                        4 if garbage => {
                            let garbage: Vec<u8> =
                                sector.iter().map(|_| random.next() as u8).collect();
                            write(bytes, offset + start, &garbage);
                        }
                        _ => write(bytes, offset + start, sector),
                    }
                    start += sector.len();
                }
            }
            Change::Zeros { .. } | Change::Resize(_) => {
                if random.coin() {
                    change.apply(bytes);
                }
            }
        }
    }
}

fn write(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    let end = offset + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(new);
}
