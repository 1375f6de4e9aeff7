//! Tests of HTTP: raw requests to a real listener on a port of its own.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::*;

/// Far above what any of these needs; only a hang reaches it.
const DEADLINE: Duration = Duration::from_secs(20);

async fn bound() -> (TcpListener, SocketAddr) {
    let listen = "127.0.0.1:0".parse().unwrap();
    let listener = bind(&HttpConfig { listen }).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn probes_and_numbers_are_served_until_told_to_stop() {
    let (listener, address) = bound().await;
    let (metrics, health) = (Metrics::new(), Health::new());
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, metrics.clone(), health.clone(), async {
        stopped.await.unwrap();
    }));

    assert!(ask(address, "/livez").await.starts_with("HTTP/1.1 200"));
    let starting = ask(address, "/readyz").await;
    assert!(starting.starts_with("HTTP/1.1 503"), "{starting}");

    health.set_readiness(Readiness::NotReady {
        reason: "the slot \"s\" is gone".to_owned(),
        hint: "run postrider init".to_owned(),
    });
    let held = ask(address, "/readyz").await;
    assert!(held.ends_with("the slot \"s\" is gone\nhint: run postrider init\n"), "{held}");

    health.set_readiness(Readiness::Ready);
    let ready = ask(address, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with("ready\n"), "{ready}");

    metrics.received(7, 1);
    let numbers = ask(address, "/metrics").await;
    assert!(numbers.contains("content-type: text/plain; version=0.0.4"), "{numbers}");
    assert!(numbers.contains("\npostrider_events_received_total 7\n"), "{numbers}");

    let front = ask(address, "/").await;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert!(front.contains(path));
    }
    assert!(ask(address, "/nothing").await.starts_with("HTTP/1.1 404"));

    stop.send(()).unwrap();
    timeout(DEADLINE, server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_never_finishes_does_not_keep_the_process() {
    let (listener, address) = bound().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, Metrics::new(), Health::new(), async {
        stopped.await.unwrap();
    }));
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    // The answer to a later client proves that the slow one was accepted.
    ask(address, "/livez").await;
    stop.send(()).unwrap();
    timeout(DEADLINE, server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_quiet_client_is_sent_away() {
    let (listener, address) = bound().await;
    let listener = PatientListener::new(listener).quiet_after(Duration::from_millis(50));
    let routes = router(Metrics::new(), Health::new());
    let server = tokio::spawn(serve_on(listener, routes, std::future::pending()));
    let mut quiet = TcpStream::connect(address).await.unwrap();
    quiet.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    let mut rest = Vec::new();
    // Closed or reset, either way without an answer.
    let _ = timeout(DEADLINE, quiet.read_to_end(&mut rest)).await.expect("the server waits on");
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
    server.abort();
}

#[tokio::test]
async fn a_taken_port_is_a_settings_fault_that_names_the_address() {
    let (_holder, address) = bound().await;
    let fault = bind(&HttpConfig { listen: address }).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Settings);
    assert_eq!(fault.sentence, format!("{address} is in use by another process"));
    assert!(fault.hint.contains("[http] listen"));
}

#[tokio::test]
async fn an_address_of_another_machine_is_a_settings_fault() {
    let listen = "192.0.2.1:9464".parse().unwrap();
    let fault = bind(&HttpConfig { listen }).await.unwrap_err();
    assert_eq!(fault.sentence, "192.0.2.1:9464 is not an address of this machine");
}
