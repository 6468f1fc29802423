//! Patterns of LIKE. A text is gone through once, whatever the pattern is.

use std::borrow::Cow;
use std::sync::Arc;

/// A pattern: `%` stands for any characters, `_` for one, and the escape character takes their
/// meaning from them. An escape character at the very end stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    source: Arc<str>,
    escape: Option<char>,
    ignores_case: bool,
    first: Piece,
    /// Between two `%`; none is empty.
    middle: Vec<Piece>,
    /// Behind the last `%`, if there is one.
    last: Option<Piece>,
}

/// What stands between two `%`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    Text(String),
    /// With places for any character.
    Wild(Wild),
}

/// Characters, or nothing for any of them; and where each character fits, as bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wild {
    places: Vec<Option<char>>,
    /// Sorted.
    fitting: Vec<(char, Vec<u64>)>,
    /// Where any other character fits.
    others: Vec<u64>,
}

impl Pattern {
    /// Reads a pattern.
    #[must_use]
    pub fn new(source: &Arc<str>, escape: Option<char>, ignores_case: bool) -> Self {
        let mut pieces = vec![Vec::new()];
        let mut chars = source.chars();
        while let Some(c) = chars.next() {
            let place = match c {
                c if Some(c) == escape => Some(chars.next().unwrap_or(c)),
                '%' => {
                    pieces.push(Vec::new());
                    continue;
                }
                '_' => None,
                c => Some(c),
            };
            if let Some(piece) = pieces.last_mut() {
                piece.push(match ignores_case {
                    true => place.map(fold),
                    false => place,
                });
            }
        }
        let last = if pieces.len() > 1 { pieces.pop() } else { None };
        let mut pieces = pieces.into_iter();
        Self {
            source: source.clone(),
            escape,
            ignores_case,
            first: Piece::new(pieces.next().unwrap_or_default()),
            middle: pieces
                .filter(|piece| !piece.is_empty())
                .map(Piece::new)
                .collect(),
            last: last.map(Piece::new),
        }
    }

    /// As it was written.
    #[must_use]
    pub const fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// The escape character.
    #[must_use]
    pub const fn escape(&self) -> Option<char> {
        self.escape
    }

    /// Whether upper and lower case are the same to it.
    #[must_use]
    pub const fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// The only text that fits, if there is only one.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match (&self.first, &self.last) {
            (Piece::Text(text), None) if !self.ignores_case => Some(text),
            _ => None,
        }
    }

    /// Whether a text fits.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text = match self.ignores_case {
            true => Cow::Owned(text.chars().map(fold).collect::<String>()),
            false => Cow::Borrowed(text),
        };
        let Some(rest) = self.first.strip_prefix(&text) else {
            return false;
        };
        let Some(last) = &self.last else {
            return rest.is_empty();
        };
        let Some(mut rest) = last.strip_suffix(rest) else {
            return false;
        };
        for piece in &self.middle {
            match piece.skip_first(rest) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        true
    }
}

/// Simple case folding: what is the same letter in upper and in lower case becomes the same.
fn fold(c: char) -> char {
    let only = |mut chars: Box<dyn Iterator<Item = char>>, c| match (chars.next(), chars.next()) {
        (Some(one), None) => one,
        _ => c,
    };
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    // A dotless i is a letter of its own, though its upper case is I.
    if c == 'ı' {
        return c;
    }
    let upper = only(Box::new(c.to_uppercase()), c);
    only(Box::new(upper.to_lowercase()), upper)
}

impl Piece {
    fn new(places: Vec<Option<char>>) -> Self {
        match places.iter().copied().collect::<Option<String>>() {
            Some(text) => Self::Text(text),
            None => Self::Wild(Wild::new(places)),
        }
    }

    fn strip_prefix<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(piece) => text.strip_prefix(piece.as_str()),
            Self::Wild(wild) => {
                let mut chars = text.chars();
                let mut places = wild.places.iter();
                let fits = places.all(|place| fits(chars.next(), *place));
                fits.then_some(chars.as_str())
            }
        }
    }

    fn strip_suffix<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(piece) => text.strip_suffix(piece.as_str()),
            Self::Wild(wild) => {
                let mut chars = text.chars();
                let mut places = wild.places.iter().rev();
                let fits = places.all(|place| fits(chars.next_back(), *place));
                fits.then_some(chars.as_str())
            }
        }
    }

    /// What is behind the first place where the piece stands.
    fn skip_first<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Text(piece) => {
                let at = text.find(piece.as_str())?;
                text.get(at + piece.len()..)
            }
            Self::Wild(wild) => wild.skip_first(text),
        }
    }
}

fn fits(c: Option<char>, place: Option<char>) -> bool {
    c.is_some_and(|c| place.is_none_or(|place| place == c))
}

impl Wild {
    fn new(places: Vec<Option<char>>) -> Self {
        let mut others = vec![0; places.len().div_ceil(64)];
        for (at, _) in places.iter().enumerate().filter(|(_, c)| c.is_none()) {
            others[at / 64] |= 1 << (at % 64);
        }
        let mut chars: Vec<char> = places.iter().flatten().copied().collect();
        chars.sort_unstable();
        chars.dedup();
        let bits = |c: char| {
            let mut bits = others.clone();
            for (at, _) in places.iter().enumerate().filter(|(_, p)| **p == Some(c)) {
                bits[at / 64] |= 1 << (at % 64);
            }
            (c, bits)
        };
        Self {
            fitting: chars.into_iter().map(bits).collect(),
            others,
            places,
        }
    }

    /// Follows all places where the piece may have begun at once: bit n is set while the last
    /// n + 1 characters fit.
    fn skip_first<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut begun = vec![0_u64; self.others.len()];
        let end = self.places.len() - 1;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let fitting = match self.fitting.binary_search_by_key(&c, |(c, _)| *c) {
                Ok(place) => &self.fitting[place].1,
                Err(_) => &self.others,
            };
            let mut carry = 1;
            for (word, fitting) in begun.iter_mut().zip(fitting) {
                let next = *word >> 63;
                *word = (*word << 1 | carry) & fitting;
                carry = next;
            }
            if begun[end / 64] >> (end % 64) & 1 != 0 {
                return Some(chars.as_str());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By trying everything.
    fn naive(pattern: &[char], text: &[char], escape: Option<char>) -> bool {
        match pattern {
            [] => text.is_empty(),
            [e, c, rest @ ..] if Some(*e) == escape => {
                text.first() == Some(c) && naive(rest, &text[1..], escape)
            }
            ['%', rest @ ..] => (0..=text.len()).any(|n| naive(rest, &text[n..], escape)),
            [c, rest @ ..] => {
                let fits = text.first().is_some_and(|t| *c == '_' || c == t);
                fits && naive(rest, &text[1..], escape)
            }
        }
    }

    #[test]
    fn all_small_patterns_match_as_by_trying_everything() {
        let letters = ['a', 'b', '%', '_', '\\'];
        let texts: Vec<String> = words(&['a', 'b', 'ä', '%'], 4);
        for pattern in words(&letters, 5) {
            let compiled = Pattern::new(&pattern.as_str().into(), Some('\\'), false);
            let chars: Vec<char> = pattern.chars().collect();
            for text in &texts {
                let text_chars: Vec<char> = text.chars().collect();
                let expected = naive(&chars, &text_chars, Some('\\'));
                assert_eq!(
                    compiled.matches(text),
                    expected,
                    "{text:?} LIKE {pattern:?}"
                );
            }
        }
    }

    /// All texts of up to so many of these letters.
    fn words(letters: &[char], most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..most {
            let to = all.len();
            for at in from..to {
                for letter in letters {
                    all.push(format!("{}{letter}", all[at]));
                }
            }
            from = to;
        }
        all
    }

    #[test]
    fn long_wild_pieces_reach_over_words() {
        let piece = format!("%x{}y%", "_".repeat(130));
        let pattern = Pattern::new(&piece.as_str().into(), None, false);
        let text = |gap: usize| format!("xx{}yy", "ä".repeat(gap));
        assert!(pattern.matches(&text(130)));
        assert!(pattern.matches(&text(129)));
        assert!(pattern.matches(&text(128)));
        assert!(!pattern.matches(&text(127)));
        assert!(!pattern.matches(&text(131)));
    }

    #[test]
    fn case_is_folded_letter_by_letter() {
        let fits =
            |pattern: &str, text: &str| Pattern::new(&pattern.into(), None, true).matches(text);
        assert!(fits("Ä%ß", "äpfel groß"));
        assert!(fits("ΣΊΣΥΦΟΣ", "σίσυφος"));
        assert!(fits("straẞe", "STRAßE"));
        assert!(!fits("STRASSE", "straße"));
        assert!(fits("K_lvin", "\u{212A}elvin"));
        assert!(!fits("ı", "i"));
        assert!(fits("I", "i"));
    }
}
