//! Questions about audiences.

use crate::raw::{Case, Expect};
use Expect::{Code, Limit, Refused, Status, Survived};

/// All of them.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn cases() -> Vec<Case> {
    let chain = |count: usize| vec!["b"; count].join(" OR ");
    let deep = format!("{}b{}", "(".repeat(1_000), ")".repeat(1_000));
    let named = |count: usize, condition: &str| -> String {
        let named: Vec<_> = (0..count)
            .map(|n| format!("\"c{n}\":\"{condition}\""))
            .collect();
        format!("{{{}}}", named.join(","))
    };
    let keys = vec!["\"u1\""; 10_001].join(",");
    let long = "n".repeat(129);
    let bounds: Vec<String> = (0..1_001).map(|n| n.to_string()).collect();
    let tags = vec!["\"age\""; 5_000].join(",");
    let unknown = || Code(400, "unknown_tag");
    let bad = || Code(400, "bad_parameter");
    let calls = [
        (
            "portrait",
            format!("{{\"where\":\"{}\"}}", chain(60_000)),
            Limit("statement_bytes"),
        ),
        (
            "portrait",
            format!("{{\"where\":\"{}\"}}", chain(30_000)),
            Limit("tokens"),
        ),
        (
            "portrait",
            format!("{{\"where\":\"{}\"}}", chain(8_000)),
            Status(200),
        ),
        (
            "portrait",
            format!("{{\"where\":\"{deep}\"}}"),
            Limit("nesting_depth"),
        ),
        ("portrait", "{\"where\":\"none\"}".to_owned(), unknown()),
        (
            "portrait",
            "{\"where\":\"b; DROP TABLE users\"}".to_owned(),
            Refused(400),
        ),
        (
            "portrait",
            "{\"where\":\"b\",\"top\":10001}".to_owned(),
            Limit("top"),
        ),
        ("portrait", "{\"where\":\"b\",\"top\":-1}".to_owned(), bad()),
        (
            "portrait",
            "{\"where\":\"b\",\"tags\":[\"none\"]}".to_owned(),
            unknown(),
        ),
        (
            "portrait",
            format!("{{\"where\":\"b\",\"tags\":[{tags}]}}"),
            Refused(400),
        ),
        (
            "portrait",
            format!(
                "{{\"where\":\"b\",\"buckets\":{{\"age\":[{}]}}}}",
                bounds.join(",")
            ),
            Limit("buckets"),
        ),
        (
            "portrait",
            "{\"where\":\"b\",\"buckets\":{\"age\":[3,2,1]}}".to_owned(),
            Refused(400),
        ),
        (
            "portrait",
            "{\"where\":\"b\",\"buckets\":{\"age\":[1e400]}}".to_owned(),
            Refused(400),
        ),
        (
            "portrait",
            "{\"where\":\"b\",\"buckets\":{\"city\":[1]}}".to_owned(),
            Refused(400),
        ),
        (
            "portrait",
            "{\"where\":\"b\",\"timeout_ms\":0}".to_owned(),
            bad(),
        ),
        (
            "portrait",
            "{\"where\":\"b\",\"time_zone\":\"/etc/passwd\"}".to_owned(),
            bad(),
        ),
        (
            "portrait",
            "{\"where\":\"age = $1\",\"params\":[]}".to_owned(),
            bad(),
        ),
        (
            "significant",
            format!("{{\"where\":\"{}\"}}", chain(30_000)),
            Limit("tokens"),
        ),
        (
            "significant",
            "{\"where\":\"b\",\"top\":10001}".to_owned(),
            Limit("top"),
        ),
        (
            "significant",
            "{\"where\":\"b\",\"min_support\":-1}".to_owned(),
            bad(),
        ),
        (
            "significant",
            "{\"where\":\"b\",\"min_support\":18446744073709551615}".to_owned(),
            Status(200),
        ),
        (
            "overlap",
            format!("{{\"audiences\":{}}}", named(65, "b")),
            Limit("audiences"),
        ),
        (
            "overlap",
            format!("{{\"audiences\":{}}}", named(20_000, "b")),
            Limit("audiences"),
        ),
        (
            "overlap",
            format!("{{\"audiences\":{}}}", named(20, &chain(3_000))),
            Limit("statement_bytes"),
        ),
        ("overlap", "{\"audiences\":{}}".to_owned(), Refused(400)),
        (
            "overlap",
            "{\"audiences\":{\"a\":\"b\",\"a\":\"b\"}}".to_owned(),
            bad(),
        ),
        (
            "overlap",
            format!("{{\"audiences\":{{\"{long}\":\"b\",\"c\":\"b\"}}}}"),
            Limit("name_bytes"),
        ),
        (
            "overlap",
            "{\"audiences\":{\"a\":\"b\",\"c\":\"none\"}}".to_owned(),
            unknown(),
        ),
        (
            "overlap",
            "{\"audiences\":{\"a\":\"b\",\"c\":\"b\"},\"params\":{\"z\":[1]}}".to_owned(),
            bad(),
        ),
        (
            "overlap",
            "{\"audiences\":{\"a\":\"b\",\"c\":\"b\"},\"params\":{\"a\":1}}".to_owned(),
            bad(),
        ),
        (
            "match",
            format!("{{\"keys\":[{keys}],\"where\":{}}}", named(1, "b")),
            Limit("keys"),
        ),
        (
            "match",
            format!("{{\"keys\":[\"u1\"],\"where\":{}}}", named(65, "b")),
            Limit("conditions"),
        ),
        (
            "match",
            format!("{{\"keys\":[\"u1\"],\"where\":{}}}", named(30_000, "b")),
            Limit("conditions"),
        ),
        (
            "match",
            "{\"keys\":[{}],\"where\":{\"a\":\"b\"}}".to_owned(),
            Code(400, "bad_key"),
        ),
        (
            "match",
            "{\"keys\":[\"u1\"],\"where\":{\"a\":\"b OR\"}}".to_owned(),
            Code(400, "syntax_error"),
        ),
        (
            "membership",
            format!("{{\"key\":\"u1\",\"where\":\"{}\"}}", chain(30_000)),
            Limit("tokens"),
        ),
        (
            "membership",
            format!("{{\"key\":\"u1\",\"where\":\"{}\"}}", chain(4_000)),
            Survived,
        ),
        (
            "membership",
            "{\"key\":\"nobody\",\"where\":\"b\"}".to_owned(),
            Refused(404),
        ),
        (
            "membership",
            "{\"key\":[],\"where\":\"b\"}".to_owned(),
            Code(400, "bad_key"),
        ),
        (
            "explain-count",
            format!("{{\"where\":\"{}\"}}", chain(30_000)),
            Limit("tokens"),
        ),
        (
            "explain-count",
            format!("{{\"where\":\"{}\"}}", chain(4_000)),
            Survived,
        ),
        ("explain-count", "{\"where\":\"\"}".to_owned(), Refused(400)),
    ];
    let case = |(call, body, expect): (&str, String, Expect)| {
        let shown: String = body.chars().take(60).collect();
        let target = format!("/v1/tables/users/{call}");
        let name = format!("{call}: {shown}");
        Case::request(name, ("POST", &target), "application/json", body, expect)
    };
    calls.into_iter().map(case).collect()
}
