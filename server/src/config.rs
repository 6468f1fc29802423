//! Settings: defaults, then a TOML file, then `TAGDB_...` variables, then flags.
//!
//! Every setting is one row of [`SETTINGS`], and every source goes through [`Config::set`], so that
//! a value means the same wherever it comes from.

mod parse;
mod settings;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tagdb_query::Limits;

pub use settings::SETTINGS;

/// All settings of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether to listen on addresses that other machines reach.
    pub insecure: bool,
    /// Connections at a time; more wait to be accepted.
    pub connections_max: usize,
    /// Connections of one address at a time; more are answered 429.
    pub connections_per_address_max: usize,
    /// Time for a request's head to arrive, and up to a quarter more; idle connections are closed after it too.
    pub header_timeout: Duration,
    /// Time between two pieces of a request's body.
    pub body_timeout: Duration,
    /// Time in which a client has to take the next piece of an answer.
    pub send_timeout: Duration,
    /// Bytes of a request's body outside bulk writes, decompressed.
    pub body_bytes_max: u64,
    /// Bytes of a bulk write's body, decompressed.
    pub bulk_bytes_max: u64,
    /// Bytes of one row of a bulk write.
    pub row_bytes_max: u64,
    /// Statements running at a time.
    pub statements_max: usize,
    /// Statements waiting for their turn; more are refused.
    pub queue_max: usize,
    /// Bulk writes at a time.
    pub uploads_max: usize,
    /// Time a statement may take if its request does not say.
    pub statement_timeout: Duration,
    /// The longest time a request may ask for.
    pub statement_timeout_max: Duration,
    /// Memory a statement may use.
    pub statement_memory_max: u64,
    /// What one statement may ask for.
    pub limits: Limits,
    /// Rows of one JSON result.
    pub result_rows_max: u64,
    /// Bytes of one JSON result.
    pub result_bytes_max: u64,
    /// Paged results that are open at a time; each keeps the state that it was asked at.
    pub cursors_max: usize,
    /// Time after which a paged result is let go if nobody asks for a page.
    pub cursor_timeout: Duration,
    /// Memory of paged results between two pages; beyond it pages are made anew.
    pub cursor_memory_max: u64,
    /// Time that running requests get when the server is told to stop.
    pub stop_timeout: Duration,
    /// Memory for cached segments.
    pub cache_bytes: u64,
    /// Bytes of writes kept in memory at which a flush begins.
    pub flush_bytes: u64,
    /// Bytes of writes kept in memory at which writers are refused.
    pub memory_bytes_max: u64,
    /// Layers of a tag in files at which writers are refused.
    pub layers_max: usize,
    /// What is logged, as in `info` or `tagdb=debug`.
    pub log: String,
    /// Whether log lines are JSON objects.
    pub log_json: bool,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its key in the file; `TAGDB_` and the key in capitals is its variable.
    pub key: &'static str,
    /// Its value if nobody gives one.
    pub default: &'static str,
    /// What it is for.
    pub about: &'static str,
    apply: fn(&mut Config, &str) -> Result<(), String>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such setting.
    #[error("unknown setting \"{key}\" in {source_name}{}", nearest_hint(key))]
    Unknown {
        /// The key given.
        key: String,
        /// The file, or the environment.
        source_name: String,
    },
    /// A value is not understood, or out of bounds.
    #[error("setting \"{key}\": {reason}")]
    Value {
        /// The key given.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The address is open to others, and nothing protects it.
    #[error(
        "{0} can be reached by other machines, and this release has neither keys nor TLS: listen on \
         127.0.0.1, or set insecure = true behind a proxy that protects it"
    )]
    Exposed(SocketAddr),
}

/// Variables that begin with `TAGDB_` and are not settings of the server.
const OTHER_VARIABLES: &[&str] = &["TAGDB_URL", "TAGDB_CONFIG"];

impl Default for Config {
    fn default() -> Self {
        let mut config = Self {
            data: PathBuf::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            insecure: false,
            connections_max: 0,
            connections_per_address_max: 0,
            header_timeout: Duration::ZERO,
            body_timeout: Duration::ZERO,
            send_timeout: Duration::ZERO,
            body_bytes_max: 0,
            bulk_bytes_max: 0,
            row_bytes_max: 0,
            statements_max: 0,
            queue_max: 0,
            uploads_max: 0,
            statement_timeout: Duration::ZERO,
            statement_timeout_max: Duration::ZERO,
            statement_memory_max: 0,
            limits: Limits::default(),
            result_rows_max: 0,
            result_bytes_max: 0,
            cursors_max: 0,
            cursor_timeout: Duration::ZERO,
            cursor_memory_max: 0,
            stop_timeout: Duration::ZERO,
            cache_bytes: 0,
            flush_bytes: 0,
            memory_bytes_max: 0,
            layers_max: 0,
            log: String::new(),
            log_json: false,
        };
        for setting in SETTINGS {
            let applied = (setting.apply)(&mut config, setting.default);
            debug_assert!(applied.is_ok(), "the default of {}", setting.key);
        }
        config
    }
}

impl Config {
    /// Puts the settings together: defaults, file, environment, flags; the later wins.
    ///
    /// # Errors
    /// When the file cannot be read, a key is unknown, or a value is out of bounds.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(path) = file {
            config.read_file(path)?;
        }
        for (name, value) in environment {
            let Some(key) = name.strip_prefix("TAGDB_") else {
                continue;
            };
            if !OTHER_VARIABLES.contains(&name.as_str()) {
                config.set_from(&key.to_ascii_lowercase(), &value, "the environment")?;
            }
        }
        for (key, value) in flags {
            config.set(key, value)?;
        }
        config.check()?;
        Ok(config)
    }

    /// Gives one setting a value.
    ///
    /// # Errors
    /// When there is no such setting, or the value is not one it takes.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        self.set_from(key, value, "the settings")
    }

    fn set_from(&mut self, key: &str, value: &str, source_name: &str) -> Result<(), ConfigError> {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            return Err(ConfigError::Unknown {
                key: key.to_owned(),
                source_name: source_name.to_owned(),
            });
        };
        (setting.apply)(self, value).map_err(|reason| ConfigError::Value {
            key: key.to_owned(),
            reason,
        })
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let failed = |reason: String| ConfigError::File {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| failed(error.to_string()))?;
        for (key, value) in &table {
            let value = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(value) => value.to_string(),
                toml::Value::Float(_)
                | toml::Value::Datetime(_)
                | toml::Value::Array(_)
                | toml::Value::Table(_) => {
                    return Err(failed(format!(
                        "\"{key}\" must be text, a whole number, true or false"
                    )));
                }
            };
            self.set_from(key, &value, &path.display().to_string())?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        if !self.insecure && !self.listen.ip().is_loopback() {
            return Err(ConfigError::Exposed(self.listen));
        }
        Ok(())
    }
}

fn nearest_hint(key: &str) -> String {
    SETTINGS
        .iter()
        .map(|setting| setting.key)
        .find(|known| known.starts_with(key) || key.starts_with(known))
        .map(|known| format!("; did you mean \"{known}\"?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
