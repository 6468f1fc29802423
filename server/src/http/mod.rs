//! The contract over HTTP/1.1.

mod accept;
mod addresses;
mod app;
mod body;
mod convert;
mod cursors;
mod error;
mod head_timer;
mod held;
mod jobs;
mod middleware;
mod negotiate;
mod output;
mod pace;
mod pages;
mod params;
mod read;
mod routes;
mod socket;
mod state;
mod statement;
mod stream;
mod token;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tagdb_query::Database;
use tokio::net::TcpListener;

pub use app::App;
pub use error::{ApiError, ApiResult};
pub use state::AppState;

use crate::config::Config;

/// Serves until `stop` is done, and then lets running requests end.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    config: Config,
    database: Arc<Database>,
    listener: std::net::TcpListener,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let bounds = accept::Bounds {
        connections_max: config.connections_max,
        per_address_max: config.connections_per_address_max,
        header_timeout: config.header_timeout,
        send_timeout: config.send_timeout,
        stop_timeout: config.stop_timeout,
    };
    let state = AppState::new(config, database);
    let metrics = Arc::clone(&state.metrics);
    let app = App::new(state.clone());
    let stop = async move {
        stop.await;
        tracing::info!("stopping");
        state.stopping.store(true, Ordering::Relaxed);
    };
    accept::run(listener, app, bounds, metrics, stop).await;
    Ok(())
}

#[cfg(test)]
mod tests;
