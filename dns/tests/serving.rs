//! The server on real sockets: both transports, sizes, who may ask, packets that are not questions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;
mod support;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use common::{service, slice};
use corvette_component::metrics;
use hickory_proto::op::{OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RData, RecordType};
use serde_json::json;
use support::{PATIENCE, answers, api, code, config, question, start, start_unsynced, tcp, with_edns};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

const WEB: &str = "web.n.svc.cluster.local.";

#[tokio::test]
async fn both_transports_answer_with_authority() {
    let server = start(api::cluster(), config()).await;
    let asked = question("Web.n.svc.cluster.LOCAL.", RecordType::A);
    let mut stream = server.connect().await;
    for reply in [server.udp(&asked).await, tcp(&mut stream, &asked).await.unwrap()] {
        assert_eq!(answers(&reply), ["Web.n.svc.cluster.LOCAL. A 10.96.0.7"]);
        assert!(reply.queries[0].name.eq_case(&asked.queries[0].name) && reply.queries.len() == 1);
        let metadata = reply.metadata;
        assert!(metadata.authoritative && metadata.recursion_desired && !metadata.recursion_available);
        assert!(!metadata.truncation && reply.edns.is_none());
    }
    let again = tcp(&mut stream, &question("none.n.svc.cluster.local.", RecordType::A)).await.unwrap();
    assert_eq!((code(&again), again.answers.len(), again.authorities.len()), (ResponseCode::NXDomain, 0, 1));
    assert!(again.metadata.authoritative);
    let nothing = server.ask(WEB, RecordType::AAAA).await;
    assert_eq!((code(&nothing), nothing.answers.len(), nothing.authorities.len()), (ResponseCode::NoError, 0, 1));
    let located = server.ask("_http._tcp.web.n.svc.cluster.local.", RecordType::SRV).await;
    assert_eq!((located.answers.len(), located.additionals.len()), (1, 1));
}

#[tokio::test]
async fn names_fail_until_the_cluster_is_known() {
    let gate = Arc::new(Notify::new());
    let client = api::client(common::services(), common::slices(), Some(gate.clone()), None);
    let server = start_unsynced(client, config()).await;
    let early = server.ask(WEB, RecordType::A).await;
    assert_eq!((code(&early), early.metadata.authoritative), (ResponseCode::ServFail, false));
    gate.notify_one();
    let reply = server.eventually(WEB, RecordType::A, |reply| code(reply) != ResponseCode::ServFail).await;
    assert_eq!(answers(&reply), ["web.n.svc.cluster.local. A 10.96.0.7"]);
}

#[tokio::test]
async fn changes_of_the_cluster_are_followed() {
    let (events, receiver) = mpsc::channel(8);
    let server = start(api::client(common::services(), common::slices(), None, Some(receiver)), config()).await;
    let mut new = service("n", "new", json!({ "clusterIP": "10.96.0.99" }));
    new["metadata"]["resourceVersion"] = json!("2");
    events.send(json!({ "type": "ADDED", "object": new })).await.unwrap();
    let name = "new.n.svc.cluster.local.";
    let reply = server.eventually(name, RecordType::A, |reply| !reply.answers.is_empty()).await;
    assert_eq!(answers(&reply), ["new.n.svc.cluster.local. A 10.96.0.99"]);
    new["metadata"]["resourceVersion"] = json!("3");
    events.send(json!({ "type": "DELETED", "object": new })).await.unwrap();
    server.eventually(name, RecordType::A, |reply| code(reply) == ResponseCode::NXDomain).await;
    let authority = server.ask("cluster.local.", RecordType::SOA).await;
    let RData::SOA(soa) = &authority.answers[0].data else { panic!("{authority}") };
    assert!(soa.serial > 1_700_000_000, "the serial number is the time of the last change");
}

#[tokio::test]
async fn big_answers_are_cut_over_udp_and_whole_over_tcp() {
    let endpoints = |slice: usize| {
        let endpoints = (0..100).map(|i| json!({ "addresses": [format!("10.{slice}.0.{i}")] }));
        json!(endpoints.collect::<Vec<_>>())
    };
    let ports = json!([{ "name": "p", "port": 1 }]);
    let slices = vec![slice("n", "a", "big", ports.clone(), endpoints(1)), slice("n", "b", "big", ports, endpoints(2))];
    let services = vec![service("n", "big", json!({ "clusterIP": "None" }))];
    let server = start(api::client(services, slices, None, None), config()).await;
    let asked = question("big.n.svc.cluster.local.", RecordType::A);
    for (asked, limit) in [
        (asked.clone(), 512),
        (with_edns(asked.clone(), 100), 512),
        (with_edns(asked.clone(), 1000), 1000),
        (with_edns(asked.clone(), 65535), 1232),
    ] {
        let bytes = server.udp_bytes(&asked.to_vec().unwrap()).await.unwrap();
        let reply = server.udp(&asked).await;
        assert!(bytes.len() <= limit && bytes.len() + 16 > limit, "{} of {limit}", bytes.len());
        assert!(reply.metadata.truncation && reply.edns.is_some() == asked.edns.is_some());
        assert!(reply.answers.len() > 25);
    }
    let reply = tcp(&mut server.connect().await, &asked).await.unwrap();
    assert_eq!((reply.answers.len(), reply.metadata.truncation), (200, false));
    let srv = question("_p._tcp.big.n.svc.cluster.local.", RecordType::SRV);
    let reply = tcp(&mut server.connect().await, &srv).await.unwrap();
    assert_eq!((reply.answers.len(), reply.additionals.len(), reply.metadata.truncation), (200, 200, false));
}

#[tokio::test]
async fn additional_records_go_before_answers_are_cut() {
    let endpoints = json!((0..8).map(|i| json!({ "addresses": [format!("10.1.0.{i}")] })).collect::<Vec<_>>());
    let slices = vec![slice("n", "a", "some", json!([{ "name": "p", "port": 1 }]), endpoints)];
    let services = vec![service("n", "some", json!({ "clusterIP": "None" }))];
    let server = start(api::client(services, slices, None, None), config()).await;
    let reply = server.ask("_p._tcp.some.n.svc.cluster.local.", RecordType::SRV).await;
    assert_eq!((reply.answers.len(), reply.additionals.len(), reply.metadata.truncation), (8, 0, false));
}

#[tokio::test]
async fn strangers_are_refused() {
    let mut config = config();
    config.clients = vec!["10.0.0.0/8".parse().unwrap()];
    let server = start_unsynced(api::cluster(), config).await;
    for name in [WEB, "example.com.", "1.0.0.10.in-addr.arpa."] {
        let reply = server.ask(name, RecordType::A).await;
        assert_eq!((code(&reply), reply.answers.len(), reply.authorities.len()), (ResponseCode::Refused, 0, 0));
    }
    let mut stream = server.connect().await;
    let reply = tcp(&mut stream, &question(WEB, RecordType::A)).await.unwrap();
    assert_eq!(code(&reply), ResponseCode::Refused);
    let end = timeout(PATIENCE, stream.read_u8()).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "one refusal is all there is");
}

#[tokio::test]
async fn questions_that_are_not_understood_are_told_so() {
    let server = start(api::cluster(), config()).await;
    let asked = question(WEB, RecordType::A);
    let check = async |packet: Vec<u8>, expected: ResponseCode| {
        let reply = server.udp_bytes(&packet).await.expect("no reply");
        assert_eq!((&reply[..2], reply[2] & 0x80, reply[3] & 0xf), (&packet[..2], 0x80, expected.low()), "{packet:?}");
    };
    for opcode in [OpCode::Status, OpCode::Notify, OpCode::Update] {
        let mut asked = asked.clone();
        asked.metadata.op_code = opcode;
        check(asked.to_vec().unwrap(), ResponseCode::NotImp).await;
    }
    let mut two = asked.clone();
    two.queries.push(two.queries[0].clone());
    check(two.to_vec().unwrap(), ResponseCode::FormErr).await;
    let mut none = asked.clone();
    none.queries.clear();
    check(none.to_vec().unwrap(), ResponseCode::FormErr).await;
    let whole = asked.to_vec().unwrap();
    check(whole[..whole.len() - 3].to_vec(), ResponseCode::FormErr).await;
    let mut greedy = whole.clone();
    greedy[4..12].fill(0xff);
    check(greedy, ResponseCode::FormErr).await;
    let mut looping = whole[..12].to_vec();
    looping.extend([0xc0, 12, 0, 1, 0, 1]);
    check(looping, ResponseCode::FormErr).await;
    for kind in [RecordType::AXFR, RecordType::IXFR] {
        check(question("cluster.local.", kind).to_vec().unwrap(), ResponseCode::Refused).await;
    }
    let mut chaos = asked.clone();
    chaos.queries[0].query_class = DNSClass::CH;
    check(chaos.to_vec().unwrap(), ResponseCode::Refused).await;
    check(question("example.com.", RecordType::A).to_vec().unwrap(), ResponseCode::Refused).await;
    let mut late = with_edns(asked, 1232);
    late.edns.as_mut().unwrap().set_version(1);
    assert_eq!(u16::from(code(&server.udp(&late).await)), u16::from(ResponseCode::BADVERS));
}

#[tokio::test]
async fn what_is_no_question_gets_no_reply() {
    let server = start(api::cluster(), config()).await;
    let mut reply = question(WEB, RecordType::A).to_vec().unwrap();
    reply[2] |= 0x80;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.address).await.unwrap();
    for packet in [&b""[..], b"x", &[0; 11], &reply] {
        socket.send(packet).await.unwrap();
    }
    let asked = question(WEB, RecordType::A);
    socket.send(&asked.to_vec().unwrap()).await.unwrap();
    let mut buffer = [0; 512];
    timeout(PATIENCE, socket.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(
        u16::from_be_bytes([buffer[0], buffer[1]]),
        asked.metadata.id,
        "the first reply is to the good question"
    );
    let mut stream = server.connect().await;
    stream.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
    assert!(timeout(PATIENCE, stream.read_u8()).await.unwrap().is_err());
}

#[tokio::test]
async fn connections_end_when_idle_and_in_the_middle_of_a_question() {
    let mut config = config();
    config.tcp_idle = Duration::from_millis(500);
    let server = start(api::cluster(), config).await;
    let (mut silent, mut slow) = (server.connect().await, server.connect().await);
    slow.write_all(&[0, 30, 1]).await.unwrap();
    for stream in [&mut silent, &mut slow] {
        assert!(timeout(PATIENCE, stream.read_u8()).await.unwrap().is_err());
    }
    assert!(tcp(&mut server.connect().await, &question(WEB, RecordType::A)).await.is_some());
}

#[tokio::test]
async fn connections_are_bounded() {
    let server = start(api::cluster(), config()).await;
    let asked = question(WEB, RecordType::A);
    let mut streams = Vec::new();
    for _ in 0..256 {
        let mut stream = server.connect().await;
        assert!(tcp(&mut stream, &asked).await.is_some());
        streams.push(stream);
    }
    assert!(tcp(&mut server.connect().await, &asked).await.is_none(), "there is no place for one more");
    assert!(tcp(&mut streams[0], &asked).await.is_some());
    assert_eq!(code(&server.udp(&asked).await), ResponseCode::NoError);
}

#[tokio::test]
async fn an_address_in_use_is_one_clear_error() {
    let first = corvette_dns::listen(&config()).await.unwrap();
    let mut again = config();
    again.listen = first.local_addr();
    let error = corvette_dns::listen(&again).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&format!("TCP {}", first.local_addr())), "{error}");
    drop(first);
    let udp = tokio::net::UdpSocket::bind(again.listen).await.unwrap();
    let error = corvette_dns::listen(&again).await.unwrap_err();
    assert!(error.to_string().contains(&format!("UDP {}", again.listen)), "{error}");
    drop(udp);
    assert_eq!(corvette_dns::listen(&again).await.unwrap().local_addr(), again.listen);
    again.domain = "a..b".to_owned();
    again.listen.set_port(0);
    assert_eq!(corvette_dns::listen(&again).await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn questions_and_replies_are_counted() {
    let server = start(api::cluster(), config()).await;
    server.ask(WEB, RecordType::A).await;
    server.ask("none.n.svc.cluster.local.", RecordType::from(65399)).await;
    let text = metrics::encode();
    for line in [
        "coredns_dns_requests_total{family=\"1\",proto=\"udp\",type=\"A\"} ",
        "coredns_dns_requests_total{family=\"1\",proto=\"udp\",type=\"other\"} ",
        "coredns_dns_responses_total{rcode=\"NXDOMAIN\"} ",
        "coredns_dns_request_duration_seconds_count{proto=\"udp\"} ",
    ] {
        assert!(text.contains(line), "{line} not in {text}");
    }
}
