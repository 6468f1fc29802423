//! What the HTTP stack alone can do: axum answers `hello` to everything, on one thread.
//!
//! `cargo run --release -p tagdb-benches --example hello -- 127.0.0.1:7481`

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:7481".to_owned());
    let listener = TcpListener::bind(address).await?.tap_io(|stream| {
        // A connection without it works too, only slower.
        let _ = stream.set_nodelay(true);
    });
    let app = Router::new().route("/", get(|| async { "hello" }));
    axum::serve(listener, app).await
}
