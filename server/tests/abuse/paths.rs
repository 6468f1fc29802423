//! Names in paths: none of them may become a file, and none may be read as something else.

use crate::raw::{Case, Expect};
use Expect::Code;

/// Names that mean something to file systems, shells, databases or decoders.
const NAMES: [&str; 24] = [
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fmanifest%2f1",
    "..%5c..%5cwindows",
    "%2fetc%2fpasswd",
    "a%00b",
    "%00",
    "%0d%0aset-cookie:x",
    "%1b%5b2J",
    "%F0%9F%92%A9",
    "%E2%80%AEtxt.exe",
    "CON",
    ".hidden",
    "-rf",
    "users%20",
    "users%3BDROP",
    "'%20OR%201=1--",
    "%22%3B--",
    "${jndi:ldap:x}",
    "%25%32%65",
    "~root",
    "*",
    "users.bak",
    "__proto__",
    "USERS",
];

/// What is no UTF-8, or no percent-encoding.
const MALFORMED: [&str; 7] = [
    "%ff",
    "%c0%ae",
    "%c0%af",
    "%ed%a0%80",
    "%f8%88%80%80%80",
    "%80",
    "a%fe",
];

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let long = "n".repeat(8_000);
    let names = NAMES.iter().copied().chain(std::iter::once(&*long));
    for name in names {
        let shown = &name[..name.len().min(40)];
        let mut add = |method: &str, target: String, expect| {
            let title = format!("{method} {}", target.replace(name, shown));
            cases.push(Case::request(
                title,
                (method, &target),
                "application/json",
                "",
                expect,
            ));
        };
        let unknown = || Code(404, "not_found");
        add("GET", format!("/v1/tables/{name}"), unknown());
        add("GET", format!("/v1/tables/{name}/rows/u1"), unknown());
        add("GET", format!("/v1/jobs/{name}"), unknown());
        add("GET", format!("/v1/writes/{name}"), unknown());
        add("GET", format!("/errors/{name}"), unknown());
        let key = match name.len() > 512 {
            true => Code(400, "bad_key"),
            false => unknown(),
        };
        add("GET", format!("/v1/tables/users/rows/{name}"), key);
        add(
            "DELETE",
            format!("/v1/admin/snapshots/{name}"),
            snapshot(name),
        );
        let body = format!("{{\"name\":\"{}\"}}", decoded(name));
        cases.push(Case::request(
            format!("a snapshot called {shown}"),
            ("POST", "/v1/admin/snapshots"),
            "application/json",
            body,
            Code(400, "bad_parameter"),
        ));
    }
    for name in MALFORMED {
        for target in [
            format!("/v1/tables/{name}"),
            format!("/v1/tables/users/rows/{name}"),
            format!("/v1/jobs/{name}"),
            format!("/errors/{name}"),
        ] {
            cases.push(Case::get(
                format!("GET {target}"),
                &target,
                Code(400, "bad_parameter"),
            ));
        }
    }
    cases
}

/// A snapshot that cannot be, or is not.
fn snapshot(name: &str) -> Expect {
    let is_name = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
    match is_name {
        true => Code(404, "not_found"),
        false => Code(400, "bad_parameter"),
    }
}

/// The name as JSON would hold it.
fn decoded(name: &str) -> String {
    name.replace("%2f", "/")
        .replace("%2e", ".")
        .replace("%00", "\\u0000")
        .replace("%5c", "\\\\")
}
