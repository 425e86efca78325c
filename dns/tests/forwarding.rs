//! Names that are not the cluster's, with name servers on loopback that behave and misbehave.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;
mod support;

use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use support::upstream::Upstream;
use support::{Server, answers, api, code, config, question, start, tcp};
use tokio::net::UdpSocket;
use tokio::time::timeout;

async fn behind(upstreams: &[&Upstream], wait: Duration) -> Server {
    let mut config = config();
    config.upstreams = upstreams.iter().map(|upstream| upstream.address).collect();
    config.upstream_timeout = wait;
    start(api::cluster(), config).await
}

/// Long enough that a loaded machine does not turn an answer into a timeout.
const LONG: Duration = Duration::from_secs(5);
/// Long enough for a name server that answers to do so, short enough to wait for one that does not.
const SHORT: Duration = Duration::from_millis(1500);

#[tokio::test]
async fn other_names_are_asked_upstream() {
    let upstream = Upstream::start(1).await;
    let server = behind(&[&upstream], LONG).await;
    let reply = server.ask("Www.Example.com.", RecordType::A).await;
    assert_eq!(answers(&reply), ["Www.Example.com. A 192.0.2.1"]);
    assert!(reply.metadata.recursion_available && !reply.metadata.authoritative);
    let reply = server.ask("9.9.9.9.in-addr.arpa.", RecordType::PTR).await;
    assert_eq!(reply.answers.len(), 1, "addresses that are not the cluster's are asked, too");
    let before = upstream.asked();
    for name in ["web.n.svc.cluster.local.", "none.n.svc.cluster.local.", "7.0.96.10.in-addr.arpa."] {
        assert!(server.ask(name, RecordType::PTR).await.metadata.authoritative);
    }
    assert_eq!(upstream.asked(), before, "names of the cluster never leave it");
    let reply = tcp(&mut server.connect().await, &question("tcp.example.com.", RecordType::A)).await.unwrap();
    assert_eq!(answers(&reply), ["tcp.example.com. A 192.0.2.1"]);
}

#[tokio::test]
async fn only_the_reply_to_the_question_counts() {
    let upstream = Upstream::start(1).await;
    let server = behind(&[&upstream], LONG).await;
    for label in ["wrong-id", "wrong-name", "no-question", "echo", "wrong-source", "garbage"] {
        let name = format!("{label}.test.");
        assert_eq!(answers(&server.ask(&name, RecordType::A).await), [format!("{name} A 192.0.2.1")]);
    }
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_by_tcp() {
    let upstream = Upstream::start(1).await;
    let server = behind(&[&upstream], LONG).await;
    let asked = question("big.test.", RecordType::A);
    let whole = tcp(&mut server.connect().await, &asked).await.unwrap();
    assert_eq!((whole.answers.len(), whole.metadata.truncation), (100, false));
    let cut = server.udp(&asked).await;
    assert!(cut.metadata.truncation && cut.answers.len() > 20 && cut.answers.len() < 100);
    assert_eq!(code(&server.ask("liar.test.", RecordType::A).await), ResponseCode::ServFail);
}

#[tokio::test]
async fn servers_are_asked_in_turn() {
    let (first, second) = (Upstream::start(1).await, Upstream::start(2).await);
    let server = behind(&[&first, &second], SHORT).await;
    for label in ["dead", "broken"] {
        let name = format!("{label}.test.");
        assert_eq!(answers(&server.ask(&name, RecordType::A).await), [format!("{name} A 192.0.2.2")], "{label}");
    }
    assert_eq!((first.asked(), second.asked()), (2, 2));
    assert_eq!(code(&server.ask("refused.test.", RecordType::A).await), ResponseCode::Refused);
    assert_eq!(answers(&server.ask("fine.test.", RecordType::A).await), ["fine.test. A 192.0.2.1"]);
    assert_eq!(second.asked(), 3, "the second is not asked while the first answers");
}

#[tokio::test]
async fn without_an_answer_the_question_fails() {
    let upstream = Upstream::start(1).await;
    let server = behind(&[&upstream], Duration::from_millis(100)).await;
    let reply = server.ask("silent.test.", RecordType::A).await;
    assert_eq!((code(&reply), reply.metadata.authoritative), (ResponseCode::ServFail, false));
    let mute = server.ask("mute.n.svc.cluster.local.", RecordType::A).await;
    assert_eq!((code(&mute), mute.answers.len()), (ResponseCode::ServFail, 0), "the client shall ask again");
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut config = config();
    config.upstreams = vec![closed];
    let server = start(api::cluster(), config).await;
    assert_eq!(code(&server.ask("fine.test.", RecordType::A).await), ResponseCode::ServFail);
}

#[tokio::test]
async fn answers_are_kept_with_or_without_records() {
    let upstream = Upstream::start(1).await;
    let server = behind(&[&upstream], LONG).await;
    for (name, expected) in [("kept.test.", ResponseCode::NoError), ("none.test.", ResponseCode::NXDomain)] {
        let before = upstream.asked();
        for asked in [name, name, &name.to_uppercase()] {
            let reply = server.ask(asked, RecordType::A).await;
            assert_eq!((code(&reply), reply.queries[0].name.to_ascii().as_str()), (expected, asked));
            assert!(reply.answers.iter().all(|record| record.name.to_ascii() == asked));
            assert_eq!(reply.authorities.len(), usize::from(expected == ResponseCode::NXDomain));
        }
        assert_eq!(upstream.asked(), before + 1, "{name}");
    }
    let before = upstream.asked();
    server.ask("refused.test.", RecordType::A).await;
    server.ask("refused.test.", RecordType::A).await;
    assert_eq!(upstream.asked(), before + 2, "a failure is not kept");
}

#[tokio::test]
async fn external_names_are_resolved_when_somebody_can() {
    let cname = "ext.n.svc.cluster.local. CNAME www.Example.com.";
    let upstream = Upstream::start(1).await;
    let server = behind(&[&upstream], LONG).await;
    for _ in 0..2 {
        let reply = server.ask("ext.n.svc.cluster.local.", RecordType::A).await;
        assert_eq!(answers(&reply), [cname, "www.Example.com. A 192.0.2.1"]);
        assert!(reply.metadata.authoritative);
    }
    assert_eq!(upstream.asked(), 1);
    let gone = server.ask("gone.n.svc.cluster.local.", RecordType::A).await;
    assert_eq!(
        (code(&gone), answers(&gone)),
        (ResponseCode::NoError, vec!["gone.n.svc.cluster.local. CNAME none.test.".to_owned()])
    );
    let alone = start(api::cluster(), config()).await;
    assert_eq!(answers(&alone.ask("ext.n.svc.cluster.local.", RecordType::A).await), [cname]);
}

#[tokio::test]
async fn questions_under_way_are_bounded_and_do_not_hinder_the_cluster() {
    let upstream = Upstream::start(1).await;
    let server = behind(&[&upstream], Duration::from_secs(60)).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server.address).await.unwrap();
    for i in 0..512 {
        let mut asked = question(&format!("silent.n{i}.test."), RecordType::A);
        asked.metadata.id = i;
        socket.send(&asked.to_vec().unwrap()).await.unwrap();
        // The reply to a question of the cluster says that those before it have been read.
        if i % 32 == 31 {
            for _ in 0..2 {
                server.ask("web.n.svc.cluster.local.", RecordType::A).await;
            }
        }
    }
    let over = server.eventually("silent.more.test.", RecordType::A, |reply| code(reply) == ResponseCode::ServFail);
    timeout(Duration::from_secs(20), over).await.unwrap();
    assert_eq!(answers(&server.ask("web.n.svc.cluster.local.", RecordType::A).await).len(), 1);
    let mut buffer = [0; 512];
    assert!(socket.try_recv(&mut buffer).is_err(), "those under way still wait");
}
