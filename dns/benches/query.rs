//! Answers per second: `cargo xtask bench query`. The first rows answer from zones of growing size, the next change one service of
//! each, the last asks over UDP on loopback with 32 questions under way. The last column is the cost relative to the first row's.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

use corvette_client::kube::client::Body;
use corvette_client::{NamespacedName, in_process};
use corvette_component::tasks::Tasks;
use corvette_dns::Config;
use corvette_dns::answer::{Answer, answer};
use corvette_dns::model::{Kind, Port, Service};
use corvette_dns::zone::Zone;
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use http::{Request, Response};
use tokio::net::UdpSocket;

/// Questions of each row.
const QUESTIONS: u32 = 100_000;
/// Questions under way at once over UDP.
const WINDOW: u16 = 32;

fn main() {
    println!("{:<24} {:>10} {:>8} {:>7}", "what", "per second", "µs each", "ratio");
    let mut base = None;
    let mut row = |what: String, each: f64| {
        let base = *base.get_or_insert(each);
        println!("{what:<24} {:>10.0} {each:>8.2} {:>7.2}", 1e6 / each, each / base);
    };
    for services in [100, 1_000, 10_000] {
        row(format!("A, {services} services"), questions(services));
    }
    for services in [100, 10_000] {
        row(format!("change, {services} services"), changes(services));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    row("NS over UDP".to_owned(), runtime.block_on(over_udp()));
}

fn service(i: u32) -> (NamespacedName, Service) {
    let address = std::net::Ipv4Addr::from_bits(0x0a60_0000 + i);
    let ports = vec![Port { name: "http".to_owned(), protocol: "tcp".to_owned(), number: 80 }];
    let service = Service { kind: Kind::Addressed(vec![address.into()]), ports, publish_not_ready: false };
    (NamespacedName::new(format!("ns-{}", i % 100), format!("service-{i}")), service)
}

fn zone(services: u32) -> Zone {
    let mut zone = Zone::new("cluster.local", None).unwrap();
    for (key, service) in (0..services).map(service) {
        zone.apply_service(&key, service);
    }
    zone.set_synced();
    zone
}

/// Microseconds for one answer.
fn questions(services: u32) -> f64 {
    let zone = zone(services);
    let queries = (0..services).map(|i| {
        let (key, _) = service(i);
        Query::query(
            Name::from_ascii(format!("{}.{}.svc.cluster.local.", key.name, key.namespace)).unwrap(),
            RecordType::A,
        )
    });
    let queries: Vec<Query> = queries.collect();
    let started = Instant::now();
    for (i, query) in queries.iter().cycle().take(QUESTIONS as usize).enumerate() {
        assert!(matches!(black_box(answer(&zone, query, i)), Answer::Found { .. }));
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(QUESTIONS)
}

/// Microseconds for one change of a service.
fn changes(services: u32) -> f64 {
    let mut zone = zone(services);
    let started = Instant::now();
    for i in 0..QUESTIONS {
        let (key, _) = service(i % services);
        let (_, other) = service(i % services + 1 + services * (i / services % 2));
        zone.apply_service(&key, other);
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(QUESTIONS)
}

/// Microseconds for one question and its reply over UDP.
async fn over_udp() -> f64 {
    let service = tower::service_fn(|request: Request<Body>| async move {
        if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
            std::future::pending::<()>().await;
        }
        Ok::<_, Infallible>(Response::new(Body::from(br#"{"metadata":{"resourceVersion":"1"},"items":[]}"#.to_vec())))
    });
    let (config, tasks) = (Config::new("127.0.0.1:0".parse().unwrap()), Tasks::new("bench"));
    let sockets = corvette_dns::listen(&config).await.unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(sockets.local_addr()).await.unwrap();
    tasks.spawn("dns", corvette_dns::run(in_process(service, "bench"), sockets, config, tasks.child("dns")));
    let question = |id: u16| {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii("cluster.local.").unwrap(), RecordType::NS));
        message.to_vec().unwrap()
    };
    let questions: Vec<_> = (0..WINDOW).map(question).collect();
    let mut buffer = [0; 512];
    let started = Instant::now();
    for question in &questions {
        socket.send(question).await.unwrap();
    }
    for _ in 0..QUESTIONS {
        socket.recv(&mut buffer).await.unwrap();
        let id = u16::from_be_bytes([buffer[0], buffer[1]]);
        socket.send(&questions[usize::from(id)]).await.unwrap();
    }
    let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(QUESTIONS);
    tasks.token().cancel();
    each
}
