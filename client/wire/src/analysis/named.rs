//! Conditions by name, and the values of their parameters.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Conditions by name, in their order: a JSON object. A name that comes twice is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named(pub Vec<(String, String)>);

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for Named {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(conditions: I) -> Self {
        let owned = |(name, text): (N, T)| (name.into(), text.into());
        Self(conditions.into_iter().map(owned).collect())
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, text) in &self.0 {
            map.serialize_entry(name, text)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Conditions)
    }
}

struct Conditions;

impl<'de> Visitor<'de> for Conditions {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of conditions by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some((name, text)) = map.next_entry::<String, String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("{name:?} is there twice")));
            }
            found.push((name, text));
        }
        Ok(Named(found))
    }
}

/// Values of the parameters of several conditions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum NamedParams {
    /// All conditions read one list.
    Shared(Vec<Value>),
    /// An array for each condition that has parameters, by its name.
    Each(Map<String, Value>),
}

impl Default for NamedParams {
    fn default() -> Self {
        Self::Shared(Vec::new())
    }
}

impl NamedParams {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Shared(params) => params.is_empty(),
            Self::Each(params) => params.is_empty(),
        }
    }
}
