//! Tables of the documentation that the program knows better.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tagdb::config::{Config, SETTINGS};
use tagdb::metrics::Metrics;
use tagdb_client::wire::codes;

use crate::read;

/// The rows of the table under a header, each with its cells.
fn table(text: &str, header: &str) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| *line != header);
    let rows: Vec<_> = lines
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().replace('`', "")).collect()
        })
        .collect();
    assert!(!rows.is_empty(), "there is no table {header}");
    rows
}

#[test]
fn every_error_code_is_told() {
    let written: String = codes::ALL
        .iter()
        .map(|entry| {
            let meaning = entry.meaning.replace('|', "\\|");
            format!("| `{}` | {} | {meaning} |\n", entry.code, entry.status)
        })
        .collect();
    let page = read("docs/http.md");
    assert!(
        page.contains(&format!(
            "| code | status | meaning |\n|---|---|---|\n{written}\n"
        )),
        "the table of error codes is to be\n{written}"
    );
}

#[test]
fn every_call_is_told() {
    let page = read("docs/http.md");
    let api: Value = serde_json::from_str(&read("server/src/http/openapi.json")).unwrap();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let call = format!("`{} {path}`", method.to_uppercase());
            let is_method = ["get", "post", "patch", "delete"].contains(&method.as_str());
            assert!(!is_method || page.contains(&call), "{call} is not told");
        }
    }
}

/// The largest value below one such as `1KiB` or `100ms`; none below zero.
fn below(minimum: &str) -> Option<String> {
    let digits = minimum.trim_end_matches(|char: char| !char.is_ascii_digit());
    let number: u64 = digits.parse().unwrap();
    let unit = &minimum[digits.len()..];
    let (factor, unit) = match unit {
        "KiB" => (1 << 10, "B"),
        "MiB" => (1 << 20, "B"),
        "" | "ms" | "s" => (1, unit),
        _ => panic!("{unit} is not expected here"),
    };
    let below = (number * factor).checked_sub(1)?;
    Some(format!("{below}{unit}"))
}

#[test]
fn every_setting_is_told() {
    let page = read("docs/operations.md");
    let rows = table(&page, "| setting | default | minimum | what it is |");
    assert_eq!(rows.len(), SETTINGS.len());
    for (row, setting) in rows.iter().zip(SETTINGS) {
        let [key, default, minimum, about] = &**row else {
            panic!("{row:?} has other columns");
        };
        assert_eq!((&**key, &**default), (setting.key, setting.default));
        assert_eq!(about, setting.about);
        if minimum.is_empty() {
            continue;
        }
        let mut config = Config::default();
        config.set(key, minimum).unwrap();
        if let Some(below) = below(minimum) {
            assert!(config.set(key, &below).is_err(), "{key} takes {below}");
        }
    }
}

/// Every figure is in the table, with the words that the server has for it.
#[test]
fn every_figure_is_told() {
    let metrics = Metrics::default();
    metrics.request("/v1/sql", "POST", 200, Duration::ZERO);
    let text = metrics.encode().unwrap();
    let mut expected: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP "))
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, about)| {
            let kind = format!("# TYPE {name} counter\n");
            let total = if text.contains(&kind) { "_total" } else { "" };
            (
                format!("{name}{total}"),
                about.trim_end_matches('.').to_owned(),
            )
        })
        .collect();
    expected.sort();
    let page = read("docs/operations.md");
    let rows = table(&page, "| figure | what it is | look when |");
    let mut told: Vec<_> = rows
        .iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    told.sort();
    assert_eq!(told, expected);
}

#[test]
fn decisions_are_numbered() {
    let folder = crate::root().join("docs/adr");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let number = name.split('-').next().unwrap().to_owned();
        let text = read(&format!("docs/adr/{name}"));
        let title = text.lines().next().unwrap();
        assert!(
            title.starts_with(&format!("# {number}. ")),
            "{name}: {title}"
        );
        for heading in ["## Context", "## Decision", "## Rejected"] {
            assert!(text.contains(heading), "{name} has no {heading}");
        }
        assert_eq!(Path::new(&name).extension().unwrap(), "md");
    }
}

#[test]
fn the_settings_file_is_taken() {
    let page = read("docs/operations.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (settings, _) = rest.split_once("```").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), settings).unwrap();
    let config = Config::load(Some(file.path()), std::iter::empty(), &[]).unwrap();
    assert_ne!(config, Config::default());
}
