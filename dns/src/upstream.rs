//! Questions to other name servers, one after another, each with its own socket, id and deadline.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::serialize::binary::BinEncodable as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::message::MAX_UDP;

/// Bytes of a reply by UDP; well over what is offered. What is longer does not decode and is no reply.
const UDP_BUFFER: usize = 4096;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No server is configured.
    #[error("no upstream server is configured")]
    NoServer,
    /// The question does not encode.
    #[error("the question does not encode: {0}")]
    Question(#[source] io::Error),
    /// Every server failed, the last one so.
    #[error("upstream server {server}: {source}")]
    Server {
        /// The last server.
        server: SocketAddr,
        /// What happened.
        #[source]
        source: io::Error,
    },
}

/// What a client asked for beside name and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Wishes {
    pub(crate) dnssec_ok: bool,
    pub(crate) checking_disabled: bool,
}

/// The servers that are asked.
#[derive(Debug)]
pub(crate) struct Upstream {
    servers: Vec<SocketAddr>,
    deadline: Duration,
}

impl Upstream {
    /// Servers in the order in which they are asked; each has `deadline` for its answer, TCP included.
    pub(crate) fn new(servers: Vec<SocketAddr>, deadline: Duration) -> Self {
        Self { servers, deadline }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// Asks until a server answers. One that cannot or will not (SERVFAIL, NOTIMP, REFUSED) is passed over while there are
    /// others; what the last of these said is returned when nobody knows better.
    ///
    /// # Errors
    /// When no server answers in time. Cancel safe.
    pub(crate) async fn ask(&self, query: &Query, wishes: Wishes) -> Result<Message, Error> {
        let (mut unable, mut failed) = (None, Error::NoServer);
        for server in &self.servers {
            let question = Question::new(query, wishes).map_err(Error::Question)?;
            let exchange = timeout(self.deadline, question.exchange(*server)).await;
            match exchange.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(message) if is_unable(message.metadata.response_code) => unable = Some(message),
                Ok(message) => return Ok(message),
                Err(source) => {
                    tracing::debug!(%server, error = %source, "upstream server does not answer");
                    failed = Error::Server { server: *server, source };
                }
            }
        }
        unable.ok_or(failed)
    }
}

fn is_unable(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::ServFail | ResponseCode::NotImp | ResponseCode::Refused)
}

/// A question to one server.
struct Question<'a> {
    id: u16,
    query: &'a Query,
    bytes: Vec<u8>,
}

impl<'a> Question<'a> {
    fn new(query: &'a Query, wishes: Wishes) -> io::Result<Self> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.metadata.checking_disabled = wishes.checking_disabled;
        message.add_query(query.clone());
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_UDP).set_dnssec_ok(wishes.dnssec_ok);
        message.set_edns(edns);
        let bytes = message.to_bytes().map_err(io::Error::other)?;
        Ok(Self { id: message.metadata.id, query, bytes })
    }

    async fn exchange(&self, server: SocketAddr) -> io::Result<Message> {
        let reply = self.over_udp(server).await?;
        if reply.metadata.truncation { self.over_tcp(server).await } else { Ok(reply) }
    }

    /// The socket is connected, so that the kernel drops what others send; what does not match is not the reply either.
    async fn over_udp(&self, server: SocketAddr) -> io::Result<Message> {
        let local: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local).await?;
        socket.connect(server).await?;
        socket.send(&self.bytes).await?;
        let mut buffer = vec![0; UDP_BUFFER];
        loop {
            let length = socket.recv(&mut buffer).await?;
            if let Some(reply) = buffer.get(..length).and_then(|bytes| self.matching(bytes)) {
                return Ok(reply);
            }
        }
    }

    async fn over_tcp(&self, server: SocketAddr) -> io::Result<Message> {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(self.bytes.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), self.bytes.as_slice()].concat()).await?;
        let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut bytes).await?;
        self.matching(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not the reply to the question"))
    }

    /// The reply, when it is one to this question. Its one question is looked for before anything is decoded.
    fn matching(&self, bytes: &[u8]) -> Option<Message> {
        let [id1, id2, _, _, 0, 1, ..] = *bytes else { return None };
        if u16::from_be_bytes([id1, id2]) != self.id {
            return None;
        }
        let reply = Message::from_vec(bytes).ok()?;
        let same = reply.metadata.message_type == MessageType::Response && reply.queries.first() == Some(self.query);
        same.then_some(reply)
    }
}
