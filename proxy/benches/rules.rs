//! What one changed service costs before nft is told: `cargo bench -p corvette-proxy --bench rules`.
//!
//! Builds the table of all services anew and compares it with the one before, as the proxy does; prints the ratio to the smallest cluster.

use std::hint::black_box;
use std::time::{Duration, Instant};

use corvette_component::network::Network;
use corvette_proxy::Config;
use corvette_proxy::model::{Family, Port, Target};
use corvette_proxy::rules::{Change, table};

/// Endpoints of each service.
const TARGETS: u8 = 10;
/// Time for each size.
const TIME: Duration = Duration::from_secs(1);

fn main() {
    let cluster = "10.244.0.0/16".parse::<Network>().expect("a network");
    let config = Config { node_name: "node".to_owned(), cluster: vec![cluster], masquerade_egress: true };
    println!("{:>8} services  {:>10} ms  {:>8}  bytes for nft", "", "change of one", "ratio");
    let mut base = 0.0;
    for services in [10_u16, 1_000, 10_000] {
        let mut ports: Vec<Port> = (0..services).map(port).collect();
        let mut old = table(&ports, Family::V4, &config);
        let (start, mut rounds, mut told) = (Instant::now(), 0_u32, 0);
        while start.elapsed() < TIME {
            let changed = usize::try_from(rounds).unwrap_or(0) % ports.len();
            if let Some(port) = ports.get_mut(changed) {
                port.cluster.rotate_left(1);
            }
            let new = table(&ports, Family::V4, &config);
            told = black_box(Change::between(Family::V4, &old, &new)).first.len();
            old = new;
            rounds += 1;
        }
        let millis = start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
        if base == 0.0 {
            base = millis;
        }
        println!("{services:>8} services  {millis:>13.3} ms  {:>8.1}  {told}", millis / base);
    }
}

fn port(index: u16) -> Port {
    let [high, low] = index.to_be_bytes();
    Port {
        name: format!("default/service-{index}/tcp/80"),
        family: Family::V4,
        protocol: "tcp",
        port: 80,
        cluster_ip: [10, 96, high, low].into(),
        external_ips: Vec::new(),
        balancer_ips: Vec::new(),
        balancer_sources: Vec::new(),
        node_port: None,
        affinity: None,
        internal_local: false,
        external_local: false,
        cluster: (0..TARGETS).map(|last| Target { ip: [10, 244, low, last].into(), port: 8080 }).collect(),
        local: Vec::new(),
    }
}
