//! `POST /v1/tables/{table}/portrait` and `POST /v1/tables/{table}/significant`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Whose portrait is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortraitRequest {
    /// The audience.
    #[serde(rename = "where")]
    pub condition: String,
    /// The base that it is compared with; everybody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// The values of the parameters of both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Value>,
    /// The tags; all but LONGTEXT if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Where the buckets of numbers and dates begin, by tag, rising: an array of values each.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub buckets: Map<String, Value>,
    /// Values that are listed of a tag, at most; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<u64>,
    /// The time it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// An IANA time zone; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// What z-scores are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignificanceTest {
    /// The audience lies in the base.
    #[default]
    Hypergeometric,
    /// It does not.
    TwoProportion,
}

/// What an audience is like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortraitResponse {
    /// Subjects of the audience.
    pub audience: u64,
    /// Subjects of the base.
    pub base: u64,
    /// What z-scores are of.
    pub test: SignificanceTest,
    /// In the order asked, or of the table.
    pub tags: Vec<TagPortrait>,
}

/// What an audience is like in one tag: `values` of strings, booleans, sets and maps, else
/// `buckets`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagPortrait {
    /// The tag.
    pub tag: String,
    /// Its SQL type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether a subject can have several values, so that shares may add up to more than 1.
    pub multi: bool,
    /// Of the audience, those of whom it is known.
    pub known: u64,
    /// Their share of the audience; none if nobody is in the audience.
    pub coverage: Option<f64>,
    /// Of the base, those of whom it is known.
    pub base_known: u64,
    /// Their share of the base; none if nobody is in the base.
    pub base_coverage: Option<f64>,
    /// Most frequent in the audience first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<ValueShare>>,
    /// Values that somebody in the audience has beside those listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
    /// Over the audience; absent if nobody there has a value, and of tags without buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Rising.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Vec<BucketShare>>,
}

/// A number or date over an audience.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// The least value.
    pub min: Value,
    /// The greatest value.
    pub max: Value,
    /// Of numbers a number, of dates a date, rounded down.
    pub mean: Value,
    /// The value in the middle, or the middle of two; as `mean`.
    pub median: Value,
}

/// A share of the audience against the same of the base. Shares are of those whose tag is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Share {
    /// Subjects of the audience: k.
    pub count: u64,
    /// k / n with n the `known` of the tag; none if n is 0.
    pub share: Option<f64>,
    /// Subjects of the base: K.
    pub base_count: u64,
    /// K / N with N the `base_known` of the tag; none if N is 0.
    pub base_share: Option<f64>,
    /// 100 (k/n) / (K/N); none if n or K is 0.
    pub tgi: Option<f64>,
    /// Standard deviations off what the base lets expect; none if there is no deviation.
    pub z: Option<f64>,
}

/// A value and its share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValueShare {
    /// The value, member or key.
    pub value: Value,
    /// Its share.
    #[serde(flatten)]
    pub share: Share,
}

/// Neighbouring numbers or dates and their share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BucketShare {
    /// The least value in it; null in the first bucket.
    pub from: Value,
    /// The least value beyond it; null in the last bucket.
    pub to: Value,
    /// Their share.
    #[serde(flatten)]
    pub share: Share,
}

/// Which values set an audience apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignificantRequest {
    /// The audience.
    #[serde(rename = "where")]
    pub condition: String,
    /// The base that it is compared with; everybody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// The values of the parameters of both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Value>,
    /// The tags; all but LONGTEXT if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// As of [`PortraitRequest::buckets`].
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub buckets: Map<String, Value>,
    /// Subjects of the audience that must have a value; 3 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_support: Option<u64>,
    /// Values that are listed, at most; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<u64>,
    /// The time it may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// An IANA time zone; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// The values that set an audience apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignificantResponse {
    /// Subjects of the audience.
    pub audience: u64,
    /// Subjects of the base.
    pub base: u64,
    /// What z-scores are of.
    pub test: SignificanceTest,
    /// Highest `jlh` first; before them those that nobody of the base has.
    pub values: Vec<SignificantValue>,
    /// Others that would have been listed.
    pub more: u64,
}

/// A value whose share in the audience is above its share in the base: a `value`, or a bucket
/// `from` .. `to`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignificantValue {
    /// The tag.
    pub tag: String,
    /// The value, member or key; absent of buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The least value of a bucket; absent of values, and of the first bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The least value beyond a bucket; absent of values, and of the last bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// (p - q) (p / q), p and q being `share` and `base_share`; none if q is 0.
    pub jlh: Option<f64>,
    /// Its share.
    #[serde(flatten)]
    pub share: Share,
}
