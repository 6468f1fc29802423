//! LIKE by trying everything, and patterns to try.

use super::random::Random;

const PATTERNS: [&str; 14] = [
    "%", "_", "", "tea", "tea%", "%ea%", "Ä%", "ä%", "_EA", "%o_k%", "user 1%", "user%_", "%1",
    "-%",
];
const LETTERS: [char; 11] = ['t', 'e', 'a', '%', '_', 'o', 'Ä', 'ä', ' ', '!', 'r'];

/// A pattern, in which `!` takes the meaning of what is behind it.
pub(super) fn pattern(random: &mut Random) -> String {
    if random.one_in(2) {
        return (*random.pick(&PATTERNS)).to_owned();
    }
    (0..random.below(6))
        .map(|_| *random.pick(&LETTERS))
        .collect()
}

pub(super) fn like(text: &str, pattern: &str, ignores_case: bool) -> bool {
    let chars = |text: &str| -> Vec<char> {
        match ignores_case {
            true => text.to_lowercase().chars().collect(),
            false => text.chars().collect(),
        }
    };
    fits(&chars(text), &chars(pattern))
}

fn fits(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['!'] => text == ['!'],
        ['!', c, rest @ ..] => text.first() == Some(c) && fits(&text[1..], rest),
        ['%', rest @ ..] => (0..=text.len()).any(|n| fits(&text[n..], rest)),
        [c, rest @ ..] => {
            let is_one = text.first().is_some_and(|t| *c == '_' || c == t);
            is_one && fits(&text[1..], rest)
        }
    }
}

/// The hash that buckets and samples are made by.
pub(super) fn hash(key: &str, salt: &str) -> u64 {
    let bytes = [key.as_bytes(), b"\0", salt.as_bytes()].concat();
    xxhash_rust::xxh3::xxh3_64(&bytes)
}
