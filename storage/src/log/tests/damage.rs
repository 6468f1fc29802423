//! Damaged files: what is lost is either provably not acknowledged, or the log refuses to open
//! and says where.

use super::*;
use crate::log::file::FILE_HEADER_BYTES;
use crate::log::frame::FRAME_HEADER_BYTES;
use crate::vfs::{Damage, Fault, write_all_at};

const HEADER: u64 = FILE_HEADER_BYTES as u64;
const FRAME: u64 = FRAME_HEADER_BYTES as u64;

/// Where a frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spot {
    number: u64,
    offset: u64,
    len: u64,
}

impl Spot {
    fn end(&self) -> u64 {
        self.offset + self.len
    }

    fn holds(&self, number: u64, offset: u64) -> bool {
        number == self.number && (self.offset..self.end()).contains(&offset)
    }
}

/// A log of single commits, and where its frames lie.
fn build(seed: u64, file_bytes: u64, frames: &Frames) -> (MemoryVfs, Log, Vec<Spot>) {
    let vfs = MemoryVfs::new(seed);
    let (log, _, _) = open(&vfs, settings(file_bytes), 1).unwrap();
    let mut spots = Vec::<Spot>::new();
    for (lsn, payload) in frames {
        add_and_commit(&log, *lsn, payload);
        let number = log.position().files as u64;
        let before = spots.last().filter(|spot| spot.number == number);
        spots.push(Spot {
            number,
            offset: before.map_or(HEADER, Spot::end),
            len: FRAME + payload.len() as u64,
        });
    }
    (vfs, log, spots)
}

fn overwrite(vfs: &MemoryVfs, number: u64, offset: u64, bytes: &[u8]) {
    let path = paths::log_file(number);
    let file = vfs.open(&path, Mode::ReadWrite).unwrap();
    write_all_at(&*file, offset, bytes).unwrap();
    file.sync_data().unwrap();
}

fn assert_corrupt(result: Result<(Log, LogReport, Frames), LogError>, number: u64, at: u64) {
    match result {
        Err(LogError::Corrupt { file, offset, .. }) => {
            assert_eq!((file, offset), (paths::log_file(number), at));
        }
        other => panic!("expected corruption of {number} at {at}: {other:?}"),
    }
}

/// The frames come back, the log says where it was torn, and goes on.
fn assert_torn(vfs: &MemoryVfs, file_bytes: u64, expected: &[(u64, Vec<u8>)], spot: (u64, u64)) {
    let (log, report, replayed) = open(vfs, settings(file_bytes), 1).unwrap();
    assert_eq!(replayed, expected);
    let file = paths::log_file(spot.0);
    let offset = spot.1;
    assert_eq!(report.verdict, Verdict::Torn { file, offset });
    let next_lsn = report.last_lsn + 1;
    add_and_commit(&log, next_lsn, b"next");
    drop(log);
    let (_, _, replayed) = open(&vfs.crash_power(next_lsn), settings(file_bytes), 1).unwrap();
    assert_eq!(replayed[..expected.len()], *expected);
    assert_eq!(replayed[expected.len()..], [(next_lsn, b"next".to_vec())]);
}

#[test]
fn every_flipped_byte_is_judged() {
    let frames = frames(9);
    for sealed in [false, true] {
        let (vfs, log, spots) = build(1, 400, &frames);
        let last = *spots.last().unwrap();
        assert!(last.number > 2);
        if sealed {
            log.seal().unwrap();
        }
        drop(log);
        for number in 1..=last.number {
            for offset in 0..content(&vfs, number).len() as u64 {
                for mask in [1 << (offset % 8), 0xff] {
                    let vfs = vfs.fork();
                    vfs.flip(&paths::log_file(number), offset, mask).unwrap();
                    let hit = spots.iter().find(|spot| spot.holds(number, offset));
                    let end = last.end() + if sealed { FRAME } else { 0 };
                    if offset < HEADER {
                        assert_corrupt(open(&vfs, settings(400), 1), number, 0);
                    } else if hit == Some(&last) && !sealed {
                        let kept = &frames[..frames.len() - 1];
                        assert_torn(&vfs, 400, kept, (number, last.offset));
                    } else if let Some(spot) = hit {
                        assert_corrupt(open(&vfs, settings(400), 1), number, spot.offset);
                    } else if number == last.number {
                        // Zeros behind the end, or the seal: no frame is lost.
                        let at = if offset < end { last.end() } else { end };
                        assert_torn(&vfs, 400, &frames, (number, at));
                    } else {
                        let (_, report, replayed) = open(&vfs, settings(400), 1).unwrap();
                        assert_eq!(replayed, frames);
                        assert_eq!(report.verdict, Verdict::Clean);
                    }
                }
            }
        }
    }
}

#[test]
fn a_last_frame_cut_at_any_length_is_a_torn_tail() {
    let frames = frames(6);
    let (vfs, log, spots) = build(1, 4000, &frames);
    drop(log);
    let last = *spots.last().unwrap();
    let mut random = Random::new(5);
    for cut in 0..last.len {
        let rest = last.len - cut;
        for filling in [vec![0; rest as usize], random.bytes(rest)] {
            let vfs = vfs.fork();
            overwrite(&vfs, 1, last.offset + cut, &filling);
            let kept = &frames[..frames.len() - 1];
            if content(&vfs, 1)[last.offset as usize..]
                .iter()
                .any(|byte| *byte != 0)
            {
                assert_torn(&vfs, 4000, kept, (1, last.offset));
            } else {
                let (_, report, replayed) = open(&vfs, settings(4000), 1).unwrap();
                assert_eq!(replayed, kept);
                assert_eq!(report.verdict, Verdict::Clean);
            }
        }
    }
}

#[test]
fn a_shortened_or_lengthened_file_is_damaged() {
    let (vfs, log, _) = build(1, 400, &frames(6));
    drop(log);
    for number in [1, 2] {
        for len in (0..400).chain(401..410) {
            let vfs = vfs.fork();
            let file = vfs.open(&paths::log_file(number), Mode::ReadWrite).unwrap();
            file.set_len(len).unwrap();
            assert_corrupt(open(&vfs, settings(400), 1), number, len.min(400));
        }
    }
}

#[test]
fn zeroed_frames_that_were_durable_are_missed() {
    let frames = frames(9);
    let (vfs, log, spots) = build(1, 400, &frames);
    log.seal().unwrap();
    drop(log);
    for spot in spots {
        let vfs = vfs.fork();
        overwrite(&vfs, spot.number, spot.offset, &vec![0; spot.len as usize]);
        assert_corrupt(open(&vfs, settings(400), 1), spot.number, spot.offset);
    }
}

#[test]
fn missing_files_are_missed() {
    let frames = frames(20);
    let (vfs, log, spots) = build(1, 400, &frames);
    log.seal().unwrap();
    let last_number = spots.last().unwrap().number;
    for number in 1..last_number {
        let vfs = vfs.fork();
        vfs.remove(&paths::log_file(number)).unwrap();
        let error = open(&vfs, settings(400), 1).unwrap_err();
        match number {
            1 => assert!(matches!(error, LogError::Missing { lsn: 1 }), "{error}"),
            _ => assert!(matches!(error, LogError::Corrupt { .. }), "{error}"),
        }
    }
    // The last file can only be missed by somebody who knows what it held.
    vfs.remove(&paths::log_file(last_number)).unwrap();
    let (_, _, replayed) = open(&vfs.fork(), settings(400), 1).unwrap();
    assert!(replayed.len() < 20);
    assert!(open(&vfs, settings(400), 21).is_err());
}

#[test]
fn frames_of_a_group_that_arrive_out_of_order_are_a_torn_tail() {
    let (vfs, log, spots) = build(1, 4000, &frames(3));
    for lsn in 4..=6 {
        add(&log, lsn, &[7; 50]).unwrap();
    }
    log.commit(6).unwrap();
    drop(log);
    // None of the three was known to be durable when the others were written.
    let start = spots[2].end();
    overwrite(&vfs, 1, start, &[0; FRAME_HEADER_BYTES + 50]);
    assert_torn(&vfs, 4000, &frames(3), (1, start));
}

#[test]
fn an_old_frame_behind_a_new_end_does_not_come_back() {
    // Frames 4 and 5 of one group; 4 is lost. A new frame 4 of the same size must not be
    // followed by the old frame 5.
    let (vfs, log, spots) = build(1, 4000, &frames(3));
    log.seal().unwrap();
    for lsn in 4..=5 {
        add(&log, lsn, &[7; 50]).unwrap();
    }
    log.commit(5).unwrap();
    drop(log);
    overwrite(
        &vfs,
        1,
        spots[2].end() + FRAME,
        &[0; FRAME_HEADER_BYTES + 50],
    );
    let (log, report, replayed) = open(&vfs, settings(4000), 1).unwrap();
    assert_eq!((replayed.len(), report.last_lsn), (3, 3));
    add_and_commit(&log, 4, &[8; 50]);
    drop(log);
    let (_, _, replayed) = open(&vfs, settings(4000), 1).unwrap();
    assert_eq!(replayed.len(), 4);
    assert_eq!(replayed[3], (4, vec![8; 50]));
}

#[test]
fn a_frame_is_valid_only_at_its_place_in_its_file() {
    let second = (2, vec![9; 40]);
    let build_two = |seed, first_bytes| {
        let frames = vec![(1, vec![1; first_bytes]), second.clone()];
        build(seed, 1000, &frames)
    };
    let (source, _, spots) = build_two(1, 30);
    let at = spots[1].offset as usize..spots[1].end() as usize;
    let bytes = content(&source, 1)[at].to_vec();
    // The same seed gives the same salt, another seed another.
    for (seed, first_bytes, accepted) in [(1, 30, true), (1, 31, false), (2, 30, false)] {
        let first = vec![(1, vec![1; first_bytes])];
        let (vfs, _, spots) = build(seed, 1000, &first);
        overwrite(&vfs, 1, spots[0].end(), &bytes);
        let (_, report, replayed) = open(&vfs, settings(1000), 1).unwrap();
        assert_eq!(
            replayed.len(),
            1 + usize::from(accepted),
            "{seed} {first_bytes}"
        );
        assert_eq!(report.verdict == Verdict::Clean, accepted);
    }
}

#[test]
fn a_file_under_another_name_is_refused() {
    let (vfs, _, _) = build(1, 400, &frames(9));
    let bytes = content(&vfs, 1);
    overwrite(&vfs, 2, 0, &bytes);
    assert_corrupt(open(&vfs, settings(400), 1), 2, 0);
}

#[test]
fn frames_that_a_fresh_file_was_started_with_are_proven() {
    let frames = frames(5);
    let (vfs, log, _) = build(1, 4000, &frames);
    drop(log);
    let (_, report, _) = open(&vfs, settings(4000), 1).unwrap();
    assert_eq!(report.frames_rewritten, 1);
    vfs.flip(&paths::log_file(2), HEADER + 3, 0x10).unwrap();
    assert_corrupt(open(&vfs, settings(4000), 1), 2, HEADER);
}

#[test]
fn bytes_in_a_later_file_prove_the_earlier_one() {
    // Frame 1 fills file 1; frame 2 is alone in file 2, and its header is damaged. That it was
    // written at all shows that file 1 had been synced.
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(300), 1).unwrap();
    for lsn in 1..=2 {
        add(&log, lsn, &[1; 100]).unwrap();
    }
    log.commit(2).unwrap();
    assert_eq!(log.position().files, 2);
    vfs.flip(&paths::log_file(2), HEADER + 5, 1).unwrap();
    vfs.flip(&paths::log_file(1), HEADER + 40, 1).unwrap();
    assert_corrupt(open(&vfs, settings(300), 1), 1, HEADER);
}

#[test]
fn a_seal_proves_nothing_that_was_appended_while_it_was_asked_for() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(1000), 1).unwrap();
    let log = Arc::new(log);
    let appending = Arc::downgrade(&log);
    log.set_on_durable(Box::new(move |lsn| {
        if let Some(log) = appending.upgrade().filter(|_| lsn == 1) {
            add(&log, 2, b"meanwhile").unwrap();
        }
    }));
    add(&log, 1, b"x").unwrap();
    log.seal().unwrap();
    log.commit(2).unwrap();
    let second = HEADER + FRAME + 1;
    overwrite(&vfs, 1, second, &[0; FRAME_HEADER_BYTES + 9]);
    let (_, report, replayed) = open(&vfs, settings(1000), 1).unwrap();
    assert_eq!((replayed.len(), report.verdict), (1, Verdict::Clean));
}

#[test]
fn a_seal_that_only_the_cache_had_is_durable_after_a_start() {
    let vfs = MemoryVfs::new(1);
    let (log, _, _) = open(&vfs, settings(1000), 1).unwrap();
    add_and_commit(&log, 1, b"proven by the seal");
    vfs.fail_at(vfs.operations() + 1, Fault::Io, false);
    log.seal().unwrap_err();
    let vfs = vfs.crash_process();
    let (_, report, _) = open(&vfs, settings(1000), 1).unwrap();
    assert_eq!(report.frames_rewritten, 0);
    let vfs = vfs.crash_power_with(Damage::LoseAll, 1);
    vfs.flip(&paths::log_file(1), HEADER + 40, 1).unwrap();
    assert_corrupt(open(&vfs, settings(1000), 1), 1, HEADER);
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let (vfs, _, _) = build(1, 400, &frames(2));
    let mut header = content(&vfs, 1)[..FILE_HEADER_BYTES].to_vec();
    header[8] = 2;
    let crc = crc32fast::hash(&header[..FILE_HEADER_BYTES - 4]);
    header[FILE_HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    overwrite(&vfs, 1, 0, &header);
    let before = content(&vfs, 1);
    let error = open(&vfs, settings(400), 1).unwrap_err();
    assert!(
        matches!(error, LogError::UnknownVersion { version: 2, .. }),
        "{error}"
    );
    assert_eq!(content(&vfs, 1), before);
}

#[test]
fn no_bytes_at_all_make_the_reader_panic_or_invent_a_frame() {
    let frames = frames(12);
    let (pristine, log, spots) = build(1, 500, &frames);
    log.seal().unwrap();
    drop(log);
    let files = spots.last().unwrap().number;
    for_seeds(3000, |seed| {
        let mut random = Random::new(seed);
        let vfs = pristine.fork();
        for _ in 0..=random.below(4) {
            let number = 1 + random.below(files);
            let bytes = content(&vfs, number);
            let start = random.below(bytes.len() as u64);
            let len = 1 + random.below((bytes.len() as u64 - start).min(120));
            let new = match random.below(3) {
                0 => vec![0; len as usize],
                1 => random.bytes(len),
                _ => {
                    let from = random.below(bytes.len() as u64 - len + 1) as usize;
                    bytes[from..from + len as usize].to_vec()
                }
            };
            overwrite(&vfs, number, start, &new);
        }
        if let Ok((_, report, replayed)) = open(&vfs, settings(500), 1) {
            assert_eq!(replayed, frames[..replayed.len()]);
            assert_eq!(report.last_lsn, replayed.len() as u64);
        }
    });
}
