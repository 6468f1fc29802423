use super::*;

fn load(flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let flags: Vec<_> = flags
        .iter()
        .map(|(key, value)| (*key, (*value).to_owned()))
        .collect();
    Config::load(None, std::iter::empty(), &flags)
}

#[test]
fn every_default_is_one_that_may_be_given() {
    let mut config = Config::default();
    for setting in SETTINGS {
        config.set(setting.key, setting.default).unwrap();
    }
    assert_eq!(config, Config::default());
    assert_eq!(config.cache_bytes, 4 << 30);
    assert_eq!(config.header_timeout, Duration::from_secs(5));
}

#[test]
fn later_sources_win() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tagdb.toml");
    std::fs::write(
        &file,
        "queue_max = 7\nlog_json = true\ncache_bytes = \"2MiB\"\nlog = \"warn\"\n",
    )
    .unwrap();
    let environment = [
        ("TAGDB_CACHE_BYTES", "3MiB"),
        ("TAGDB_LOG", "debug"),
        ("TAGDB_URL", "x"),
        ("PATH", "y"),
    ];
    let config = Config::load(
        Some(&file),
        environment
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into_iter(),
        &[("log", "error".to_owned())],
    )
    .unwrap();
    assert_eq!((config.queue_max, config.log_json), (7, true));
    assert_eq!(
        (config.cache_bytes, config.log.as_str()),
        (3 << 20, "error")
    );
}

#[test]
fn unknown_keys_are_refused_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tagdb.toml");
    std::fs::write(&file, "cache = \"1GiB\"\n").unwrap();
    let error = Config::load(Some(&file), std::iter::empty(), &[]).unwrap_err();
    assert!(
        error.to_string().contains("did you mean \"cache_bytes\"?"),
        "{error}"
    );
    let environment = [("TAGDB_CASH".to_owned(), "1".to_owned())].into_iter();
    assert!(Config::load(None, environment, &[]).is_err());
    assert!(load(&[("cash", "1")]).is_err());
}

#[test]
fn values_are_checked() {
    for (key, value) in [
        ("cache_bytes", "1"),
        ("cache_bytes", "1GB"),
        ("cache_bytes", "99999999999999999999"),
        ("cache_bytes", "18446744073709551615TiB"),
        ("header_timeout", "5"),
        ("header_timeout", "1ms"),
        ("listen", "localhost"),
        ("insecure", "yes"),
        ("connections_max", "0"),
        ("connections_max", "-1"),
    ] {
        assert!(
            matches!(load(&[(key, value)]), Err(ConfigError::Value { .. })),
            "{key} = {value}"
        );
    }
}

#[test]
fn other_machines_are_kept_out_unless_asked_for() {
    let open = ("listen", "0.0.0.0:7480");
    assert!(matches!(load(&[open]), Err(ConfigError::Exposed(_))));
    assert!(load(&[open, ("insecure", "true")]).is_ok());
    assert!(load(&[("listen", "[::1]:0")]).is_ok());
}
