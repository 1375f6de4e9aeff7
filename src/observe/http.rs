//! HTTP: `/livez`, `/readyz` and `/metrics`, for orchestrators and Prometheus.

use std::{future::Future, io, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{Html, IntoResponse},
    routing::get,
};
use tokio::{net::TcpListener, sync::oneshot};

use super::{Health, HttpConfig, Liveness, Metrics, Readiness, patience::PatientListener};
use crate::fault::{Fault, FaultKind};

/// What clients get to finish their requests after the order to stop.
const GRACE: Duration = Duration::from_secs(1);

const FRONT_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <title>Postrider</title><h1>Postrider</h1><ul>\
    <li><a href=\"/livez\">/livez</a>: whether the process makes turns\
    <li><a href=\"/readyz\">/readyz</a>: whether events reach Kafka, else why not\
    <li><a href=\"/metrics\">/metrics</a>: numbers for Prometheus</ul>\n";

/// Takes the port, so that a wrong address is known before anything else starts.
///
/// # Errors
///
/// A settings fault when the address cannot be had.
pub async fn bind(config: &HttpConfig) -> Result<TcpListener, Fault> {
    TcpListener::bind(config.listen).await.map_err(|error| {
        let listen = config.listen;
        let (what, hint) = match error.kind() {
            io::ErrorKind::AddrInUse => (
                "is in use by another process".to_owned(),
                "set [http] listen to a free port, or stop the other process",
            ),
            io::ErrorKind::PermissionDenied => (
                "is not allowed for this user".to_owned(),
                "set [http] listen to a port above 1023",
            ),
            io::ErrorKind::AddrNotAvailable => (
                "is not an address of this machine".to_owned(),
                "set [http] listen to 127.0.0.1:9464, or to 0.0.0.0:9464 for all interfaces",
            ),
            _ => (format!("cannot be listened on: {error}"), "set [http] listen to another one"),
        };
        Fault::new(FaultKind::Settings, format!("{listen} {what}"), hint)
    })
}

/// Serves until `shutdown`, then for a second at most.
///
/// # Errors
///
/// None today: accept errors are waited out by the listener itself.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    health: Health,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_on(PatientListener::new(listener), router(metrics, health), shutdown).await
}

async fn serve_on(
    listener: PatientListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stop_seen) = oneshot::channel();
    let until = async move {
        shutdown.await;
        // Nobody listens any more when serving has already ended; then there is no one to tell.
        let _ = stopping.send(());
    };
    let over = async {
        if stop_seen.await.is_err() {
            // Serving ended without an order to stop; its own result is the one that counts.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = axum::serve(listener, router).with_graceful_shutdown(until) => served,
        () = over => Ok(()),
    }
}

fn router(metrics: Metrics, health: Health) -> Router {
    let probes =
        Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(health);
    let numbers = Router::new().route("/metrics", get(show_metrics)).with_state(metrics);
    let front = Router::new().route("/", get(|| async { Html(FRONT_PAGE) }));
    front.merge(probes).merge(numbers)
}

async fn livez(State(health): State<Health>) -> impl IntoResponse {
    let (code, text) = match health.liveness() {
        Liveness::Live => (StatusCode::OK, "live\n".to_owned()),
        Liveness::Stuck(idle) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the publisher has made no turn for {} seconds\n", idle.as_secs()),
        ),
    };
    (code, [(CACHE_CONTROL, "no-store")], text)
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    let (code, text) = match health.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n".to_owned()),
        Readiness::NotReady { reason, hint } => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\nhint: {hint}\n"))
        }
    };
    (code, [(CACHE_CONTROL, "no-store")], text)
}

async fn show_metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    match metrics.text() {
        Ok(text) => (StatusCode::OK, [(CONTENT_TYPE, Metrics::CONTENT_TYPE)], text),
        Err(bug) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(CONTENT_TYPE, "text/plain; charset=utf-8")],
            format!("{bug}\nhint: {}\n", bug.hint),
        ),
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
