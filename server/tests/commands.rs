//! The program as people and scripts meet it: exit statuses, standard output, standard error.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use tagdb_client::canned::{Answer, Request, problem, respond};

/// Nothing serves the port of tcpmux.
const NOWHERE: &str = "http://127.0.0.1:1";

fn tagdb(url: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tagdb"))
        .args(arguments)
        .env("TAGDB_URL", url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn write_file(dir: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn wrong_command_lines_exit_with_2() {
    for arguments in [
        &["fly"][..],
        &[],
        &["import", "a.csv"],
        &["sql", "--format", "xml"],
        &["export", "SELECT 1", "-o", "a.xls"],
        &["status", "--url", "ftp://here"],
        &["repair", "dir"],
    ] {
        let output = tagdb(NOWHERE, arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_and_version_exit_with_0() {
    for arguments in [&["--help"][..], &["--version"], &["sql", "--help"]] {
        let output = tagdb(NOWHERE, arguments, "");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!stdout(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_server_that_is_not_there_exits_with_3() {
    let dir = tempfile::tempdir().unwrap();
    let file = write_file(&dir, "a.csv", "id,x\n1,2\n");
    for arguments in [
        &["status"][..],
        &["sql", "-c", "SELECT 1"],
        &["sql"],
        &["flush"],
        &["compact", "--table", "t"],
        &["snapshot", "list"],
        &["export", "SELECT 1"],
        &["export", "SELECT 1", "-o", "a.parquet"],
        &["import", &file, "--table", "t"],
        &["import", &file, "--table", "t", "--create"],
    ] {
        let output = tagdb(NOWHERE, arguments, "SELECT 1;");
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert!(stderr(&output).contains(NOWHERE), "{arguments:?}");
    }
}

#[test]
fn what_fails_exits_with_1() {
    let dir = tempfile::tempdir().unwrap();
    let json = write_file(&dir, "a.json", "[{}]");
    let missing = dir.path().join("none.csv");
    for arguments in [
        &["import", missing.to_str().unwrap(), "--table", "t"][..],
        &["import", &json, "--table", "t"],
        &["repair", "dir", "--accept-loss"],
        &["check", missing.to_str().unwrap()],
        &["sql", missing.to_str().unwrap()],
    ] {
        let output = tagdb(NOWHERE, arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}");
    }
}

fn answer_sql(request: &Request) -> Answer {
    let sql = String::from_utf8_lossy(&request.body).into_owned();
    let accept = request.header("accept").unwrap_or_default();
    if sql.contains("gendr") {
        return problem(
            400,
            r#""code":"unknown_tag","detail":"unknown tag","line":2,"column":8"#,
        );
    }
    Answer::new(
        200,
        match accept {
            "text/csv" => "city,n\nulm,3\n",
            "application/x-ndjson" => "{\"city\":\"ulm\",\"n\":3}\n{\"city\":null,\"n\":4}\n",
            _ if sql.contains("INSERT") => r#"{"rows_affected":2}"#,
            _ => {
                r#"{"columns":[{"name":"city","type":"KEYWORD"},{"name":"n","type":"BIGINT"}],
                    "rows":[["ulm",3],[null,14]],"stats":{"elapsed_us":1500}}"#
            }
        },
    )
}

#[test]
fn results_are_written_in_every_format() {
    let (url, _requests) = respond(answer_sql).unwrap();
    let table = "\
+------+----+
| city | n  |
+===========+
| ulm  |  3 |
| NULL | 14 |
+------+----+
(2 rows)
";
    for (format, expected) in [
        ("table", table),
        ("csv", "city,n\nulm,3\n"),
        (
            "ndjson",
            "{\"city\":\"ulm\",\"n\":3}\n{\"city\":null,\"n\":4}\n",
        ),
        (
            "json",
            "[\n{\"city\":\"ulm\",\"n\":3},\n{\"city\":null,\"n\":4}\n]\n",
        ),
    ] {
        let output = tagdb(&url, &["sql", "--format", format], "SELECT city, n FROM t");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output), expected, "{format}");
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn statements_run_one_by_one_up_to_the_first_failure() {
    let (url, requests) = respond(answer_sql).unwrap();
    let script =
        "INSERT INTO t (a) VALUES ('x;y');\n-- then\nSELECT a,\n       gendr\nFROM t;\nSELECT 1;";
    let output = tagdb(&url, &["sql"], script);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "(done, 2 rows affected)\n");
    assert_eq!(
        stderr(&output),
        "error: unknown tag (unknown_tag)\n4 |        gendr\n  |        ^\n"
    );
    assert_eq!(requests.iter().take(2).count(), 2);
    assert!(requests.try_recv().is_err());
}

#[test]
fn commands_of_the_shell_work_in_scripts() {
    let (url, requests) = respond(answer_sql).unwrap();
    let output = tagdb(
        &url,
        &["sql"],
        "\\d users\n\\timing\nSELECT 1;\n\\q\nSELECT 2;",
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("(2 rows, 1.5ms)"),
        "{}",
        stdout(&output)
    );
    let sent: Vec<String> = requests
        .try_iter()
        .map(|request| String::from_utf8(request.body).unwrap())
        .collect();
    assert_eq!(
        sent,
        [r#"{"sql":"DESCRIBE users"}"#, r#"{"sql":"SELECT 1"}"#]
    );
}

#[test]
fn exports_appear_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    let name = path.to_str().unwrap();
    let (url, _requests) = respond(answer_sql).unwrap();
    let output = tagdb(&url, &["export", "SELECT 1", "-o", name], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "city,n\nulm,3\n");

    let (url, _requests) = respond(|request| answer_sql(request).cut(70)).unwrap();
    let output = tagdb(&url, &["export", "SELECT 1", "-o", name], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cut"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "city,n\nulm,3\n");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn imports_send_the_file_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let text = "id;x\n1;2\n2;\"\"\n";
    let file = write_file(&dir, "a.csv", text);
    let rejects = dir.path().join("r.csv");
    let (url, requests) = respond(|_| {
        Answer::new(
            200,
            r#"{"rows":2,"created":1,"rejected":1,"rejected_rows":[2],
                "errors":[{"row":2,"column":"x","code":"type_mismatch","detail":"no number"}]}"#,
        )
    })
    .unwrap();
    let arguments = [
        "import",
        &file,
        "--table",
        "t t",
        "--mode",
        "replace_tags",
        "--on-error",
        "skip",
        "--rejects",
        rejects.to_str().unwrap(),
    ];
    let output = tagdb(&url, &arguments, "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("2 rows in "),
        "{}",
        stdout(&output)
    );
    assert!(stdout(&output).ends_with("1 created, 1 rejected\n"));
    assert_eq!(stderr(&output), "row 2, column x: no number\n");
    assert_eq!(std::fs::read_to_string(&rejects).unwrap(), "id;x\n2;\"\"\n");
    let sent: Vec<Request> = requests.try_iter().collect();
    assert_eq!(sent[0].path, "/v1/tables/t%20t");
    assert_eq!(
        sent[1].path,
        "/v1/tables/t%20t/rows?mode=replace_tags&tags=id%2Cx&on_error=skip&delimiter=%3B"
    );
    assert_eq!(sent[1].header("content-type"), Some("text/csv"));
    assert_eq!(sent[1].body, text.as_bytes());
}

#[test]
fn a_refused_import_names_the_rows() {
    let (url, requests) = respond(|request| match request.path.as_str() {
        "/v1/sql" => Answer::new(200, "{}"),
        _ => problem(
            422,
            r#""code":"bad_rows","detail":"1 row is bad","errors":[{"row":1,"code":"bad_key","detail":"the key is NULL"}]"#,
        ),
    })
    .unwrap();
    let output = tagdb(
        &url,
        &["import", "-", "--table", "t", "--create"],
        "{\"id\":\"a\"}\n{\"id\":\"b\"}\n",
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stdout(&output).contains("id KEYWORD PRIMARY KEY"),
        "{}",
        stdout(&output)
    );
    let told = stderr(&output);
    assert!(told.contains("DROP TABLE t"), "{told}");
    assert!(told.contains("\n  row 1: the key is NULL"), "{told}");
    let sent: Vec<Request> = requests.try_iter().collect();
    assert!(String::from_utf8_lossy(&sent[0].body).contains("CREATE TABLE t ("));
    assert_eq!(sent[1].header("content-type"), Some("application/x-ndjson"));
}

#[test]
fn a_reader_that_goes_away_is_no_error_to_tell() {
    let row = "{\"a\":1}\n".repeat(100_000);
    let (url, _requests) = respond(move |_| Answer::new(200, row.clone())).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tagdb"))
        .args(["sql", "--url", &url, "--format", "ndjson", "-c", "SELECT 1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "");
}

#[test]
fn dry_runs_ask_nobody() {
    let output = tagdb(
        NOWHERE,
        &[
            "import",
            "-",
            "--table",
            "t",
            "--dry-run",
            "--key",
            "b",
            "--as",
            "a:KEYWORD",
        ],
        "a,b\n1,2\n",
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        "-- CSV, 1 row in all\n-- key b: as told\nCREATE TABLE t (\n  b BIGINT PRIMARY KEY,\n  a KEYWORD              -- as told\n);\n"
    );
}

#[test]
fn an_export_asks_for_a_read() {
    let (url, requests) = respond(|_| Answer::new(200, "a\n1\n")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv.gz");
    let name = path.to_str().unwrap();
    for output in [name, "-"] {
        let arguments = ["export", "SELECT 1", "--timeout", "90", "-o", output];
        let output = tagdb(&url, &arguments, "");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let body = requests.recv().unwrap().body;
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"sql":"SELECT 1","timeout_ms":90000,"read_only":true}"#
        );
    }
    let mut text = String::new();
    let file = std::fs::File::open(&path).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
    assert_eq!(text, "a\n1\n");
}
