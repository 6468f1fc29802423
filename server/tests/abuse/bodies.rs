//! JSON bodies, their types and their encodings.

use std::io::Write;

use crate::raw::{Case, Expect};
use Expect::{Code, Limit, Refused, Status};

const JSON: &str = "application/json";

/// The calls that take JSON, and a body that each takes.
const CALLS: [(&str, &str); 9] = [
    ("/v1/sql", "{\"sql\":\"SELECT count(*) FROM users\"}"),
    ("/v1/tables/users/lookup", "{\"keys\":[\"u1\"]}"),
    (
        "/v1/tables/users/match",
        "{\"keys\":[\"u1\"],\"where\":{\"a\":\"b\"}}",
    ),
    ("/v1/tables/users/portrait", "{}"),
    ("/v1/tables/users/significant", "{\"where\":\"b\"}"),
    ("/v1/tables/users/overlap", "{\"audiences\":{\"a\":\"b\"}}"),
    (
        "/v1/tables/users/membership",
        "{\"key\":\"u1\",\"where\":\"b\"}",
    ),
    ("/v1/tables/users/explain-count", "{\"where\":\"b\"}"),
    ("/v1/admin/flush", "{}"),
];

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (target, good) in CALLS {
        cases.extend(malformed(target, good));
    }
    cases.extend(packed());
    cases.extend(rows());
    cases.extend(lookups());
    cases
}

/// What no call takes.
fn malformed(target: &str, good: &str) -> Vec<Case> {
    let bad = || Code(400, "bad_parameter");
    let deep = "[".repeat(100_000);
    let objects = "{\"a\":".repeat(50_000);
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(3 << 20));
    let unknown = format!("{{\"no_such_field\":1,{}", &good[1..]);
    let mut cases = Vec::new();
    let bodies: [(&str, &[u8], Expect); 17] = [
        ("nothing", b"", bad()),
        ("a blank", b" ", bad()),
        ("NUL", b"\0", bad()),
        ("null", b"null", bad()),
        ("a number", b"1e999", bad()),
        ("an array", b"[]", bad()),
        ("text", b"\"x\"", bad()),
        ("no end", &good.as_bytes()[..good.len() - 1], bad()),
        ("two documents", b"{}{}", bad()),
        ("no UTF-8", b"{\"sql\":\"\xff\xfe\"}", bad()),
        ("an overlong character", b"{\"sql\":\"\xc0\xaf\"}", bad()),
        ("half a surrogate", b"{\"sql\":\"\\ud800\"}", bad()),
        ("a byte-order mark", b"\xef\xbb\xbf{}", bad()),
        ("100,000 brackets", deep.as_bytes(), bad()),
        ("50,000 objects in each other", objects.as_bytes(), bad()),
        ("an unknown field", unknown.as_bytes(), bad()),
        ("3 MiB", large.as_bytes(), Code(413, "body_too_large")),
    ];
    for (what, body, expect) in bodies {
        // All fields of a flush have defaults, and an array of none is taken for all of them.
        if target == "/v1/admin/flush" && what == "an array" {
            continue;
        }
        let name = format!("{target}: {what}");
        cases.push(Case::request(name, ("POST", target), JSON, body, expect));
    }
    for media in [
        "text/html",
        "application/xml",
        "application/json; charset=utf-7",
        "json",
        "*/*",
    ] {
        let name = format!("{target}: as {media}");
        let expect = Code(415, "unsupported_media_type");
        cases.push(Case::request(name, ("POST", target), media, good, expect));
    }
    cases
}

/// Compressed bodies.
fn packed() -> Vec<Case> {
    let statement = "SELECT count(*) FROM users";
    let bomb = vec![b' '; 256 << 20];
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let gzip_bomb = gzip(&bomb);
    let zstd_bomb = zstd::encode_all(&*bomb, 1).unwrap();
    let twice = gzip(&gzip_bomb);
    let mut wide = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(27).unwrap();
    wide.write_all(&bomb[..1 << 20]).unwrap();
    let wide = wide.finish().unwrap();
    let mut skippable = vec![0x50, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0xFF, 0xFF];
    skippable.extend_from_slice(b"x");
    let good = gzip(statement.as_bytes());
    let mut wrong_sum = good.clone();
    let sum = wrong_sum.len() - 6;
    wrong_sum[sum] ^= 1;
    let bad = || Code(400, "bad_parameter");
    let encoding = || Code(415, "unsupported_media_type");
    let too_large = || Code(413, "body_too_large");
    let bodies: [(&str, &str, &[u8], Expect); 18] = [
        ("a gzip bomb", "gzip", &gzip_bomb, too_large()),
        ("a zstd bomb", "zstd", &zstd_bomb, too_large()),
        ("a wide zstd window", "zstd", &wide, bad()),
        ("a skippable zstd frame of 4 GiB", "zstd", &skippable, bad()),
        ("a gzip bomb in gzip", "gzip", &twice, bad()),
        ("gzip that is none", "gzip", b"SELECT", bad()),
        ("zstd that is none", "zstd", b"SELECT", bad()),
        ("gzip cut short", "gzip", &good[..good.len() - 4], bad()),
        ("gzip with a wrong sum", "gzip", &wrong_sum, bad()),
        ("gzip of nothing", "gzip", b"", bad()),
        ("good gzip", "gzip", &good, Status(200)),
        ("br", "br", b"x", encoding()),
        ("deflate", "deflate", b"x", encoding()),
        ("gzip twice", "gzip, gzip", b"x", encoding()),
        (
            "a header twice",
            "gzip\r\ncontent-encoding: zstd",
            b"x",
            encoding(),
        ),
        ("a list of 1,000", &"gzip,".repeat(1_000), b"x", encoding()),
        ("not ASCII", "\u{e9}", b"x", encoding()),
        ("a name of blanks", "   ", statement.as_bytes(), Status(200)),
    ];
    let case = |(name, encoding, body, expect): (&str, &str, &[u8], Expect)| {
        let mut bytes = format!(
            "POST /v1/sql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: text/plain\r\ncontent-encoding: {encoding}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Case::raw(format!("encoding: {name}"), bytes, expect)
    };
    bodies.into_iter().map(case).collect()
}

/// Writes of one row.
fn rows() -> Vec<Case> {
    let members: Vec<String> = (0..70_000).map(|n| format!("\"m{n}\"")).collect();
    let members = format!("{{\"interests\":[{}]}}", members.join(","));
    let fields: String = (0..70_000).map(|n| format!(",\"f{n}\":1")).collect();
    let fields = format!("{{{}}}", &fields[1..]);
    let keyword = format!("{{\"city\":\"{}\"}}", "x".repeat(1_025));
    let deep = format!("{{\"city\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let digits = format!("{{\"n\":{}}}", "9".repeat(100_000));
    let zeros = format!("{{\"d\":0.{}1}}", "0".repeat(100_000));
    let long_text = format!("{{\"bio\":\"{}\"}}", "x".repeat((1 << 20) + 1));
    let mismatch = || Code(400, "type_mismatch");
    let overflow = || Code(400, "overflow");
    let bad = || Code(400, "bad_parameter");
    let bodies: [(&str, &str, Expect); 26] = [
        ("70,000 members", &members, Refused(400)),
        ("70,000 fields", &fields, bad()),
        ("a keyword of 1,025 bytes", &keyword, Refused(400)),
        ("a long text of more than 1 MiB", &long_text, Refused(400)),
        ("5,000 brackets", &deep, Refused(400)),
        ("100,000 digits", &digits, overflow()),
        ("100,000 zeros", &zeros, Status(200)),
        ("another key", "{\"user_id\":\"u8\"}", Code(400, "bad_key")),
        (
            "a key of another type",
            "{\"user_id\":7}",
            Code(400, "bad_key"),
        ),
        ("no such tag", "{\"none\":1}", Code(400, "unknown_tag")),
        ("a tag twice", "{\"age\":1,\"age\":2}", Refused(400)),
        (
            "a tag set and added to",
            "{\"interests\":[],\"interests+\":[\"a\"]}",
            Refused(400),
        ),
        ("adding to a number", "{\"age+\":[\"a\"]}", Refused(400)),
        ("an array for a number", "{\"age\":[1]}", mismatch()),
        ("an object for text", "{\"city\":{}}", mismatch()),
        ("a number beyond its type", "{\"age\":32768}", overflow()),
        ("1e400", "{\"f\":1e400}", overflow()),
        ("NaN", "{\"f\":NaN}", bad()),
        ("-0.0000000001", "{\"d\":-0.0000000001}", Status(200)),
        ("month 13", "{\"day\":\"2026-13-01\"}", mismatch()),
        ("year 0", "{\"day\":\"0000-01-01\"}", mismatch()),
        (
            "a leap second",
            "{\"at\":\"2026-06-30T23:59:60Z\"}",
            mismatch(),
        ),
        ("NUL in text", "{\"city\":\"a\\u0000b\"}", Status(200)),
        ("a set of numbers", "{\"interests\":[1]}", mismatch()),
        ("a map of texts", "{\"visits\":{\"a\":\"x\"}}", mismatch()),
        (
            "a map with a key twice",
            "{\"visits\":{\"a\":1,\"a\":2}}",
            Status(200),
        ),
    ];
    let case = |(name, body, expect): (&str, &str, Expect)| {
        let target = "/v1/tables/users/rows/victim";
        Case::request(
            format!("PATCH: {name}"),
            ("PATCH", target),
            JSON,
            body,
            expect,
        )
    };
    bodies.into_iter().map(case).collect()
}

/// Look-ups of many.
fn lookups() -> Vec<Case> {
    let keys = |count: usize, key: &str| {
        format!(
            "{{\"keys\":[{}{key}]}}",
            format!("{key},").repeat(count - 1)
        )
    };
    let bodies = [
        ("10,001 keys", keys(10_001, "\"u1\""), Limit("keys")),
        ("900,000 keys", keys(900_000, "1"), Limit("keys")),
        ("10,000 times one key", keys(10_000, "\"u1\""), Status(200)),
        (
            "a key of 513 bytes",
            keys(1, &format!("\"{}\"", "k".repeat(513))),
            Code(400, "bad_key"),
        ),
        (
            "a key of objects",
            keys(1, "{\"$ne\":null}"),
            Code(400, "bad_key"),
        ),
        ("a key that is null", keys(1, "null"), Code(400, "bad_key")),
        ("a key of numbers", keys(1, "1"), Code(400, "bad_key")),
        ("no keys", "{\"keys\":[]}".to_owned(), Status(200)),
        (
            "a tag that is none",
            "{\"keys\":[\"u1\"],\"tags\":[\"none\"]}".to_owned(),
            Code(400, "unknown_tag"),
        ),
        (
            "a tag twice",
            "{\"keys\":[\"u1\"],\"tags\":[\"age\",\"age\"]}".to_owned(),
            Code(400, "duplicate_column"),
        ),
    ];
    let case = |(name, body, expect): (&str, String, Expect)| {
        let target = "/v1/tables/users/lookup";
        Case::request(
            format!("look-up: {name}"),
            ("POST", target),
            JSON,
            body,
            expect,
        )
    };
    bodies.into_iter().map(case).collect()
}
