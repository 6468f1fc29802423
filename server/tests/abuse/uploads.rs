//! Bulk writes of text.

use std::io::Write;

use crate::raw::{Case, Expect};
use Expect::{Code, Refused, Status};

const ROWS: &str = "/v1/tables/users/rows";
const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = csv();
    cases.extend(ndjson());
    cases.extend(settings());
    cases.extend(packed());
    cases
}

fn csv() -> Vec<Case> {
    let rows = || Code(422, "bad_rows");
    let wide = vec!["age"; 10_000].join(",");
    let names: Vec<String> = (0..9_000).map(|n| format!("c{n}")).collect();
    let names = names.join(",");
    let commas = format!("user_id,age\n{}\n", ",".repeat(60_000));
    let cell = format!("user_id,bio\nx,{}\n", "x".repeat(100_000));
    let quoted = format!("user_id,bio\nx,\"{}", "x\n".repeat(300_000));
    let long_name = format!("user_id,{}\nx,1\n", "n".repeat(60_000));
    let many = format!("user_id,age\n{}", "x,y\n".repeat(200_000));
    let set = format!("user_id,interests\nx,\"[{}]\"\n", "[".repeat(20_000));
    let bodies: [(&str, &[u8], Expect); 26] = [
        ("nothing", b"", Refused(400)),
        ("a line feed", b"\n", Refused(400)),
        ("no header's key", b"age\n1\n", Refused(400)),
        (
            "an unknown column",
            b"user_id,none\nx,1\n",
            Code(400, "unknown_tag"),
        ),
        (
            "a column twice",
            b"user_id,age,age\nx,1,2\n",
            Code(400, "duplicate_column"),
        ),
        ("a header without names", b",,,\n", Refused(400)),
        ("10,000 times a column", wide.as_bytes(), Refused(400)),
        ("9,000 columns", names.as_bytes(), Refused(400)),
        ("60,000 commas", commas.as_bytes(), rows()),
        (
            "a cell of 100,000 bytes",
            cell.as_bytes(),
            Code(413, "body_too_large"),
        ),
        (
            "a quote that does not end",
            quoted.as_bytes(),
            Code(413, "body_too_large"),
        ),
        (
            "a name of 60,000 bytes",
            long_name.as_bytes(),
            Code(400, "unknown_tag"),
        ),
        ("200,000 bad rows", many.as_bytes(), rows()),
        ("brackets in a cell", set.as_bytes(), rows()),
        ("NUL", b"user_id,age\n\0,\0\n", rows()),
        ("no UTF-8", b"user_id,city\nx,\xff\n", rows()),
        (
            "no UTF-8 in the header",
            b"user_id,\xff\nx,1\n",
            Refused(400),
        ),
        ("UTF-16", b"\xff\xfeu\0s\0e\0r\0", Refused(400)),
        ("text after a quote", b"user_id,city\nx,\"a\"b\n", rows()),
        ("too few cells", b"user_id,age\nx\n", rows()),
        ("too many cells", b"user_id,age\nx,1,2\n", rows()),
        ("no key", b"user_id,age\n,1\n", rows()),
        ("a formula", b"user_id,age\nx,=1+1\n", rows()),
        ("a number too large", b"user_id,age\nx,99999\n", rows()),
        ("carriage returns", b"user_id,age\rx,1\r", Status(200)),
        ("a header alone", b"user_id,age\n", Status(200)),
    ];
    let case = |(name, body, expect): (&str, &[u8], Expect)| {
        Case::request(format!("CSV: {name}"), ("POST", ROWS), CSV, body, expect)
    };
    bodies.into_iter().map(case).collect()
}

fn ndjson() -> Vec<Case> {
    let rows = || Code(422, "bad_rows");
    let line = format!("{{\"user_id\":\"x\",\"bio\":\"{}\"}}\n", "x".repeat(70_000));
    let endless = "x".repeat(1 << 20);
    let deep = format!("{{\"user_id\":\"x\",\"city\":{}}}\n", "[".repeat(30_000));
    let fields: String = (0..6_000).map(|n| format!(",\"f{n}\":1")).collect();
    let fields = format!("{{\"user_id\":\"x\"{fields}}}\n");
    let blank = "\n".repeat(1 << 20);
    let garbage: Vec<u8> = (0..60_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let bodies: [(&str, &[u8], Expect); 20] = [
        (
            "a line too long",
            line.as_bytes(),
            Code(413, "body_too_large"),
        ),
        (
            "a line of a megabyte",
            endless.as_bytes(),
            Code(413, "body_too_large"),
        ),
        ("brackets", deep.as_bytes(), rows()),
        ("6,000 unknown fields", fields.as_bytes(), rows()),
        ("a million blank lines", blank.as_bytes(), Refused(200)),
        ("garbage", &garbage, Refused(422)),
        ("null", b"null\n", rows()),
        ("an array", b"[]\n", rows()),
        ("no key", b"{}\n", rows()),
        ("a key that is null", b"{\"user_id\":null}\n", rows()),
        (
            "a key twice",
            b"{\"user_id\":\"a\",\"user_id\":\"b\"}\n",
            rows(),
        ),
        ("no UTF-8", b"{\"user_id\":\"\xff\"}\n", rows()),
        ("a lone surrogate", b"{\"user_id\":\"\\udc00\"}\n", rows()),
        ("NUL", b"\0\n", rows()),
        (
            "two objects in a line",
            b"{\"user_id\":\"a\"}{\"user_id\":\"b\"}\n",
            rows(),
        ),
        ("half an object", b"{\"user_id\":", rows()),
        ("a comment", b"// {}\n", rows()),
        (
            "a map of brackets",
            b"{\"user_id\":\"a\",\"visits\":[[[[]]]]}\n",
            rows(),
        ),
        (
            "a number of 1e9999",
            b"{\"user_id\":\"a\",\"f\":1e9999}\n",
            rows(),
        ),
        ("nothing", b"", Status(200)),
    ];
    let case = |(name, body, expect): (&str, &[u8], Expect)| {
        Case::request(
            format!("NDJSON: {name}"),
            ("POST", ROWS),
            NDJSON,
            body,
            expect,
        )
    };
    bodies.into_iter().map(case).collect()
}

/// Parameters of bulk writes.
fn settings() -> Vec<Case> {
    let bad = || Code(400, "bad_parameter");
    let tags = vec!["age"; 2_000].join(",");
    let tags = format!("mode=replace_tags&tags={tags}");
    let queries = [
        ("mode=destroy", bad()),
        ("mode=", bad()),
        ("on_error=explode", bad()),
        ("mode=upsert&mode=delete", bad()),
        ("durability=never", bad()),
        ("delimiter=%0a", bad()),
        ("delimiter=%22", bad()),
        ("delimiter=", bad()),
        ("empty=zero", bad()),
        ("tags=none&mode=replace_tags", Refused(400)),
        ("tags=user_id&mode=replace_tags", Refused(400)),
        ("mode=replace_tags", Refused(400)),
        ("tags=age", Refused(400)),
        (&tags, Refused(400)),
    ];
    let case = |(query, expect): (&str, Expect)| {
        let target = format!("{ROWS}?{query}");
        let shown: String = query.chars().take(50).collect();
        let body = "user_id,age\nx,1\n";
        Case::request(
            format!("bulk ?{shown}"),
            ("POST", &target),
            CSV,
            body,
            expect,
        )
    };
    let mut cases: Vec<Case> = queries.into_iter().map(case).collect();
    for media in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/csv; charset=utf-16",
        "x",
    ] {
        let expect = Code(415, "unsupported_media_type");
        cases.push(Case::request(
            format!("bulk as {media}"),
            ("POST", ROWS),
            media,
            "x",
            expect,
        ));
    }
    let none = "/v1/tables/none/rows";
    cases.push(Case::request(
        "bulk into none",
        ("POST", none),
        CSV,
        "a\n",
        Code(404, "not_found"),
    ));
    cases
}

/// Compressed uploads.
fn packed() -> Vec<Case> {
    let bomb = vec![b'\n'; 512 << 20];
    let zstd_bomb = zstd::encode_all(&*bomb, 1).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&bomb).unwrap();
    let gzip_bomb = encoder.finish().unwrap();
    let long_line = zstd::encode_all(&*vec![b'x'; 64 << 20], 1).unwrap();
    let too_large = || Code(413, "body_too_large");
    let large = vec![b'x'; 9 << 20];
    let sent = [
        (
            "a gzip bomb of lines",
            "gzip",
            NDJSON,
            &gzip_bomb,
            too_large(),
        ),
        (
            "a zstd bomb of lines",
            "zstd",
            NDJSON,
            &zstd_bomb,
            too_large(),
        ),
        ("a zstd bomb as CSV", "zstd", CSV, &zstd_bomb, Refused(413)),
        (
            "a packed line of 64 MiB",
            "zstd",
            NDJSON,
            &long_line,
            too_large(),
        ),
        ("9 MiB in a line", "identity", NDJSON, &large, too_large()),
    ];
    let case = |(name, encoding, media, body, expect): (&str, &str, &str, &Vec<u8>, Expect)| {
        let mut bytes = format!(
            "POST {ROWS} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: {media}\r\n\
             content-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        Case::raw(format!("bulk: {name}"), bytes, expect)
    };
    sent.into_iter().map(case).collect()
}
