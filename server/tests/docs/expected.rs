//! What examples say that commands tell: `...` stands for anything, and blanks and line ends do not
//! count, so that long lines can be broken.

/// Whether a text is as expected.
pub(crate) fn fits(expected: &str, told: &str) -> bool {
    let expected = dense(expected);
    let told = dense(told);
    let mut pieces = expected.split("...");
    let Some(mut rest) = told.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut ends_open = expected.is_empty();
    for piece in pieces {
        match rest.find(piece) {
            Some(place) => rest = &rest[place + piece.len()..],
            None => return false,
        }
        ends_open = piece.is_empty();
    }
    // A page may leave out what a command tells, but not only half of it.
    ends_open || rest.is_empty()
}

fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn dots_stand_for_anything() {
    for (expected, told, fit) in [
        ("", "anything", true),
        ("a b\n", "ab", true),
        ("a", "ab", false),
        ("a...", "a", true),
        ("a...", "abc", true),
        ("a...c", "abbc", true),
        ("a...c", "abbd", false),
        ("...b...", "abc", true),
        ("...b...", "ac", false),
    ] {
        assert_eq!(fits(expected, told), fit, "{expected:?} {told:?}");
    }
}
