//! The whole contract as a service, without a socket.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::Either;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::error::ApiError;
use super::state::AppState;
use super::{middleware, routes};

/// Answers requests.
#[derive(Clone, Debug)]
pub struct App {
    state: AppState,
    router: TowerToHyperService<Router>,
}

impl App {
    /// The contract over that state.
    #[must_use]
    pub fn new(state: AppState) -> Self {
        let mut router = Router::new();
        for route in routes::all() {
            router = router.route(route.path, route.handler);
        }
        let router = router
            .fallback(|| async { ApiError::new("not_found", "there is no such path") })
            .method_not_allowed_fallback(|| async {
                ApiError::new("method_not_allowed", "the path does not have this method")
            })
            .layer(axum::middleware::from_fn_with_state(
                state.clone(),
                middleware::frame,
            ))
            .with_state(state.clone());
        Self {
            state,
            router: TowerToHyperService::new(router),
        }
    }

    /// Answers a request. The commonest and smallest one goes around the router, which would take
    /// longer than it.
    pub fn answer<B>(
        &self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<B>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        match routes::row_at_once(&self.state, &request) {
            Some(response) => Either::Left(response.map(Ok)),
            None => Either::Right(self.router.call(request.map(Body::new))),
        }
    }
}
