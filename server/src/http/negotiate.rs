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
    /// Record batches.
    Arrow,
    /// A bitmap of 32-bit numbers.
    Roaring,
    /// A bitmap of 64-bit numbers.
    Roaring64,
}

/// Formats in the order of preference, with their names in `?format=` and their media types.
const FORMATS: &[(Format, &str, &str)] = &[
    (Format::Json, "json", media::JSON),
    (Format::NdJson, "ndjson", media::NDJSON),
    (Format::Csv, "csv", media::CSV),
    (Format::Arrow, "arrow", media::ARROW),
    (Format::Roaring, "roaring", media::ROARING),
    (Format::Roaring64, "roaring64", media::ROARING64),
];

impl Format {
    /// The media type, with the character set where it is text.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => media::JSON,
            Self::NdJson => media::NDJSON,
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Arrow => media::ARROW,
            Self::Roaring => media::ROARING,
            Self::Roaring64 => media::ROARING64,
        }
    }
}

/// The format of an answer.
pub(super) fn format(parameter: Option<&str>, headers: &HeaderMap) -> ApiResult<Format> {
    if let Some(name) = parameter {
        return named(name);
    }
    let accepted = accepted(headers)?;
    if accepted.is_empty() {
        return Ok(Format::Json);
    }
    best(&accepted, FORMATS).ok_or_else(refusal)
}

/// Whether an answer that is JSON or Arrow is wanted as Arrow.
pub(super) fn prefers_arrow(headers: &HeaderMap) -> ApiResult<bool> {
    let offered = [FORMATS[0], FORMATS[3]];
    Ok(best(&accepted(headers)?, &offered) == Some(Format::Arrow))
}

fn accepted(headers: &HeaderMap) -> ApiResult<Vec<Range>> {
    let mut accepted = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        let text = value
            .to_str()
            .map_err(|_| ApiError::bad_parameter("header Accept is not ASCII text"))?;
        accepted.extend(text.split(',').filter_map(Range::parse));
    }
    Ok(accepted)
}

fn named(name: &str) -> ApiResult<Format> {
    if let Some((format, _, _)) = FORMATS.iter().find(|(_, known, _)| *known == name) {
        return Ok(*format);
    }
    if name == "parquet" {
        return Err(ApiError::unsupported(
            "the format parquet (tagdb export writes such files from arrow)",
        ));
    }
    let known: Vec<_> = FORMATS.iter().map(|(_, known, _)| *known).collect();
    Err(ApiError::bad_parameter(format!(
        "query parameter \"format\" is \"{name}\"; it may be {}",
        known.join(", ")
    )))
}

fn best(accepted: &[Range], offered: &[(Format, &str, &str)]) -> Option<Format> {
    let mut best: Option<(u16, Format)> = None;
    for (format, _, media) in offered {
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

fn refusal() -> ApiError {
    let offered: Vec<_> = FORMATS.iter().map(|(_, _, media)| *media).collect();
    ApiError::new(
        "not_acceptable",
        format!(
            "none of the accepted formats is offered; there are {}",
            offered.join(", ")
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
                Format::Arrow,
            ),
            ("application/vnd.roaring64", Format::Roaring64),
            ("application/vnd.roaring, */*;q=0.5", Format::Roaring),
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
            "application/vnd.apache.parquet",
            "image/*",
        ] {
            assert_eq!(
                accept(value).unwrap_err().code(),
                "not_acceptable",
                "{value}"
            );
        }
    }

    #[test]
    fn look_ups_are_json_unless_arrow_is_preferred() {
        for (value, expected) in [
            ("application/vnd.apache.arrow.stream", true),
            ("application/vnd.apache.arrow.stream, */*;q=0.1", true),
            (
                "application/vnd.apache.arrow.stream;q=0.5, application/json",
                false,
            ),
            ("*/*", false),
            ("text/csv", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, value.parse().unwrap());
            assert_eq!(prefers_arrow(&headers).unwrap(), expected, "{value}");
        }
        assert!(!prefers_arrow(&HeaderMap::new()).unwrap());
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
        assert_eq!(format(Some("arrow"), &headers).unwrap(), Format::Arrow);
        assert_eq!(
            format(Some("parquet"), &headers).unwrap_err().code(),
            "unsupported"
        );
        assert_eq!(
            format(Some("xml"), &headers).unwrap_err().code(),
            "bad_parameter"
        );
    }
}
