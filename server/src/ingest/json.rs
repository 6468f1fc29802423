//! Pieces of JSON text, borrowed where they can be, so that numbers keep their digits and strings
//! are copied once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tagdb_storage::limits::MEMBERS_MAX;

/// A string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The members of an object in their order, values unread.
#[derive(Debug)]
pub struct Object<'a>(pub Vec<(Text<'a>, &'a RawValue)>);

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object<'de>, A::Error> {
        let mut found = Vec::new();
        while let Some(member) = members.next_entry()? {
            if found.len() == MEMBERS_MAX {
                return Err(too_many());
            }
            found.push(member);
        }
        Ok(Object(found))
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// The strings of an array.
#[derive(Debug)]
pub struct Texts<'a>(pub Vec<Text<'a>>);

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Texts<'de>, A::Error> {
        let mut found = Vec::new();
        while let Some(element) = elements.next_element()? {
            if found.len() == MEMBERS_MAX {
                return Err(too_many());
            }
            found.push(element);
        }
        Ok(Texts(found))
    }
}

impl<'de> Deserialize<'de> for Texts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TextsVisitor)
    }
}

fn too_many<E: Error>() -> E {
    E::custom(format!("more than {MEMBERS_MAX} members"))
}

/// What kind of value a piece of JSON is, by its first character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The kind of a value.
    #[must_use]
    pub fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'"') => Self::Text,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            _ => Self::Number,
        }
    }

    /// What it is called in errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text_and_order() {
        let text = r#"{"b": 12345678901234567890.10, "a" : null, "b":[1], "é":"\u00e9"}"#;
        let Object(members) = serde_json::from_str(text).unwrap();
        let found: Vec<_> = members.iter().map(|(k, v)| (&*k.0, v.get())).collect();
        assert_eq!(
            found,
            [
                ("b", "12345678901234567890.10"),
                ("a", "null"),
                ("b", "[1]"),
                ("é", r#""\u00e9""#)
            ]
        );
        let kinds: Vec<_> = members.iter().map(|(_, v)| Kind::of(v)).collect();
        assert_eq!(kinds, [Kind::Number, Kind::Null, Kind::Array, Kind::Text]);
    }

    #[test]
    fn strings_are_borrowed_unless_escaped() {
        let Texts(found) = serde_json::from_str(r#"["a", "\n"]"#).unwrap();
        assert!(matches!(found[0].0, Cow::Borrowed("a")));
        assert_eq!(found[1].0, "\n");
        assert!(serde_json::from_str::<Texts<'_>>("[1]").is_err());
        assert!(serde_json::from_str::<Texts<'_>>("[null]").is_err());
    }

    #[test]
    fn sizes_and_depths_are_bounded() {
        let many = format!("[{}\"x\"]", "\"x\",".repeat(MEMBERS_MAX));
        assert!(serde_json::from_str::<Texts<'_>>(&many).is_err());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
        let _ = serde_json::from_str::<Object<'_>>(&deep);
    }
}
