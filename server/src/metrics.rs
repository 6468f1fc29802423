//! Figures for Prometheus. All names are in this file.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The media type of what [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of the buckets of request times, in seconds.
const BUCKETS: [f64; 14] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

/// The figures of the good answers of one route and method, found once: looking them up by name
/// takes longer than the smallest request.
#[derive(Debug)]
pub struct GoodAnswers {
    route: &'static str,
    method: &'static str,
    found: OnceLock<(Histogram, Counter)>,
}

impl GoodAnswers {
    /// Those of a path's pattern and a method, with status 200.
    #[must_use]
    pub const fn of(route: &'static str, method: &'static str) -> Self {
        Self {
            route,
            method,
            found: OnceLock::new(),
        }
    }

    /// The path's pattern.
    #[must_use]
    pub const fn route(&self) -> &'static str {
        self.route
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// Counts one, as [`Metrics::request`] does.
    pub fn count(&self, metrics: &Metrics, time: Duration) {
        let (seconds, answered) = self.found.get_or_init(|| {
            let route = Route {
                route: self.route.to_owned(),
            };
            let request = Request {
                route: self.route.to_owned(),
                method: self.method,
                status: 200,
            };
            (
                metrics.request_seconds.get_or_create_owned(&route),
                metrics.requests.get_or_create_owned(&request),
            )
        });
        seconds.observe(time.as_secs_f64());
        answered.inc();
    }
}

/// The figures of one server.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_seconds: Family<Route, Histogram>,
    connections: Gauge,
    statements: Gauge,
    statements_waiting: Gauge,
    /// Paged results that are open, counted when they are asked for.
    pub cursors: Gauge,
    rows_written: Counter,
    rows_rejected: Counter,
    /// Figures of the storage engine, taken when they are asked for.
    pub engine: EngineGauges,
}

/// Figures of the storage engine.
#[derive(Clone, Debug, Default)]
pub struct EngineGauges {
    /// Bytes of writes kept in memory.
    pub memory_bytes: Gauge,
    /// Bytes of the cache in use.
    pub cache_bytes: Gauge,
    /// Segment files in use.
    pub segments: Gauge,
    /// Bytes of segment files.
    pub segment_bytes: Gauge,
    /// Bytes of the log.
    pub log_bytes: Gauge,
    /// The last write that readers see.
    pub lsn: Gauge,
    /// The last write on disk.
    pub durable_lsn: Gauge,
    /// 1 once writes are refused until a restart.
    pub read_only: Gauge,
    /// Damaged files that were found.
    pub damaged: Gauge,
    /// Bytes that all requests together hold.
    pub requests_memory_bytes: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("tagdb"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            connections: Gauge::default(),
            statements: Gauge::default(),
            statements_waiting: Gauge::default(),
            cursors: Gauge::default(),
            rows_written: Counter::default(),
            rows_rejected: Counter::default(),
            engine: EngineGauges::default(),
        };
        metrics.register();
        metrics.register_engine();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time until the head of the answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        registry.register(
            "http_connections",
            "Connections open",
            self.connections.clone(),
        );
        registry.register(
            "statements_running",
            "Statements running",
            self.statements.clone(),
        );
        registry.register(
            "statements_waiting",
            "Statements waiting for their turn",
            self.statements_waiting.clone(),
        );
        registry.register(
            "cursors",
            "Paged results that are open",
            self.cursors.clone(),
        );
        registry.register(
            "rows_written",
            "Rows written by bulk writes",
            self.rows_written.clone(),
        );
        registry.register(
            "rows_rejected",
            "Bad rows of bulk writes",
            self.rows_rejected.clone(),
        );
    }

    fn register_engine(&mut self) {
        let engine = self.engine.clone();
        for (name, help, gauge) in [
            ("memory_bytes", "Writes kept in memory", engine.memory_bytes),
            ("cache_bytes", "Cache in use", engine.cache_bytes),
            ("segments", "Segment files in use", engine.segments),
            (
                "segment_bytes",
                "Bytes of segment files",
                engine.segment_bytes,
            ),
            ("log_bytes", "Bytes of the log", engine.log_bytes),
            ("lsn", "Last write that readers see", engine.lsn),
            ("durable_lsn", "Last write on disk", engine.durable_lsn),
            (
                "read_only",
                "1 once writes are refused until a restart",
                engine.read_only,
            ),
            (
                "damaged_files",
                "Damaged files that were found",
                engine.damaged,
            ),
            (
                "requests_memory_bytes",
                "Memory that all requests together hold",
                engine.requests_memory_bytes,
            ),
        ] {
            self.registry.register(name, help, gauge);
        }
    }

    /// Counts an answered request; `route` is the path's pattern, so that labels are bounded.
    pub fn request(&self, route: &str, method: &'static str, status: u16, time: Duration) {
        let route = route.to_owned();
        self.request_seconds
            .get_or_create(&Route {
                route: route.clone(),
            })
            .observe(time.as_secs_f64());
        self.requests
            .get_or_create(&Request {
                route,
                method,
                status,
            })
            .inc();
    }

    /// Counts a connection while the answer is kept.
    #[must_use]
    pub fn connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// Counts a running statement while the answer is kept.
    #[must_use]
    pub fn statement(&self) -> Counted {
        Counted::new(&self.statements)
    }

    /// Counts a waiting statement while the answer is kept.
    #[must_use]
    pub fn waiting(&self) -> Counted {
        Counted::new(&self.statements_waiting)
    }

    /// Counts the rows of a bulk write.
    pub fn rows(&self, written: u64, rejected: u64) {
        self.rows_written.inc_by(written);
        self.rows_rejected.inc_by(rejected);
    }

    /// Connections open.
    #[must_use]
    pub fn connections_open(&self) -> u64 {
        self.connections.get().unsigned_abs()
    }

    /// Statements running.
    #[must_use]
    pub fn statements_running(&self) -> u64 {
        self.statements.get().unsigned_abs()
    }

    /// All figures in the OpenMetrics text format.
    ///
    /// # Errors
    /// Never with a `String`; passed on from the encoder.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry)?;
        Ok(encoded)
    }
}

/// One that is counted in a gauge until it is dropped.
#[derive(Debug)]
pub struct Counted {
    gauge: Gauge<i64, AtomicI64>,
}

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self {
            gauge: gauge.clone(),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_by_name() {
        let metrics = Metrics::default();
        metrics.request("/v1/sql", "POST", 200, Duration::from_millis(3));
        let rows = GoodAnswers::of("/v1/rows", "GET");
        rows.count(&metrics, Duration::from_millis(1));
        rows.count(&metrics, Duration::from_millis(1));
        metrics.request("/v1/rows", "GET", 200, Duration::from_millis(1));
        metrics.rows(10, 2);
        metrics.engine.segments.set(4);
        let open = metrics.connection();
        let text = metrics.encode().unwrap();
        for line in [
            "tagdb_http_requests_total{route=\"/v1/sql\",method=\"POST\",status=\"200\"} 1",
            "tagdb_http_request_duration_seconds_count{route=\"/v1/sql\"} 1",
            "tagdb_http_requests_total{route=\"/v1/rows\",method=\"GET\",status=\"200\"} 3",
            "tagdb_http_request_duration_seconds_count{route=\"/v1/rows\"} 3",
            "tagdb_rows_written_total 10",
            "tagdb_rows_rejected_total 2",
            "tagdb_segments 4",
            "tagdb_http_connections 1",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        drop(open);
        assert_eq!(metrics.connections_open(), 0);
    }
}
