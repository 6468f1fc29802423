//! Query strings.

use crate::raw::{Case, Expect};
use Expect::{Code, Refused, Status};

/// All of them.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn cases() -> Vec<Case> {
    let pairs = "a=1&".repeat(3_000);
    let different: String = (0..1_500).map(|n| format!("p{n}=1&")).collect();
    let tags = format!("tags={}", "city,".repeat(1_000));
    let unknown = "tags=none";
    let row = "/v1/tables/users/rows/u7";
    let bad = || Code(400, "bad_parameter");
    let mut cases: Vec<Case> = [
        ("%", bad()),
        ("a=%", bad()),
        ("a=%4", bad()),
        ("tags=%zz", bad()),
        ("tags=%ff", bad()),
        ("tags=%c0%80", bad()),
        ("tags=", bad()),
        ("tags=,", bad()),
        ("tags=city,,age", bad()),
        ("tags=city&tags=age", bad()),
        ("TAGS=city", bad()),
        ("tags[]=city", bad()),
        ("tag=city", bad()),
        ("=", bad()),
        ("=x", bad()),
        ("&&&&", Status(200)),
        ("?", bad()),
        (unknown, Code(400, "unknown_tag")),
        ("tags=city%00", Code(400, "unknown_tag")),
        ("tags=*", Code(400, "unknown_tag")),
        ("tags=city,city", Code(400, "duplicate_column")),
        (&tags[..tags.len() - 1], Code(400, "duplicate_column")),
        (&pairs, bad()),
        (&different, bad()),
    ]
    .into_iter()
    .map(|(query, expect)| {
        let shown = &query[..query.len().min(60)];
        Case::get(format!("GET ?{shown}"), &format!("{row}?{query}"), expect)
    })
    .collect();
    let sql = "/v1/sql?sql=SELECT+count(*)+FROM+users";
    for (query, expect) in [
        ("timeout_ms=0", bad()),
        ("timeout_ms=-1", bad()),
        ("timeout_ms=1e3", bad()),
        ("timeout_ms=18446744073709551616", bad()),
        ("timeout_ms=999999999999", bad()),
        ("page_size=0", bad()),
        ("page_size=-1", bad()),
        ("page_size=99999999999", bad()),
        ("cursor=x", bad()),
        ("format=exe", bad()),
        ("delimiter=%00", bad()),
        ("delimiter=ab", bad()),
        ("time_zone=..%2f..%2f..%2fetc%2fpasswd", bad()),
        ("time_zone=%2fetc%2flocaltime", bad()),
        ("time_zone=Nowhere", bad()),
        ("time_zone=", bad()),
        ("bigint=yes", bad()),
        ("durability=maybe", bad()),
        ("sql=x", bad()),
        ("params=[1]", bad()),
    ] {
        cases.push(Case::get(
            format!("SQL ?{query}"),
            &format!("{sql}&{query}"),
            expect,
        ));
    }
    for (cursor, expect) in [
        (
            "00000000000000000000000000000000.1",
            Code(410, "cursor_expired"),
        ),
        (
            "ffffffffffffffffffffffffffffffff.18446744073709551615",
            Code(410, "cursor_expired"),
        ),
        (
            "ffffffffffffffffffffffffffffffff.18446744073709551616",
            bad(),
        ),
        ("00000000000000000000000000000000.0", bad()),
        ("%2b0000000000000000000000000000000.1", bad()),
        ("0000000000000000000000000000000.1", bad()),
        ("00000000000000000000000000000000.-1", bad()),
        ("00000000000000000000000000000000", bad()),
        ("../../cursor.1", bad()),
    ] {
        let target = format!("/v1/sql?cursor={cursor}");
        cases.push(Case::get(format!("cursor {cursor}"), &target, expect));
    }
    for (sql, expect) in [
        ("", Code(400, "syntax_error")),
        ("DROP+TABLE+users", Code(405, "method_not_allowed")),
        (
            "SHOW+TABLES;DROP+TABLE+users",
            Code(405, "method_not_allowed"),
        ),
        ("DELETE+FROM+users+WHERE+b", Code(405, "method_not_allowed")),
        ("EXPLAIN+ANALYZE+DELETE+FROM+users+WHERE+b", Refused(400)),
        ("%00", Code(400, "syntax_error")),
    ] {
        let target = format!("/v1/sql?sql={sql}");
        cases.push(Case::get(format!("GET of {sql:?}"), &target, expect));
    }
    cases
}
