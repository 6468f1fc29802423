//! The accept loop: connections are counted, heads of requests must come in time, and a stop lets
//! running requests end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::App;
use super::addresses::{Addresses, Place};
use super::error::ApiError;
use super::head_timer::{self, HeadTimer};
use super::socket::Socket;
use crate::metrics::Metrics;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Bytes read from a connection at a time; also bounds what waits to be sent.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Rest after accepting failed, as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The bounds of the accept loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections at a time.
    pub(super) connections_max: usize,
    /// Connections of one address at a time.
    pub(super) per_address_max: usize,
    /// Time for a request's head.
    pub(super) header_timeout: Duration,
    /// Time for a piece of an answer to be taken.
    pub(super) send_timeout: Duration,
    /// Time that running requests get after the stop.
    pub(super) stop_timeout: Duration,
}

/// Serves until `stop` is done, then lets running requests end.
pub(super) async fn run(
    listener: TcpListener,
    app: App,
    bounds: Bounds,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(bounds.connections_max));
    let addresses = Arc::new(Addresses::default());
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let Some(place) = enter(&stream, &addresses, bounds.per_address_max) else {
                    refuse(&stream, bounds.per_address_max);
                    continue;
                };
                let connection = serve(stream, app.clone(), bounds, stopped.clone());
                let metrics = Arc::clone(&metrics);
                connections.spawn(async move {
                    let _open = metrics.connection();
                    connection.await;
                    drop((permit, place));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let rest = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(bounds.stop_timeout, rest)
        .await
        .is_err()
    {
        tracing::warn!("requests were still running when the time to stop was over");
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

/// Counts a connection; none if its address has too many, or the client is gone already.
fn enter(stream: &TcpStream, addresses: &Arc<Addresses>, most: usize) -> Option<Place> {
    addresses.enter(stream.peer_addr().ok()?.ip(), most)
}

/// Tells why a connection is not served. An answer as short as this fits what the system keeps for
/// a connection, so nobody waits.
fn refuse(stream: &TcpStream, most: usize) {
    let detail = format!("at most {most} connections of one address are served at a time");
    let limit = most as u64;
    let error = ApiError::new("rate_limited", detail);
    let error = error.limit("connections_per_address", limit.saturating_add(1), limit);
    let body = serde_json::to_string(&error.problem("")).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 {}\r\ncontent-type: {}\r\nretry-after: 1\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        StatusCode::TOO_MANY_REQUESTS,
        tagdb_wire::media::PROBLEM,
        body.len()
    );
    if let Err(error) = stream.try_write(answer.as_bytes()) {
        tracing::debug!(%error, "a refused client was not told why");
    }
}

async fn serve(stream: TcpStream, app: App, bounds: Bounds, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| app.answer(request));
    let connection = http1::Builder::new()
        .timer(HeadTimer)
        .header_read_timeout(bounds.header_timeout)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(
            TokioIo::new(Socket::new(stream, bounds.send_timeout)),
            service,
        );
    tokio::pin!(connection);
    let mut looks = head_timer::looks(bounds.header_timeout);
    let stop = async { drop(stopped.wait_for(|stopping| *stopping).await) };
    tokio::pin!(stop);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut connection => break ended,
            _ = looks.tick() => {}
            () = &mut stop, if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
