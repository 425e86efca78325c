//! A name server that does what the first label of the name says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, SOA};
use hickory_proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// A fake name server on loopback.
pub struct Upstream {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
    serving: [JoinHandle<()>; 2],
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

impl Upstream {
    /// Starts one whose addresses end in `last`.
    pub async fn start(last: u8) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).await.unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (by_udp, by_tcp) = (asked.clone(), asked.clone());
        let serving = [
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                loop {
                    let (length, client) = udp.recv_from(&mut buffer).await.unwrap();
                    by_udp.fetch_add(1, Ordering::SeqCst);
                    reply_by_udp(&udp, &Message::from_vec(&buffer[..length]).unwrap(), client, last).await;
                }
            }),
            tokio::spawn(async move {
                loop {
                    let (mut stream, _) = tcp.accept().await.unwrap();
                    by_tcp.fetch_add(1, Ordering::SeqCst);
                    let mut bytes = vec![0; stream.read_u16().await.unwrap().into()];
                    stream.read_exact(&mut bytes).await.unwrap();
                    let question = Message::from_vec(&bytes).unwrap();
                    let many = (0..100).map(|i| address_record(&question, i));
                    let mut reply = reply(&question);
                    if first_label(&question) == "liar" {
                        reply.metadata.id ^= 1;
                    }
                    reply.answers = many.collect();
                    let bytes = reply.to_vec().unwrap();
                    stream.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
                    stream.write_all(&bytes).await.unwrap();
                }
            }),
        ];
        Self { address, asked, serving }
    }

    /// How many questions came.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn reply_by_udp(socket: &UdpSocket, question: &Message, client: SocketAddr, last: u8) {
    let mut good = reply(question);
    good.answers.push(address_record(question, last));
    let mut bad = good.clone();
    bad.answers = vec![address_record(question, 66)];
    match first_label(question).as_str() {
        "silent" => return,
        "dead" if last == 1 => return,
        "wrong-id" => {
            bad.metadata.id = bad.metadata.id.wrapping_add(1);
            send(socket, &bad, client).await;
        }
        "wrong-name" => {
            bad.queries = vec![Query::query(Name::from_ascii("evil.test.").unwrap(), question.queries[0].query_type)];
            send(socket, &bad, client).await;
        }
        "no-question" => {
            bad.queries.clear();
            send(socket, &bad, client).await;
        }
        "echo" => {
            bad.metadata.message_type = MessageType::Query;
            send(socket, &bad, client).await;
        }
        "wrong-source" => {
            let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            send(&other, &bad, client).await;
        }
        "garbage" => {
            socket.send_to(b"\x00\x01 garbage", client).await.unwrap();
        }
        "big" | "liar" => {
            good.metadata.truncation = true;
            good.answers.clear();
        }
        "none" => {
            good.metadata.response_code = ResponseCode::NXDomain;
            good.answers.clear();
            let name = Name::from_ascii("test.").unwrap();
            let soa = SOA::new(name.clone(), name.clone(), 1, 1, 1, 1, 20);
            good.authorities.push(Record::from_rdata(name, 20, RData::SOA(soa)));
        }
        "broken" if last == 1 => {
            good.metadata.response_code = ResponseCode::ServFail;
            good.answers.clear();
        }
        "refused" => {
            good.metadata.response_code = ResponseCode::Refused;
            good.answers.clear();
        }
        _ => {}
    }
    send(socket, &good, client).await;
}

fn first_label(question: &Message) -> String {
    let label = question.queries[0].name.iter().next().unwrap_or_default();
    String::from_utf8(label.to_ascii_lowercase()).unwrap()
}

fn reply(question: &Message) -> Message {
    let mut reply = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_available = true;
    reply.queries = question.queries.clone();
    reply
}

fn address_record(question: &Message, last: u8) -> Record {
    let name = question.queries[0].name.to_lowercase();
    Record::from_rdata(name, 60, RData::A(A::new(192, 0, 2, last)))
}

async fn send(socket: &UdpSocket, message: &Message, client: SocketAddr) {
    socket.send_to(&message.to_vec().unwrap(), client).await.unwrap();
}
