//! The table of all settings.

use std::time::Duration;

use super::Setting;
use super::parse::{
    address, boolean, bytes, bytes_within, count, count_within, duration, number, path, text,
};

macro_rules! setting {
    ($key:ident, $default:literal, $parse:expr, $about:literal) => {
        Setting {
            key: stringify!($key),
            default: $default,
            about: $about,
            apply: |config, text| {
                config.$key = $parse(text)?;
                Ok(())
            },
        }
    };
}

/// A limit of statements.
macro_rules! limit {
    ($key:ident, $default:literal, $parse:expr, $about:literal) => {
        Setting {
            key: stringify!($key),
            default: $default,
            about: $about,
            apply: |config, text| {
                config.limits.$key = $parse(text)?;
                Ok(())
            },
        }
    };
}

/// All settings, in the order of the documentation.
pub const SETTINGS: &[Setting] = &[
    setting!(data, "./tagdb-data", path, "The data folder."),
    setting!(listen, "127.0.0.1:7480", address, "Where to listen."),
    setting!(
        insecure,
        "false",
        boolean,
        "Whether to listen on addresses that other machines reach."
    ),
    setting!(
        connections_max,
        "1024",
        |text| count(text, 1),
        "Connections at a time; more wait to be accepted."
    ),
    setting!(
        connections_per_address_max,
        "1024",
        |text| count(text, 1),
        "Connections of one address at a time; more are answered 429."
    ),
    setting!(
        header_timeout,
        "5s",
        |text| duration(text, Duration::from_millis(100)),
        "Time for a request's head to arrive, and up to a quarter more; idle connections are closed after it too."
    ),
    setting!(
        body_timeout,
        "30s",
        |text| duration(text, Duration::from_millis(100)),
        "Time between two pieces of a request's body."
    ),
    setting!(
        send_timeout,
        "30s",
        |text| duration(text, Duration::from_millis(100)),
        "Time in which a client has to take the next piece of an answer."
    ),
    setting!(
        body_bytes_max,
        "16MiB",
        |text| bytes(text, 1 << 10),
        "Bytes of a request's body outside bulk writes, decompressed."
    ),
    setting!(
        bulk_bytes_max,
        "1TiB",
        |text| bytes(text, 1 << 10),
        "Bytes of a bulk write's body, decompressed."
    ),
    setting!(
        row_bytes_max,
        "8MiB",
        |text| bytes(text, 1 << 10),
        "Bytes of one row of a bulk write."
    ),
    setting!(
        statements_max,
        "32",
        |text| count(text, 1),
        "Statements running at a time."
    ),
    setting!(
        queue_max,
        "1024",
        |text| count(text, 0),
        "Statements waiting for their turn; more are refused."
    ),
    setting!(
        uploads_max,
        "8",
        |text| count(text, 1),
        "Bulk writes at a time."
    ),
    setting!(
        statement_timeout,
        "60s",
        |text| duration(text, Duration::from_millis(1)),
        "Time a statement may take if its request does not say."
    ),
    setting!(
        statement_timeout_max,
        "1h",
        |text| duration(text, Duration::from_millis(1)),
        "The longest time a request may ask for."
    ),
    setting!(
        statement_memory_max,
        "1GiB",
        |text| bytes(text, 1 << 20),
        "Memory a statement may use."
    ),
    limit!(
        requests_memory_max,
        "4GiB",
        |text| bytes_within(text, 1 << 20, 1 << 50),
        "Memory of all requests together: bodies, statements, answers; beyond it 503."
    ),
    limit!(
        statement_bytes_max,
        "256KiB",
        |text| bytes_within(text, 1 << 10, 16 << 20),
        "Bytes of a statement's text, at most 16 MiB."
    ),
    limit!(
        tokens_max,
        "50000",
        |text| count_within(text, 100, 50_000),
        "Words, operators and brackets of a text, at most 50,000."
    ),
    limit!(
        nesting_depth_max,
        "64",
        |text| count_within(text, 8, 64),
        "Brackets, CASE and NOT inside each other, at most 64."
    ),
    limit!(
        expression_height_max,
        "256",
        |text| count_within(text, 8, 256),
        "Operators on top of each other, at most 256."
    ),
    limit!(
        tree_nodes_max,
        "50000",
        |text| count_within(text, 100, 1_000_000),
        "Nodes of a statement's conditions and expressions, at most 1,000,000."
    ),
    limit!(
        list_elements_max,
        "100000",
        |text| count_within(text, 1, 10_000_000),
        "Elements of one list, such as of IN, at most 10,000,000."
    ),
    limit!(
        insert_rows_max,
        "100000",
        |text| count_within(text, 1, 1_000_000),
        "Rows of one INSERT, at most 1,000,000."
    ),
    limit!(
        groups_max,
        "1000000",
        |text| count_within(text, 1, 100_000_000),
        "Groups of one result, at most 100,000,000."
    ),
    limit!(
        subquery_values_max,
        "10000000",
        |text| count_within(text, 1, 100_000_000),
        "Different values of a query in a condition, at most 100,000,000."
    ),
    limit!(
        keys_max,
        "10000",
        |text| count_within(text, 1, 1_000_000),
        "Keys of one look-up or match, at most 1,000,000."
    ),
    setting!(
        result_rows_max,
        "100000",
        |text| number(text, 1),
        "Rows of one JSON result."
    ),
    setting!(
        result_bytes_max,
        "64MiB",
        |text| bytes(text, 1 << 10),
        "Bytes of one JSON result."
    ),
    setting!(
        cursors_max,
        "100",
        |text| count(text, 1),
        "Paged results that are open at a time; each keeps the state that it was asked at."
    ),
    setting!(
        cursor_timeout,
        "10m",
        |text| duration(text, Duration::from_millis(1)),
        "Time after which a paged result is let go if nobody asks for a page."
    ),
    setting!(
        cursor_memory_max,
        "256MiB",
        |text| bytes(text, 1 << 20),
        "Memory of paged results between two pages; beyond it pages are made anew."
    ),
    setting!(
        stop_timeout,
        "30s",
        |text| duration(text, Duration::ZERO),
        "Time that running requests get when the server is told to stop."
    ),
    setting!(
        cache_bytes,
        "4GiB",
        |text| bytes(text, 1 << 20),
        "Memory for cached segments."
    ),
    setting!(
        flush_bytes,
        "64MiB",
        |text| bytes(text, 1 << 20),
        "Bytes of writes kept in memory at which a flush begins."
    ),
    setting!(
        memory_bytes_max,
        "512MiB",
        |text| bytes(text, 1 << 20),
        "Bytes of writes kept in memory at which writers are refused."
    ),
    setting!(
        layers_max,
        "64",
        |text| count(text, 8),
        "Layers of a tag in files at which writers are refused."
    ),
    setting!(
        log,
        "info",
        text,
        "What is logged, as in info or tagdb=debug."
    ),
    setting!(
        log_json,
        "false",
        boolean,
        "Whether log lines are JSON objects."
    ),
];
