use super::*;
use proptest::prelude::*;

fn path(text: &str) -> RelPath {
    RelPath::new(text).unwrap()
}

proptest! {
    #[test]
    fn names_are_parsed_back(number: u64, partition: u16, epoch: u32, counter in 0..=SegmentName::COUNTER_MAX) {
        prop_assert_eq!(parse_log_file(&log_file(number)), Some(number));
        prop_assert_eq!(parse_manifest(&manifest(number)), Some(number));
        prop_assert_eq!(parse_partition_dir(&partition_dir(partition)), Some(partition));
        for kind in SegmentKind::ALL {
            let name = SegmentName { partition, epoch, counter, kind };
            prop_assert_eq!(SegmentName::parse(&name.path()), Some(name));
            prop_assert_eq!(name.path().parent(), partition_dir(partition));
            prop_assert_eq!(SegmentName::parse(&temporary(&name.path())), None);
        }
    }

    #[test]
    fn what_parses_is_built_back(text in "(log/|manifest/|data/[0-9a-g]{3,5}/?|snapshots/)?[0-9a-f+-]{0,22}(\\.log|\\.seg|\\.key|\\.voc|\\.tmp)?") {
        if let Ok(path) = RelPath::new(text) {
            if let Some(number) = parse_log_file(&path) {
                prop_assert_eq!(&log_file(number), &path);
            }
            if let Some(number) = parse_manifest(&path) {
                prop_assert_eq!(&manifest(number), &path);
            }
            if let Some(name) = SegmentName::parse(&path) {
                prop_assert_eq!(&name.path(), &path);
            }
            if let Some(partition) = parse_partition_dir(&path) {
                prop_assert_eq!(&partition_dir(partition), &path);
            }
        }
    }
}

#[test]
fn names_are_as_documented() {
    assert_eq!(log_file(7).as_str(), "log/00000000000000000007.log");
    assert_eq!(manifest(u64::MAX).as_str(), "manifest/18446744073709551615");
    let name = SegmentName {
        partition: 0xab,
        epoch: 3,
        counter: 0x1f,
        kind: SegmentKind::Vocabulary,
    };
    assert_eq!(name.path().as_str(), "data/00ab/00000003-00000000001f.voc");
    assert_eq!(
        temporary(&log_file(1)).as_str(),
        "log/00000000000000000001.log.tmp"
    );
}

#[test]
fn sorted_names_are_in_number_order() {
    assert!(log_file(9) < log_file(10));
    assert!(log_file(99_999_999_999) < log_file(u64::MAX));
}

#[test]
fn other_names_are_not_parsed() {
    for text in [
        "log/1.log",
        "log/00000000000000000007.log.tmp",
        "log/0000000000000000000a.log",
        "log/99999999999999999999.log",
        "manifest/00000000000000000007.log",
        "data/00ab/00000003-00000000001f.xyz",
        "data/00ab/00000003-0000000001f.seg",
        "x/00000000000000000007.log",
    ] {
        let path = path(text);
        assert_eq!(parse_log_file(&path), None, "{text}");
        assert_eq!(parse_manifest(&path), None, "{text}");
        assert_eq!(SegmentName::parse(&path), None, "{text}");
    }
    assert!(is_temporary(&path("log/00000000000000000007.log.tmp")));
    assert!(!is_temporary(&path("log/tmp")));
}

#[test]
fn snapshot_names_are_an_allow_list() {
    for name in ["a", "0", "daily-2026_01", &"x".repeat(64)] {
        let directory = snapshot_dir(name).unwrap();
        assert_eq!(parse_snapshot_dir(&directory), Some(name));
    }
    for name in [
        "",
        "-a",
        "_a",
        ".",
        "..",
        "a.b",
        "a/b",
        "A",
        "a\0",
        "é",
        &"x".repeat(65),
    ] {
        assert_eq!(snapshot_dir(name), None, "{name:?}");
    }
    assert_eq!(
        parse_snapshot_dir(&temporary(&snapshot_dir("a").unwrap())),
        None
    );
}
