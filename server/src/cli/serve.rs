//! `tagdb serve`: the server, from settings to the last connection.

use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tagdb::config::Config;
use tagdb_query::Database;
use tracing_subscriber::EnvFilter;

use crate::cli::args::ServeArgs;
use crate::cli::descriptors;
use crate::cli::failure::Failure;
use crate::cli::output;

/// Runs the server until it is told to stop.
///
/// # Errors
/// The settings are wrong, the data cannot be opened, or the address cannot be listened on.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let config = settings(args)?;
    start_logging(&config, &config.log)?;
    let listener = listen(config.listen)?;
    let database = open(&config)?;
    let address = local_address(&listener)?;
    let told = format!(
        "tagdb {} serves {} at http://{address}",
        env!("CARGO_PKG_VERSION"),
        config.data.display()
    );
    serve(config, database, listener, || {
        output::note(&told);
        Ok(())
    })
}

/// The settings: defaults, file, environment, flags.
///
/// # Errors
/// A setting is wrong.
pub(crate) fn settings(args: &ServeArgs) -> Result<Config, Failure> {
    let mut flags = Vec::new();
    if let Some(data) = &args.data {
        flags.push(("data", data.display().to_string()));
    }
    if let Some(listen) = &args.listen {
        flags.push(("listen", listen.clone()));
    }
    let environment = std::env::vars_os().filter_map(|(name, value)| {
        // What is not UTF-8 is no setting of ours.
        Some((name.into_string().ok()?, value.into_string().ok()?))
    });
    Config::load(args.config.as_deref(), environment, &flags)
        .map_err(|error| Failure::Usage(error.to_string()))
}

/// Logs what a filter such as `info` lets through to standard error.
///
/// # Errors
/// The filter is none.
pub(crate) fn start_logging(config: &Config, filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Usage(format!("setting \"log\": {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = if config.log_json {
        lines.json().try_init()
    } else {
        lines.try_init()
    };
    started.map_err(|error| Failure::Failed(format!("logging cannot be started: {error}")))
}

/// Takes the address, before any data is touched.
///
/// # Errors
/// It is taken, or not this machine's.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .map_err(|error| Failure::Failed(format!("{address} cannot be listened on: {error}")))
}

/// The address that a listener was given; it may have asked for any free port.
///
/// # Errors
/// The operating system does not say.
pub(crate) fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::Failed(format!("the address is not known: {error}")))
}

/// Opens the data folder, which is made if need be.
///
/// # Errors
/// It is in use, damaged or cannot be read.
pub(crate) fn open(config: &Config) -> Result<Arc<Database>, Failure> {
    if std::fs::metadata(&config.data).is_ok_and(|found| !found.is_dir()) {
        let text = format!("{} is no folder", config.data.display());
        return Err(Failure::Failed(text));
    }
    tagdb::open(config)
        .map_err(|error| Failure::Failed(format!("{}: {error}", config.data.display())))
}

/// Serves until told to stop, then closes the data. `announce` says that it serves: from then on
/// it can be told to stop.
///
/// # Errors
/// The server cannot be run, or the data not be closed.
pub(crate) fn serve(
    mut config: Config,
    database: Arc<Database>,
    listener: TcpListener,
    announce: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    descriptors::leave_some(&mut config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("the server cannot be run: {error}")))?;
    let engine = Arc::clone(database.engine());
    let stopped = |error: std::io::Error| Failure::Failed(format!("the server stopped: {error}"));
    runtime.block_on(async {
        let stop = tagdb::shutdown::signal().map_err(stopped)?;
        announce()?;
        let served = tagdb::http::serve(config, database, listener, stop).await;
        served.map_err(stopped)
    })?;
    engine
        .close()
        .map_err(|error| Failure::Failed(format!("the data could not be closed: {error}")))
}
