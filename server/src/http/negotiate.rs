//! Which format an answer takes: `?format=` decides, or else the best q-value of `Accept`.

use axum::http::{HeaderMap, header};
use tagdb_wire::media;

use super::error::{ApiError, ApiResult};

/// A format of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One document.
    Json,
    /// An object a row.
    NdJson,
    /// A header and a line a row.
    Csv,
}

/// Formats in the order of preference, with their names in `?format=` and their media types.
const FORMATS: &[(Format, &str, &str)] = &[
    (Format::Json, "json", media::JSON),
    (Format::NdJson, "ndjson", media::NDJSON),
    (Format::Csv, "csv", media::CSV),
];

/// Formats that are known, but not offered in this release.
const LATER: &[(&str, &str)] = &[
    ("arrow", "application/vnd.apache.arrow.stream"),
    ("parquet", "application/vnd.apache.parquet"),
    ("roaring", "application/vnd.roaring"),
    ("roaring64", "application/vnd.roaring64"),
];

impl Format {
    /// The media type, with the character set where it is text.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => media::JSON,
            Self::NdJson => media::NDJSON,
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// The format of an answer.
pub(super) fn format(parameter: Option<&str>, headers: &HeaderMap) -> ApiResult<Format> {
    if let Some(name) = parameter {
        return named(name);
    }
    let mut accepted = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        let text = value
            .to_str()
            .map_err(|_| ApiError::bad_parameter("header Accept is not ASCII text"))?;
        accepted.extend(text.split(',').filter_map(Range::parse));
    }
    if accepted.is_empty() {
        return Ok(Format::Json);
    }
    best(&accepted).ok_or_else(|| refusal(&accepted))
}

fn named(name: &str) -> ApiResult<Format> {
    if let Some((format, _, _)) = FORMATS.iter().find(|(_, known, _)| *known == name) {
        return Ok(*format);
    }
    if LATER.iter().any(|(known, _)| *known == name) {
        return Err(ApiError::unsupported(&format!("the format {name}")));
    }
    Err(ApiError::bad_parameter(format!(
        "query parameter \"format\" is \"{name}\"; it may be json, ndjson, csv"
    )))
}

fn best(accepted: &[Range]) -> Option<Format> {
    let mut best: Option<(u16, Format)> = None;
    for (format, _, media) in FORMATS {
        // The most specific range that fits a type decides its weight.
        let Some(range) = accepted
            .iter()
            .filter(|range| range.fits(media))
            .max_by_key(|range| range.specificity())
        else {
            continue;
        };
        if range.weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((range.weight, *format));
        }
    }
    best.map(|(_, format)| format)
}

fn refusal(accepted: &[Range]) -> ApiError {
    let later = LATER
        .iter()
        .find(|(_, media)| accepted.iter().any(|range| range.media == *media));
    let detail = match later {
        Some((name, _)) => format!("the format {name} is not offered in this release"),
        None => "none of the accepted formats is offered".to_owned(),
    };
    ApiError::new(
        "not_acceptable",
        format!(
            "{detail}; there are {}, {} and {}",
            media::JSON,
            media::NDJSON,
            media::CSV
        ),
    )
}

/// One media range of an Accept header.
#[derive(Debug)]
struct Range {
    media: String,
    /// Thousandths.
    weight: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut pieces = text.split(';').map(str::trim);
        let media = pieces.next()?.to_ascii_lowercase();
        if !media.contains('/') {
            return None;
        }
        let weight = pieces
            .filter_map(|piece| piece.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(Some(1000), |(_, value)| parse_weight(value.trim()))?;
        Some(Self { media, weight })
    }

    fn fits(&self, media: &str) -> bool {
        self.media == "*/*"
            || self.media == media
            || self
                .media
                .strip_suffix('*')
                .is_some_and(|prefix| prefix.ends_with('/') && media.starts_with(prefix))
    }

    fn specificity(&self) -> u8 {
        match self.media.as_str() {
            "*/*" => 0,
            media if media.ends_with("/*") => 1,
            _ => 2,
        }
    }
}

/// Reads `0.8` as 800; no more than three digits after the point.
fn parse_weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> ApiResult<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, value.parse().unwrap());
        format(None, &headers)
    }

    #[test]
    fn the_best_weight_wins() {
        for (value, expected) in [
            ("*/*", Format::Json),
            ("text/csv", Format::Csv),
            ("TEXT/CSV", Format::Csv),
            ("text/*", Format::Csv),
            ("application/*", Format::Json),
            ("application/x-ndjson, */*;q=0.1", Format::NdJson),
            ("application/json;q=0.5, text/csv;q=0.501", Format::Csv),
            ("application/json;q=0.5, text/csv;q=0.5", Format::Json),
            ("*/*, application/json;q=0", Format::NdJson),
            ("application/*;q=0, */*;q=0.2", Format::Csv),
            ("text/html, application/json;q=0.1", Format::Json),
            ("application/json; charset=utf-8; q=1.000", Format::Json),
            (
                "application/vnd.apache.arrow.stream, text/csv;q=0.2",
                Format::Csv,
            ),
        ] {
            assert_eq!(accept(value).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused() {
        for value in [
            "text/html",
            "application/json;q=0",
            "*/*;q=0",
            "application/vnd.apache.arrow.stream",
            "image/*",
        ] {
            assert_eq!(
                accept(value).unwrap_err().code(),
                "not_acceptable",
                "{value}"
            );
        }
        assert!(
            accept("application/vnd.roaring")
                .unwrap_err()
                .detail()
                .contains("roaring")
        );
    }

    #[test]
    fn malformed_ranges_do_not_count() {
        for value in [
            "",
            "nonsense",
            "text/csv;q=2",
            "text/csv;q=0.1234",
            "text/csv;q=x",
        ] {
            assert_eq!(accept(value).unwrap(), Format::Json, "{value}");
        }
    }

    #[test]
    fn the_parameter_decides() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, "application/json".parse().unwrap());
        assert_eq!(format(Some("csv"), &headers).unwrap(), Format::Csv);
        assert_eq!(format(Some("ndjson"), &headers).unwrap(), Format::NdJson);
        assert_eq!(
            format(Some("arrow"), &headers).unwrap_err().code(),
            "unsupported"
        );
        assert_eq!(
            format(Some("xml"), &headers).unwrap_err().code(),
            "bad_parameter"
        );
    }
}
