use super::super::{Mode, atomic_write, ensure_dir, read_exact_at, write_all_at};
use super::*;
use std::io::ErrorKind;

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn content(vfs: &MemoryVfs, name: &str) -> Option<Vec<u8>> {
    let file = vfs.open(&path(name), Mode::Read).ok()?;
    let mut bytes = vec![0; file.len().unwrap() as usize];
    read_exact_at(&*file, 0, &mut bytes).unwrap();
    Some(bytes)
}

/// A file with `synced`, durable, and then `unsynced` behind it.
fn half_synced(vfs: &MemoryVfs, synced: &[u8], unsynced: &[u8]) -> Arc<dyn VfsFile> {
    let file = vfs.create_new(&path("f")).unwrap();
    write_all_at(&*file, 0, synced).unwrap();
    file.sync_data().unwrap();
    vfs.sync_dir(&RelPath::root()).unwrap();
    write_all_at(&*file, synced.len() as u64, unsynced).unwrap();
    file
}

#[test]
fn a_process_crash_keeps_what_is_seen_and_syncs_nothing() {
    let vfs = MemoryVfs::new(1);
    let file = half_synced(&vfs, b"old", b"new");
    let after = vfs.crash_process();
    assert!(file.sync_data().is_err());
    assert!(vfs.open(&path("f"), Mode::Read).is_err());
    assert_eq!(content(&after, "f").unwrap(), b"oldnew");
    let after = after.crash_power_with(Damage::LoseAll, 1);
    assert_eq!(content(&after, "f").unwrap(), b"old");
}

#[test]
fn a_power_cut_damages_only_what_was_not_synced() {
    let old = vec![1; 700];
    let new = vec![2; 3000];
    let (mut seen, mut garbage) = (std::collections::BTreeSet::new(), false);
    for seed in 0..400 {
        let vfs = MemoryVfs::new(1);
        half_synced(&vfs, &old, &new);
        let damage = Damage::SINGLE[seed as usize % Damage::SINGLE.len()];
        let bytes = content(&vfs.crash_power_with(damage, seed), "f").unwrap();
        assert_eq!(bytes[..700], old);
        assert!(bytes.len() <= 3700);
        let is_written = bytes[700..].iter().all(|byte| matches!(byte, 0 | 2));
        assert!(is_written || damage == Damage::Garbage);
        garbage |= !is_written;
        seen.insert(bytes);
    }
    // Nothing, everything, zeros, and many in between.
    assert!(seen.contains(&old));
    assert!(seen.contains(&[old.clone(), new].concat()));
    assert!(seen.contains(&[old, vec![0; 3000]].concat()));
    assert!(seen.len() > 50 && garbage);
}

#[test]
fn names_are_durable_after_their_directory_is_synced() {
    let vfs = MemoryVfs::new(1);
    ensure_dir(&vfs, &path("d/e")).unwrap();
    for name in ["d/e/a", "d/e/b"] {
        vfs.create_new(&path(name)).unwrap();
    }
    vfs.sync_dir(&path("d/e")).unwrap();
    vfs.create_new(&path("d/e/c")).unwrap();
    vfs.remove(&path("d/e/a")).unwrap();
    vfs.rename(&path("d/e/b"), &path("d/e/d")).unwrap();
    let lost = vfs.fork().crash_power_with(Damage::LoseAll, 1);
    assert_eq!(
        lost.list(&path("d/e")).unwrap(),
        [path("d/e/a"), path("d/e/b")]
    );
    let kept = vfs.fork().crash_power_with(Damage::KeepAll, 1);
    assert_eq!(
        kept.list(&path("d/e")).unwrap(),
        [path("d/e/c"), path("d/e/d")]
    );
    for seed in 0..100 {
        // A rename is never seen by half.
        let names = vfs.fork().crash_power(seed).list(&path("d/e")).unwrap();
        assert_ne!(
            names.contains(&path("d/e/b")),
            names.contains(&path("d/e/d"))
        );
    }
}

#[test]
fn a_failed_sync_is_forgotten_by_the_next() {
    let vfs = MemoryVfs::new(1);
    let file = half_synced(&vfs, b"old", b"new");
    vfs.fail_at(vfs.operations(), Fault::Io, false);
    assert!(file.sync_data().is_err());
    assert!(file.sync_data().is_ok());
    assert_eq!(content(&vfs, "f").unwrap(), b"oldnew");
    let after = vfs.crash_power_with(Damage::KeepAll, 1);
    assert_eq!(content(&after, "f").unwrap(), b"old");
}

#[test]
fn faults_hit_once_or_from_then_on_and_only_what_they_can() {
    for sticky in [false, true] {
        let vfs = MemoryVfs::new(1);
        let file = half_synced(&vfs, b"", b"");
        vfs.fail_at(vfs.operations(), Fault::DiskFull, sticky);
        assert_eq!(content(&vfs, "f").unwrap(), b"");
        let error = file.write_at(0, b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(file.write_at(0, b"x").is_err(), sticky);
        assert!(vfs.remove(&path("f")).is_ok());
        vfs.clear_faults();
        assert!(file.write_at(0, b"x").is_ok());
        assert_eq!(vfs.faults_fired(), if sticky { 2 } else { 1 });
    }
    let vfs = MemoryVfs::new(1);
    let file = half_synced(&vfs, b"", b"");
    vfs.fail_at(0, Fault::ShortWrite, true);
    assert_eq!(file.write_at(0, b"123456").unwrap(), 3);
    write_all_at(&*file, 0, b"123456").unwrap();
    assert_eq!(content(&vfs, "f").unwrap(), b"123456");
}

#[test]
fn nothing_works_after_a_crash_by_plan() {
    let vfs = MemoryVfs::new(1);
    let file = half_synced(&vfs, b"old", b"");
    vfs.fail_at(vfs.operations() + 1, Fault::Crash, false);
    file.write_at(3, b"a").unwrap();
    file.write_at(4, b"b").unwrap_err();
    file.write_at(5, b"c").unwrap_err();
    assert!(vfs.sync_dir(&RelPath::root()).is_err());
    let bytes = content(&vfs.crash_process(), "f").unwrap();
    assert!(bytes == b"olda" || bytes == b"oldab");
}

#[test]
fn a_full_disk_takes_what_fits() {
    let vfs = MemoryVfs::new(1);
    vfs.set_capacity(Some(10));
    let file = vfs.create_new(&path("f")).unwrap();
    assert_eq!(file.write_at(0, &[1; 8]).unwrap(), 8);
    assert_eq!(vfs.free_space().unwrap(), 2);
    assert_eq!(file.write_at(6, &[2; 8]).unwrap(), 4);
    assert_eq!(
        file.write_at(10, b"x").unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    // What is there can be written again.
    assert_eq!(file.write_at(0, &[3; 10]).unwrap(), 10);
    assert_eq!(
        file.allocate_zeroed(11).unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    drop(file);
    vfs.remove(&path("f")).unwrap();
    assert_eq!(vfs.free_space().unwrap(), 10);
}

#[test]
fn a_replaced_file_has_its_old_or_its_new_bytes_whatever_fails() {
    let start = MemoryVfs::new(1);
    ensure_dir(&start, &path("d")).unwrap();
    atomic_write(&start, &path("d/f"), b"old content").unwrap();
    let total = {
        let vfs = start.fork();
        atomic_write(&vfs, &path("d/f"), b"new").unwrap();
        vfs.operations()
    };
    for fault in [Fault::Crash, Fault::Io, Fault::DiskFull, Fault::ShortWrite] {
        for at in 0..total {
            for seed in 0..20 {
                let vfs = start.fork();
                vfs.fail_at(at, fault, seed % 2 == 0);
                let written = atomic_write(&vfs, &path("d/f"), b"new");
                let after = vfs.crash_power(seed);
                let bytes = content(&after, "d/f").unwrap();
                let is_new = bytes == b"new";
                assert!(is_new || bytes == b"old content", "{bytes:?}");
                assert!(is_new || written.is_err(), "{fault:?} at {at}");
                // Leftovers do not get in the way.
                atomic_write(&after, &path("d/f"), b"newer").unwrap();
                assert_eq!(content(&after.crash_power(seed), "d/f").unwrap(), b"newer");
            }
        }
    }
}

#[test]
fn a_fork_goes_its_own_way() {
    let vfs = MemoryVfs::new(1);
    let file = half_synced(&vfs, b"old", b"");
    let fork = vfs.fork();
    write_all_at(&*file, 0, b"new").unwrap();
    assert_eq!(content(&fork, "f").unwrap(), b"old");
    assert_eq!(content(&vfs, "f").unwrap(), b"new");
}

#[test]
fn a_block_that_is_written_to_the_wrong_place_is_durable_there() {
    let vfs = MemoryVfs::new(1);
    half_synced(&vfs, b"0123456789", b"");
    let file = path("f");
    vfs.misdirect((&file, 1), (&file, 6), 3).unwrap();
    let after = vfs.crash_power_with(Damage::LoseAll, 1);
    assert_eq!(content(&after, "f").unwrap(), b"0123451239");
    assert!(after.misdirect((&file, 0), (&file, 8), 3).is_err());
}
