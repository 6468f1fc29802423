//! Bodies of requests: their type, their encoding, and how much of them is taken.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use tagdb_query::{MemoryPool, Reserved};

use super::error::{ApiError, ApiResult};
use super::held;
use super::pace::Pace;

/// The window of zstd frames, as a power of two: 8 MiB, what level 19 uses. It bounds the memory
/// that a request can ask for.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// What a body and all that is made of it take, against its bytes: a number of two bytes in JSON
/// becomes a value of some 80.
const MADE_FACTOR: usize = 40;
/// Bytes decompressed at a time.
const READ_BYTES: u64 = 64 << 10;
/// Bytes of a refused body that are still read, so that the client gets to read the answer.
const DRAIN_BYTES_MAX: usize = 16 << 20;
/// Time for that.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all.
    Identity,
    /// gzip, also several members in a row.
    Gzip,
    /// zstd frames.
    Zstd,
}

/// The media type of a body without its parameters, in lower case; the character set must be
/// UTF-8.
pub(super) fn media_type(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(None);
    };
    let unusable = |what: &str| ApiError::new("unsupported_media_type", what);
    let value = value
        .to_str()
        .map_err(|_| unusable("header Content-Type is not ASCII text"))?;
    let mut pieces = value.split(';').map(str::trim);
    let media = pieces.next().unwrap_or_default().to_ascii_lowercase();
    let charset = pieces
        .filter_map(|piece| piece.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"').to_ascii_lowercase());
    match charset.as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(Some(media)),
        Some(other) => Err(unusable(&format!(
            "the body's character set is {other}; send UTF-8"
        ))),
    }
}

/// Refuses a body of another type than those named.
pub(super) fn wrong_type(found: Option<&str>, expected: &str) -> ApiError {
    let found = found.map_or_else(
        || "the request has no Content-Type".to_owned(),
        |media| format!("Content-Type {media} is not taken here"),
    );
    ApiError::new(
        "unsupported_media_type",
        format!("{found}; send {expected}"),
    )
}

/// How a body is compressed, by its header.
pub(super) fn encoding(headers: &HeaderMap) -> ApiResult<Encoding> {
    let refused = |what: &str| {
        ApiError::new(
            "unsupported_media_type",
            format!("Content-Encoding {what} is not taken here; send gzip or zstd, or none"),
        )
    };
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(value) = values.next() else {
        return Ok(Encoding::Identity);
    };
    if values.next().is_some() {
        return Err(refused("given twice"));
    }
    let value = value.to_str().map_err(|_| refused("not in ASCII"))?;
    match value.trim().to_ascii_lowercase().as_str() {
        "identity" | "" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        "zstd" => Ok(Encoding::Zstd),
        other => Err(refused(other)),
    }
}

/// The error of a body that is larger than it may be.
pub(super) fn too_large(bytes_max: u64) -> ApiError {
    ApiError::new(
        "body_too_large",
        format!("the body is larger than {bytes_max} bytes, decompressed"),
    )
}

/// The error of a body that does not come in time.
pub(super) fn too_slow() -> ApiError {
    ApiError::new("timeout", "the request's body came too slowly")
}

/// The next piece of a body; none at its proper end.
pub(super) async fn next_piece(body: &mut Body, timeout: Duration) -> ApiResult<Option<Bytes>> {
    loop {
        let frame = tokio::time::timeout(timeout, body.frame())
            .await
            .map_err(|_| too_slow())?;
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => {
                let detail = format!("the request's body was cut short: {error}");
                return Err(ApiError::bad_parameter(detail));
            }
        }
    }
}

/// How much of a body is taken, how long it may take, and whose memory it takes.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) bytes_max: u64,
    /// For each piece; the whole has to keep its pace.
    pub(super) timeout: Duration,
    pub(super) memory: Arc<MemoryPool>,
}

/// A whole body in memory, decompressed. It counts against the memory of all requests, with what
/// is made of it, for as long as the bytes are there.
pub(super) async fn collect(
    headers: &HeaderMap,
    mut body: Body,
    bounds: &Bounds,
) -> ApiResult<Bytes> {
    let encoding = encoding(headers)?;
    let bytes_max = bounds.bytes_max;
    let mut reserved = Reserved::new(Arc::clone(&bounds.memory));
    let mut pace = Pace::default();
    let mut bytes = Vec::new();
    while let Some(piece) = pace.next_piece(&mut body, bounds.timeout).await? {
        if (bytes.len() + piece.len()) as u64 > bytes_max {
            drain(&mut body).await;
            return Err(too_large(bytes_max));
        }
        reserved.grow_to((bytes.len() + piece.len()) * MADE_FACTOR)?;
        bytes.extend_from_slice(&piece);
    }
    if encoding == Encoding::Identity {
        return Ok(held::body(bytes, reserved));
    }
    let decompressed = tokio::task::spawn_blocking(move || {
        let source = decoded(encoding, io::Cursor::new(bytes), bytes_max)?;
        read_whole(source, reserved)
    });
    match decompressed.await {
        Ok(done) => done,
        Err(_) => Err(ApiError::internal("the decompression panicked")),
    }
}

fn read_whole(mut source: impl Read, mut reserved: Reserved) -> ApiResult<Bytes> {
    let mut whole = Vec::new();
    while (&mut source).take(READ_BYTES).read_to_end(&mut whole)? > 0 {
        reserved.grow_to(whole.len() * MADE_FACTOR)?;
    }
    Ok(held::body(whole, reserved))
}

/// Reads on for a while: closing a connection with unread bytes resets it, and the client may then
/// not see the answer.
pub(super) async fn drain(body: &mut Body) {
    let mut left = DRAIN_BYTES_MAX;
    let reading = async {
        while let Ok(Some(piece)) = next_piece(body, DRAIN_TIME).await {
            match left.checked_sub(piece.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whether it came to the end makes no difference.
    let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
}

/// A reader of the decompressed bytes, which fails beyond `bytes_max` of them.
pub(super) fn decoded<'a>(
    encoding: Encoding,
    source: impl Read + Send + 'a,
    bytes_max: u64,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    let inner: Box<dyn Read + Send + 'a> = match encoding {
        Encoding::Identity => Box::new(source),
        Encoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(source)),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(source)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    };
    Ok(Box::new(Limited {
        inner,
        left: bytes_max,
        bytes_max,
    }))
}

/// Fails where more is read than allowed.
struct Limited<R> {
    inner: R,
    left: u64,
    bytes_max: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => Err(io::Error::other(too_large(self.bytes_max))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn header(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    async fn read(encoding: &str, bytes: Vec<u8>, bytes_max: u64) -> ApiResult<Bytes> {
        let bounds = Bounds {
            bytes_max,
            timeout: TIMEOUT,
            memory: Arc::new(MemoryPool::new(1 << 30)),
        };
        read_within(encoding, bytes, &bounds).await
    }

    async fn read_within(encoding: &str, bytes: Vec<u8>, bounds: &Bounds) -> ApiResult<Bytes> {
        let headers = header(header::CONTENT_ENCODING, encoding);
        collect(&headers, Body::from(bytes), bounds).await
    }

    #[tokio::test]
    async fn bodies_count_against_the_memory_of_all_requests() {
        let bounds = Bounds {
            bytes_max: 1 << 20,
            timeout: TIMEOUT,
            memory: Arc::new(MemoryPool::new(100_000 * MADE_FACTOR)),
        };
        let text = vec![b'x'; 60_000];
        for (encoding, bytes) in [("identity", text.clone()), ("gzip", gzip(&text))] {
            let first = read_within(encoding, bytes.clone(), &bounds).await.unwrap();
            assert_eq!(bounds.memory.used(), text.len() * MADE_FACTOR, "{encoding}");
            let second = read_within(encoding, bytes, &bounds).await.unwrap_err();
            assert_eq!(second.code(), "overloaded", "{encoding}");
            drop(first);
            assert_eq!(bounds.memory.used(), 0);
        }
    }

    #[tokio::test]
    async fn bodies_are_decompressed() {
        let text = b"hello ".repeat(1000);
        let zstd = zstd::encode_all(&*text, 19).unwrap();
        let mut two_members = gzip(&text[..600]);
        two_members.extend(gzip(&text[600..]));
        for (encoding, bytes) in [
            ("identity", text.clone()),
            ("gzip", gzip(&text)),
            ("GZIP", two_members),
            ("zstd", zstd),
        ] {
            assert_eq!(
                read(encoding, bytes, 6000).await.unwrap(),
                text,
                "{encoding}"
            );
        }
    }

    #[tokio::test]
    async fn limits_count_decompressed_bytes() {
        let bomb = vec![0; 1 << 20];
        for (encoding, bytes) in [
            ("identity", bomb.clone()),
            ("gzip", gzip(&bomb)),
            ("zstd", zstd::encode_all(&*bomb, 1).unwrap()),
        ] {
            let error = read(encoding, bytes.clone(), (1 << 20) - 1)
                .await
                .unwrap_err();
            assert_eq!(error.code(), "body_too_large", "{encoding}");
            assert!(read(encoding, bytes, 1 << 20).await.is_ok(), "{encoding}");
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_is_not_waited_for() {
        let stopped = futures_util::stream::pending::<io::Result<Bytes>>();
        let timeout = Duration::from_millis(10);
        let body = Body::from_stream(stopped);
        let bounds = Bounds {
            bytes_max: 1 << 20,
            timeout,
            memory: Arc::new(MemoryPool::new(1 << 30)),
        };
        let error = collect(&HeaderMap::new(), body, &bounds).await;
        assert_eq!(error.unwrap_err().code(), "timeout");
    }

    #[tokio::test]
    async fn damaged_compression_is_the_clients_fault() {
        let whole = gzip(b"some text that is long enough");
        for (encoding, bytes) in [
            ("gzip", whole[..whole.len() - 9].to_vec()),
            ("gzip", b"not gzip".to_vec()),
            ("zstd", b"not zstd".to_vec()),
            (
                "zstd",
                zstd::encode_all(&b"text"[..], 1).unwrap()[..8].to_vec(),
            ),
        ] {
            let error = read(encoding, bytes, 1000).await.unwrap_err();
            assert_eq!(error.code(), "bad_parameter", "{encoding}: {error}");
        }
        let error = read("br", Vec::new(), 1000).await.unwrap_err();
        assert_eq!(error.code(), "unsupported_media_type");
    }

    #[tokio::test]
    async fn a_wide_zstd_window_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&[7; 100]).unwrap();
        let bytes = encoder.finish().unwrap();
        assert!(read("zstd", bytes, 1000).await.is_err());
    }

    #[test]
    fn media_types_lose_their_parameters() {
        let of = |value: &str| media_type(&header(header::CONTENT_TYPE, value));
        assert_eq!(media_type(&HeaderMap::new()).unwrap(), None);
        assert_eq!(of("Text/CSV; charset=UTF-8").unwrap().unwrap(), "text/csv");
        assert_eq!(of("text/csv;header=present").unwrap().unwrap(), "text/csv");
        let error = of("text/plain; charset=latin1").unwrap_err();
        assert_eq!(error.code(), "unsupported_media_type");
    }
}
