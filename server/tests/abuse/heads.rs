//! Request lines and headers.

use crate::raw::{Case, Expect};
use Expect::{Closed, Code, Refused, Status};

const CLOSE: &str = "host: localhost\r\nconnection: close\r\n";

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = lines();
    cases.extend(headers());
    cases.extend(framing());
    cases.extend(methods());
    cases.extend(many());
    cases
}

/// Request lines.
#[expect(clippy::too_many_lines, reason = "a table")]
fn lines() -> Vec<Case> {
    let lines: [(&str, &[u8], Expect); 36] = [
        ("nothing but an end of line", b"\r\n\r\n", Closed),
        (
            "a TLS hello",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            Refused(400),
        ),
        (
            "an HTTP/2 preface",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            Refused(505),
        ),
        ("an SSH hello", b"SSH-2.0-OpenSSH_9.6\r\n", Refused(400)),
        (
            "a PostgreSQL start",
            b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
            Refused(400),
        ),
        ("a Redis command", b"*1\r\n$4\r\nPING\r\n\r\n", Refused(400)),
        ("a method alone", b"GET\r\n\r\n", Refused(400)),
        ("no version", b"GET /healthz\r\n\r\n", Refused(400)),
        ("HTTP/0.9", b"GET /\r\n", Refused(400)),
        ("HTTP/9.9", b"GET / HTTP/9.9\r\n\r\n", Refused(400)),
        ("HTTP/1.10", b"GET / HTTP/1.10\r\n\r\n", Refused(400)),
        (
            "a version in small letters",
            b"GET / http/1.1\r\n\r\n",
            Refused(400),
        ),
        (
            "two blanks",
            b"GET  /healthz HTTP/1.1\r\n\r\n",
            Refused(400),
        ),
        (
            "a blank first",
            b" GET /healthz HTTP/1.1\r\n\r\n",
            Refused(400),
        ),
        (
            "tabulators",
            b"GET\t/healthz\tHTTP/1.1\r\n\r\n",
            Refused(400),
        ),
        (
            "a blank at the end",
            b"GET /healthz HTTP/1.1 \r\n\r\n",
            Refused(400),
        ),
        (
            "NUL in the target",
            b"GET /he\0althz HTTP/1.1\r\n\r\n",
            Refused(400),
        ),
        (
            "a carriage return in the target",
            b"GET /a\rb HTTP/1.1\r\n\r\n",
            Refused(400),
        ),
        (
            "a bell in the method",
            b"G\x07T / HTTP/1.1\r\n\r\n",
            Refused(400),
        ),
        (
            "bytes beyond ASCII as method",
            b"G\xffT / HTTP/1.1\r\n\r\n",
            Refused(400),
        ),
        (
            "a target without a slash",
            b"GET healthz HTTP/1.1\r\n\r\n",
            Refused(404),
        ),
        ("an empty target", b"GET  HTTP/1.1\r\n\r\n", Refused(400)),
        (
            "a header that folds",
            b"GET / HTTP/1.1\r\nhost: localhost\r\n folded\r\n\r\n",
            Refused(400),
        ),
        (
            "a header without a colon",
            b"GET / HTTP/1.1\r\nhost localhost\r\n\r\n",
            Refused(400),
        ),
        (
            "a header without a name",
            b"GET / HTTP/1.1\r\n: x\r\n\r\n",
            Refused(400),
        ),
        (
            "a blank before the colon",
            b"GET / HTTP/1.1\r\nhost : localhost\r\n\r\n",
            Refused(400),
        ),
        (
            "NUL in a header",
            b"GET / HTTP/1.1\r\nx: a\0b\r\n\r\n",
            Refused(400),
        ),
        (
            "NUL in a name",
            b"GET / HTTP/1.1\r\nx\0: a\r\n\r\n",
            Refused(400),
        ),
        (
            "a name with a blank",
            b"GET / HTTP/1.1\r\nx y: a\r\n\r\n",
            Refused(400),
        ),
        (
            "a name beyond ASCII",
            b"GET / HTTP/1.1\r\n\xc3\xa9: a\r\n\r\n",
            Refused(400),
        ),
        (
            "a bell in a value",
            b"GET / HTTP/1.1\r\nx: \x07\r\n\r\n",
            Refused(400),
        ),
        (
            "a bare carriage return in a value",
            b"GET / HTTP/1.1\r\nx: a\rb\r\n\r\n",
            Refused(400),
        ),
        ("only line feeds", b"\n\n\n\n\n\n", Closed),
        ("half a request line", b"GET /heal", Refused(408)),
        (
            "half a header",
            b"GET /healthz HTTP/1.1\r\nhost: lo",
            Refused(408),
        ),
        (
            "a head that does not end",
            b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n",
            Refused(408),
        ),
    ];
    let case = |(name, bytes, expect): (&str, &[u8], Expect)| Case {
        half_close: true,
        ..Case::raw(name, bytes, expect)
    };
    lines.into_iter().map(case).collect()
}

/// Headers of well-formed requests.
#[expect(clippy::too_many_lines, reason = "a table")]
fn headers() -> Vec<Case> {
    let long = "x".repeat(70_000);
    let id = "i".repeat(65);
    let key = "k".repeat(129);
    let headers = [
        ("origin: http://evil.example", Code(403, "forbidden")),
        ("origin: null", Code(403, "forbidden")),
        ("origin: \u{e9}", Code(403, "forbidden")),
        ("tagdb-at-least: nonsense", Code(400, "bad_parameter")),
        ("tagdb-at-least: ", Code(400, "bad_parameter")),
        (
            "tagdb-at-least: ffffffffffffffffffffffffffffffff",
            Code(400, "bad_parameter"),
        ),
        (
            "tagdb-at-least: a\r\ntagdb-at-least: b",
            Code(400, "bad_parameter"),
        ),
        ("tagdb-at-least: \u{e9}", Code(400, "bad_parameter")),
        ("expect: 200-maybe", Status(200)),
        ("x-request-id: a b\"<script>", Status(200)),
        (
            "upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__",
            Status(200),
        ),
        ("upgrade: websocket\r\nsec-websocket-key: eA==", Status(200)),
        ("range: bytes=0-18446744073709551615", Status(200)),
        ("cookie: a=b; a=c; =; ;;", Status(200)),
        ("accept: \u{e9}/\u{e9}", Status(200)),
        ("accept-encoding: gzip;q=-1", Status(200)),
        (
            "x-forwarded-for: 127.0.0.1\r\nx-original-url: /v1/admin/flush",
            Status(200),
        ),
    ];
    let target = "/v1/tables/users/rows/u7";
    let mut cases: Vec<Case> = headers
        .into_iter()
        .map(|(header, expect)| {
            let bytes = format!("GET {target} HTTP/1.1\r\n{header}\r\n{CLOSE}\r\n");
            Case::raw(header, bytes, expect)
        })
        .collect();
    cases.push(Case::raw(
        "a header of 70,000 bytes",
        format!("GET {target} HTTP/1.1\r\nx: {long}\r\n{CLOSE}\r\n"),
        Refused(431),
    ));
    cases.push(Case::raw(
        "a target of 70,000 bytes",
        format!("GET /{long} HTTP/1.1\r\n{CLOSE}\r\n"),
        Refused(431),
    ));
    cases.push(Case::raw(
        "a request id of 65 bytes",
        format!("GET {target} HTTP/1.1\r\nx-request-id: {id}\r\n{CLOSE}\r\n"),
        Status(200),
    ));
    for (name, value) in [
        ("129 bytes", &*key),
        ("no bytes", ""),
        ("beyond ASCII", "\u{e9}"),
    ] {
        let bytes = format!(
            "DELETE /v1/tables/users/rows/nobody HTTP/1.1\r\nidempotency-key: {value}\r\n{CLOSE}\r\n"
        );
        let name = format!("an idempotency key of {name}");
        cases.push(Case::raw(name, bytes, Code(400, "bad_parameter")));
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "a@b",
        "",
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let name = format!("host {host:?}");
        cases.push(Case::raw(name, bytes, Code(403, "forbidden")));
    }
    cases
}

/// Where one request ends and the next begins: what smugglers lie about.
#[expect(clippy::too_many_lines, reason = "a table")]
fn framing() -> Vec<Case> {
    let hidden = "GET /v1/tables/hidden HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let lengths = [
        "content-length: -1",
        "content-length: +5",
        "content-length: 5, 6",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 0x5",
        "content-length: 5 5",
        "content-length: 18446744073709551616",
        "content-length: 99999999999999999999999999999999999",
        "content-length: five",
        "content-length: ",
        "transfer-encoding: chunked\r\ncontent-length: x",
        "transfer-encoding: gzip",
        "transfer-encoding: identity",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: \"chunked\"",
    ];
    let head = "POST /v1/sql HTTP/1.1\r\ncontent-type: text/plain\r\nhost: localhost\r\n";
    let mut cases: Vec<Case> = lengths
        .into_iter()
        .map(|header| {
            let bytes = format!("{head}{header}\r\n\r\n{hidden}");
            Case {
                half_close: true,
                ..Case::raw(header, bytes, Refused(400))
            }
        })
        .collect();
    let chunks = [
        ("a negative chunk", "-5\r\nhello\r\n0\r\n\r\n"),
        ("a chunk of no hex digits", "xyz\r\nhello\r\n0\r\n\r\n"),
        (
            "a chunk of 2^64 bytes",
            "10000000000000000\r\nhello\r\n0\r\n\r\n",
        ),
        ("a chunk without an end", "ffffffff\r\nhello"),
        ("a chunk longer than it says", "2\r\nhello\r\n0\r\n\r\n"),
        ("a blank before a chunk's size", " 5\r\nhello\r\n0\r\n\r\n"),
        ("a chunk's size after 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("only a line feed after a size", "5\nhello\r\n0\r\n\r\n"),
        ("no last chunk", "5\r\nhello\r\n"),
        ("a NUL as a size", "\0\r\nhello\r\n0\r\n\r\n"),
    ];
    for (name, chunks) in chunks {
        let bytes = format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}");
        cases.push(Case {
            half_close: true,
            ..Case::raw(name, bytes, Refused(400))
        });
    }
    let both = format!(
        "{head}content-length: 4\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         0\r\n\r\n{hidden}"
    );
    // The chunks count, so the statement is empty; what follows is no request.
    cases.push(Case::raw("both a length and chunks", both, Refused(400)));
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a=b;".repeat(20_000));
    cases.push(Case::raw(
        "80,000 bytes of a chunk's extensions",
        format!("{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{extension}"),
        Refused(400),
    ));
    let trailers = format!("0\r\n{}\r\n", "x: y\r\n".repeat(20_000));
    cases.push(Case::raw(
        "20,000 trailers",
        format!("{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{trailers}"),
        Refused(400),
    ));
    cases.push(Case::raw(
        "3 bytes of 10",
        format!("{head}content-length: 10\r\n\r\nabc"),
        Refused(408),
    ));
    cases
}

/// Methods that no path has.
fn methods() -> Vec<Case> {
    let mut cases = Vec::new();
    let targets = [
        "/v1/sql",
        "/v1/tables",
        "/v1/tables/users",
        "/v1/tables/users/rows/u7",
        "/v1/tables/users/lookup",
        "/v1/status",
        "/healthz",
        "/v1/admin/snapshots",
    ];
    for method in ["TRACE", "OPTIONS", "PUT", "PROPFIND", "get", "X"] {
        for target in targets {
            let bytes = format!("{method} {target} HTTP/1.1\r\n{CLOSE}\r\n");
            let name = format!("{method} {target}");
            cases.push(Case::raw(name, bytes, Code(405, "method_not_allowed")));
        }
    }
    for (line, expect) in [
        ("CONNECT localhost:80 HTTP/1.1", Code(404, "not_found")),
        ("CONNECT /healthz HTTP/1.1", Code(405, "method_not_allowed")),
        ("OPTIONS * HTTP/1.1", Code(404, "not_found")),
        ("GET http://evil.example/healthz HTTP/1.1", Status(200)),
        (
            "GET http://localhost/etc/passwd HTTP/1.1",
            Code(404, "not_found"),
        ),
        ("GET //healthz HTTP/1.1", Code(404, "not_found")),
        ("GET /healthz/ HTTP/1.1", Code(404, "not_found")),
        ("GET /HEALTHZ HTTP/1.1", Code(404, "not_found")),
        ("GET /healthz?x=1 HTTP/1.1", Code(400, "bad_parameter")),
        ("GET /healthz%00 HTTP/1.1", Code(404, "not_found")),
        ("GET /healthz#fragment HTTP/1.1", Status(200)),
        ("GET /../healthz HTTP/1.1", Code(404, "not_found")),
        ("GET /v1/../healthz HTTP/1.1", Code(404, "not_found")),
        ("GET /%2e%2e/etc/passwd HTTP/1.1", Code(404, "not_found")),
    ] {
        let bytes = format!("{line}\r\n{CLOSE}\r\n");
        cases.push(Case::raw(line, bytes, expect));
    }
    let long = "M".repeat(5_000);
    let bytes = format!("{long} /v1/sql HTTP/1.1\r\n{CLOSE}\r\n");
    cases.push(Case::raw("a method of 5,000 letters", bytes, Refused(405)));
    cases
}

/// Many headers, and many requests at once.
fn many() -> Vec<Case> {
    let headers = "x: y\r\n".repeat(1_000);
    let request = "GET /v1/tables/none HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let garbage = "\0\x01\x02 garbage\r\n\r\n";
    vec![
        Case::raw(
            "1,000 headers",
            format!("GET /healthz HTTP/1.1\r\n{headers}{CLOSE}\r\n"),
            Refused(431),
        ),
        Case {
            half_close: true,
            ..Case::raw("500 requests in a row", request.repeat(500), Refused(404))
        },
        Case {
            half_close: true,
            ..Case::raw(
                "garbage after a request",
                format!("{request}{garbage}"),
                Refused(404),
            )
        },
        Case {
            half_close: true,
            ..Case::raw("a client that says it has done", request, Refused(404))
        },
    ]
}
