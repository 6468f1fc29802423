//! Parameters of the query string and of headers: each is taken by name, and what is left over is
//! an error, so that a misspelt parameter is never passed over in silence.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use tagdb_wire::headers;

use super::error::{ApiError, ApiResult};

/// Bytes of an idempotency key.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;

/// The parameters of a query string.
#[derive(Debug)]
pub(super) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads a query string.
    pub(super) fn parse(query: &str) -> ApiResult<Self> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(ApiError::bad_parameter(format!(
                    "query parameter \"{name}\" is given twice"
                )));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let index = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.swap_remove(index).1)
    }

    /// Takes a parameter that is one of a few words.
    pub(super) fn take_word<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
    ) -> ApiResult<Option<T>> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(ApiError::bad_parameter(format!(
                    "query parameter \"{name}\" is \"{value}\"; it may be {}",
                    words.join(", ")
                )))
            }
        }
    }

    /// Takes a list of names, separated by commas.
    pub(super) fn take_names(&mut self, name: &str) -> ApiResult<Option<Vec<String>>> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let names: Vec<_> = value.split(',').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            return Err(ApiError::bad_parameter(format!(
                "query parameter \"{name}\" is a list of names separated by commas"
            )));
        }
        Ok(Some(names))
    }

    /// Refuses what was not taken.
    pub(super) fn finish(self) -> ApiResult<()> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::bad_parameter(format!(
                "unknown query parameter \"{name}\""
            ))),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> ApiResult<Self> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

/// For paths that take no parameters.
#[derive(Debug)]
pub(super) struct NoParams;

impl<S: Sync> FromRequestParts<S> for NoParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        Params::from_request_parts(parts, state).await?.finish()?;
        Ok(Self)
    }
}

/// Percent-decodes one piece of a query string, where `+` is a blank.
fn decode(piece: &str) -> ApiResult<String> {
    let mut decoded = Vec::with_capacity(piece.len());
    let mut bytes = piece.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (
                bytes.next().and_then(hex_digit),
                bytes.next().and_then(hex_digit),
            ) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => {
                    return Err(ApiError::bad_parameter(
                        "a percent sign in the query string is not followed by two hex digits",
                    ));
                }
            },
            other => other,
        });
    }
    String::from_utf8(decoded)
        .map_err(|_| ApiError::bad_parameter("the query string is not UTF-8 text"))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// The idempotency key of a request.
pub(super) fn idempotency_key(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(value) = single(headers, headers::IDEMPOTENCY_KEY)? else {
        return Ok(None);
    };
    let well_formed = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&value.len())
        && value.bytes().all(|byte| (0x20..0x7F).contains(&byte));
    if !well_formed {
        return Err(ApiError::bad_parameter(
            "Idempotency-Key takes 1 to 128 printable ASCII characters",
        ));
    }
    Ok(Some(value.to_owned()))
}

/// The token of the state that a read must see at least.
pub(super) fn at_least(headers: &HeaderMap) -> ApiResult<Option<&str>> {
    single(headers, headers::AT_LEAST)
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> ApiResult<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ApiError::bad_parameter(format!(
            "header {name} is given twice"
        )));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| ApiError::bad_parameter(format!("header {name} is not ASCII text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let mut params = Params::parse("a=1+2%2B3&&b&c=%C3%A9%26").unwrap();
        assert_eq!(params.take("a").as_deref(), Some("1 2+3"));
        assert_eq!(params.take("b").as_deref(), Some(""));
        assert_eq!(params.take("c").as_deref(), Some("é&"));
        assert_eq!(params.take("d"), None);
        params.finish().unwrap();
    }

    #[test]
    fn nothing_is_passed_over() {
        let mut params = Params::parse("tags=a,b&tag=c").unwrap();
        assert_eq!(
            params.take_names("tags").unwrap(),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        let error = params.finish().unwrap_err();
        assert_eq!(error.code(), "bad_parameter");
        assert!(error.detail().contains("\"tag\""));
    }

    #[test]
    fn malformed_queries_are_refused() {
        for query in ["a=%", "a=%4", "a=%zz", "a=%FF", "%C3=1", "a=1&a=2"] {
            assert!(Params::parse(query).is_err(), "{query}");
        }
        for query in ["tags=", "tags=a,,b", "tags=,"] {
            let mut params = Params::parse(query).unwrap();
            assert!(params.take_names("tags").is_err(), "{query}");
        }
    }

    #[test]
    fn words_name_their_choices() {
        let words = [("fail", 1), ("skip", 2)];
        let mut params = Params::parse("on_error=skip").unwrap();
        assert_eq!(params.take_word("on_error", &words).unwrap(), Some(2));
        assert_eq!(params.take_word("on_error", &words).unwrap(), None);
        let mut params = Params::parse("on_error=Skip").unwrap();
        let error = params.take_word("on_error", &words).unwrap_err();
        assert!(error.detail().contains("fail, skip"));
    }

    #[test]
    fn idempotency_keys_are_checked() {
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(headers::IDEMPOTENCY_KEY, value.parse().unwrap());
            headers
        };
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        assert!(idempotency_key(&headers("k 1")).unwrap().is_some());
        assert!(idempotency_key(&headers(&"k".repeat(128))).is_ok());
        assert!(idempotency_key(&headers(&"k".repeat(129))).is_err());
        assert!(idempotency_key(&headers("")).is_err());
        assert!(idempotency_key(&headers("a\tb")).is_err());
    }
}
