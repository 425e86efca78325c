//! A DNS server on loopback, its API server, its clients and the name servers it asks.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test uses a part; a test fails by panicking"
)]

pub mod api;
pub mod upstream;

use std::net::SocketAddr;
use std::time::Duration;

use corvette_client::kube::Client;
use corvette_component::tasks::Tasks;
use corvette_dns::Config;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// What a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A server that ends with the test.
pub struct Server {
    pub address: SocketAddr,
    tasks: Tasks,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.token().cancel();
    }
}

/// The configuration of a server on a free port of loopback.
pub fn config() -> Config {
    Config::new("127.0.0.1:0".parse().unwrap())
}

/// Starts a server and waits until it knows the cluster.
pub async fn start(client: Client, config: Config) -> Server {
    let server = start_unsynced(client, config).await;
    let known = server.eventually("cluster.local.", RecordType::SOA, |reply| !reply.answers.is_empty());
    known.await;
    server
}

/// Starts a server.
pub async fn start_unsynced(client: Client, config: Config) -> Server {
    let tasks = Tasks::new("test");
    let sockets = corvette_dns::listen(&config).await.unwrap();
    let address = sockets.local_addr();
    tasks.spawn("dns", corvette_dns::run(client, sockets, config, tasks.child("dns")));
    Server { address, tasks }
}

/// A question with an id of its own.
pub fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(rand_id(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

/// The same with EDNS.
pub fn with_edns(mut message: Message, payload: u16) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(payload);
    message.set_edns(edns);
    message
}

fn rand_id() -> u16 {
    Message::query().metadata.id
}

impl Server {
    /// Asks over UDP; the reply is the one to the question.
    pub async fn udp(&self, question: &Message) -> Message {
        let reply = self.udp_bytes(&question.to_vec().unwrap()).await.expect("no reply");
        let reply = Message::from_vec(&reply).unwrap();
        assert_eq!((reply.metadata.id, reply.metadata.message_type), (question.metadata.id, MessageType::Response));
        reply
    }

    /// Sends a packet and returns what comes back before the reply to a good question sent after it would.
    pub async fn udp_bytes(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket.send(packet).await.unwrap();
        let mut buffer = vec![0; 65535];
        let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.ok()?.unwrap();
        buffer.truncate(length);
        Some(buffer)
    }

    /// Opens a connection.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asks `name` over UDP.
    pub async fn ask(&self, name: &str, kind: RecordType) -> Message {
        self.udp(&question(name, kind)).await
    }

    /// Asks until the reply is as wanted.
    pub async fn eventually(&self, name: &str, kind: RecordType, wanted: impl Fn(&Message) -> bool) -> Message {
        let asking = async {
            loop {
                let reply = self.ask(name, kind).await;
                if wanted(&reply) {
                    return reply;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, asking).await.expect("never answered as wanted")
    }
}

/// Asks on a connection; `None` when it is closed instead.
pub async fn tcp(stream: &mut TcpStream, question: &Message) -> Option<Message> {
    let bytes = question.to_vec().unwrap();
    let length = u16::try_from(bytes.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat()).await.ok()?;
    let length = timeout(PATIENCE, stream.read_u16()).await.unwrap().ok()?;
    let mut reply = vec![0; length.into()];
    stream.read_exact(&mut reply).await.unwrap();
    Some(Message::from_vec(&reply).unwrap())
}

/// The answers of a reply as text.
pub fn answers(reply: &Message) -> Vec<String> {
    reply.answers.iter().map(|record| format!("{} {} {}", record.name, record.record_type(), record.data)).collect()
}

/// The code of a reply.
pub fn code(reply: &Message) -> ResponseCode {
    reply.metadata.response_code
}
