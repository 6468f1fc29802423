use super::*;
use std::io::ErrorKind;

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

fn put(vfs: &dyn Vfs, name: &str, bytes: &[u8]) -> Arc<dyn VfsFile> {
    let file = vfs.create_new(&path(name)).unwrap();
    write_all_at(&*file, 0, bytes).unwrap();
    file
}

fn content(vfs: &dyn Vfs, name: &str) -> io::Result<Vec<u8>> {
    let file = vfs.open(&path(name), Mode::Read)?;
    let mut bytes = vec![0; file.len()? as usize];
    read_exact_at(&*file, 0, &mut bytes)?;
    Ok(bytes)
}

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.err().unwrap().kind()
}

/// Runs a test of the contract against every implementation.
fn on_all(test: impl Fn(&dyn Vfs)) {
    let directory = tempfile::tempdir().unwrap();
    test(&OsVfs::new(directory.path().join("a/b")).unwrap());
    test(&MemoryVfs::new(1));
}

#[test]
fn bytes_are_read_back_where_they_were_written() {
    on_all(|vfs| {
        let file = put(vfs, "f", b"hello");
        assert_eq!(content(vfs, "f").unwrap(), b"hello");
        write_all_at(&*file, 8, b"there").unwrap();
        write_all_at(&*file, 0, b"H").unwrap();
        assert_eq!(content(vfs, "f").unwrap(), b"Hello\0\0\0there");
        let mut buffer = [9; 4];
        assert_eq!(file.read_at(11, &mut buffer).unwrap(), 2);
        assert_eq!(buffer, [b'r', b'e', 9, 9]);
        assert_eq!(file.read_at(13, &mut buffer).unwrap(), 0);
        assert_eq!(file.read_at(1 << 40, &mut buffer).unwrap(), 0);
        assert_eq!(
            kind(read_exact_at(&*file, 10, &mut buffer)),
            ErrorKind::UnexpectedEof
        );
        file.set_len(3).unwrap();
        file.allocate_zeroed(6).unwrap();
        file.allocate_zeroed(2).unwrap();
        file.sync_data().unwrap();
        assert_eq!(content(vfs, "f").unwrap(), b"Hel\0\0\0");
        assert_eq!(file.len().unwrap(), 6);
        assert!(!file.is_empty().unwrap());
    });
}

#[test]
fn large_allocations_are_zero_to_the_last_byte() {
    on_all(|vfs| {
        let file = put(vfs, "f", b"x");
        let len = (2 << 20) + 7;
        file.allocate_zeroed(len).unwrap();
        let bytes = content(vfs, "f").unwrap();
        assert_eq!(bytes.len() as u64, len);
        assert!(bytes[1..].iter().all(|byte| *byte == 0));
    });
}

#[test]
fn names_come_and_go() {
    on_all(|vfs| {
        ensure_dir(vfs, &path("d/e")).unwrap();
        ensure_dir(vfs, &path("d/e")).unwrap();
        put(vfs, "d/b", b"1");
        put(vfs, "d/a", b"2");
        assert_eq!(
            vfs.list(&path("d")).unwrap(),
            [path("d/a"), path("d/b"), path("d/e")]
        );
        assert_eq!(vfs.list(&RelPath::root()).unwrap(), [path("d")]);

        assert_eq!(kind(vfs.create_new(&path("d/a"))), ErrorKind::AlreadyExists);
        assert_eq!(kind(vfs.create_new(&path("x/a"))), ErrorKind::NotFound);
        assert_eq!(
            kind(vfs.open(&path("d/x"), Mode::Read)),
            ErrorKind::NotFound
        );
        assert_eq!(kind(vfs.list(&path("x"))), ErrorKind::NotFound);
        assert_eq!(kind(vfs.remove(&path("d/x"))), ErrorKind::NotFound);
        assert_eq!(kind(vfs.create_dir(&path("d/a"))), ErrorKind::AlreadyExists);

        vfs.link(&path("d/a"), &path("d/e/a")).unwrap();
        assert_eq!(
            kind(vfs.link(&path("d/a"), &path("d/b"))),
            ErrorKind::AlreadyExists
        );
        vfs.remove(&path("d/a")).unwrap();
        assert_eq!(content(vfs, "d/e/a").unwrap(), b"2");

        assert_eq!(
            kind(vfs.remove_dir(&path("d/e"))),
            ErrorKind::DirectoryNotEmpty
        );
        vfs.remove(&path("d/e/a")).unwrap();
        vfs.remove_dir(&path("d/e")).unwrap();
        vfs.sync_dir(&path("d")).unwrap();
        assert_eq!(vfs.list(&path("d")).unwrap(), [path("d/b")]);
    });
}

#[test]
fn renames_replace_files_within_a_directory() {
    on_all(|vfs| {
        put(vfs, "a", b"old");
        put(vfs, "b", b"new");
        vfs.rename(&path("b"), &path("a")).unwrap();
        assert_eq!(content(vfs, "a").unwrap(), b"new");
        assert_eq!(
            kind(vfs.rename(&path("b"), &path("c"))),
            ErrorKind::NotFound
        );
        vfs.create_dir(&path("d")).unwrap();
        put(vfs, "d/f", b"f");
        assert_eq!(
            kind(vfs.rename(&path("a"), &path("d/a"))),
            ErrorKind::InvalidInput
        );
        vfs.rename(&path("d"), &path("e")).unwrap();
        assert_eq!(content(vfs, "e/f").unwrap(), b"f");
    });
}

#[test]
fn a_removed_file_can_be_read_while_it_is_open() {
    on_all(|vfs| {
        let file = put(vfs, "a", b"kept");
        vfs.remove(&path("a")).unwrap();
        vfs.sync_dir(&RelPath::root()).unwrap();
        let mut bytes = [0; 4];
        read_exact_at(&*file, 0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"kept");
    });
}

#[test]
fn a_file_opened_for_reading_cannot_be_written() {
    on_all(|vfs| {
        put(vfs, "a", b"1");
        let file = vfs.open(&path("a"), Mode::Read).unwrap();
        assert!(write_all_at(&*file, 0, b"2").is_err());
        let file = vfs.open(&path("a"), Mode::ReadWrite).unwrap();
        write_all_at(&*file, 0, b"2").unwrap();
        assert_eq!(content(vfs, "a").unwrap(), b"2");
    });
}

#[test]
fn one_lock_at_a_time() {
    on_all(|vfs| {
        let guard = vfs.lock().unwrap();
        assert_eq!(kind(vfs.lock()), ErrorKind::WouldBlock);
        drop(guard);
        drop(vfs.lock().unwrap());
        assert!(vfs.lock().is_ok());
    });
}

#[test]
fn random_numbers_differ_and_space_is_left() {
    on_all(|vfs| {
        assert_ne!(vfs.random(), vfs.random());
        assert!(vfs.free_space().unwrap() > 0);
    });
}

#[test]
fn atomic_write_replaces_and_leaves_nothing_behind() {
    on_all(|vfs| {
        put(vfs, "a.tmp", b"left over by a crash, and longer");
        for bytes in [b"first".as_slice(), b"second", b""] {
            atomic_write(vfs, &path("a"), bytes).unwrap();
            assert_eq!(content(vfs, "a").unwrap(), bytes);
        }
        assert_eq!(vfs.list(&RelPath::root()).unwrap(), [path("a")]);
    });
}

#[test]
fn errors_of_the_operating_system_name_the_path_and_keep_the_kind() {
    let directory = tempfile::tempdir().unwrap();
    let vfs = OsVfs::new(directory.path()).unwrap();
    let error = vfs.open(&path("nothing/here"), Mode::Read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("nothing/here"), "{error}");
}

#[test]
fn files_that_are_not_ours_are_not_listed() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["Foo", "a b", "ok"] {
        std::fs::write(directory.path().join(name), b"").unwrap();
    }
    let vfs = OsVfs::new(directory.path()).unwrap();
    let _guard = vfs.lock().unwrap();
    assert_eq!(vfs.list(&RelPath::root()).unwrap(), [path("ok")]);
}
