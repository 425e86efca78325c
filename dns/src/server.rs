//! The shell: watches feed the zone, packets come and replies go.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use corvette_client::informer::Informers;
use corvette_client::kube::Client;
use corvette_component::clock;
use corvette_component::tasks::Tasks;
use parking_lot::RwLock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::Config;
use crate::message::Transport;
use crate::responder::{Responder, Step};
use crate::sockets::Sockets;
use crate::watch;

/// Tasks that read the UDP socket; the kernel hands each packet to one of them.
const UDP_READERS: usize = 2;
/// Bytes of a UDP question; what is longer does not decode and is refused.
const UDP_BUFFER: usize = 4096;
/// TCP connections of clients; when there are more, new ones are closed.
const MAX_CONNECTIONS: usize = 256;
/// TCP connections of those who are refused, so that they take no place from clients.
const MAX_STRANGERS: usize = 16;
/// Rest after a socket failed, so that a failure that lasts does not keep a processor busy.
const REST: Duration = Duration::from_millis(50);

/// Serves DNS on `sockets`, as bound by [`listen`](crate::listen), until `tasks` is cancelled.
///
/// Until the watches have told everything there is, names of the cluster are answered SERVFAIL; others are looked up at once.
pub async fn run(client: Client, sockets: Sockets, config: Config, tasks: Tasks) {
    let address = sockets.local_addr();
    let Sockets { udp, tcp, zone, .. } = sockets;
    let zone = Arc::new(RwLock::new(zone));
    let informers = Informers::new(client, tasks.clone());
    watch::watch(&informers, &zone, &clock::system());
    informers.start();
    let responder = Arc::new(Responder::new(zone.clone(), &config));
    tasks.spawn_until_cancelled("sync", async move {
        informers.synced().await;
        zone.write().set_synced();
        tracing::info!(%address, "DNS knows the cluster");
    });
    let udp = Arc::new(udp);
    for _ in 0..UDP_READERS {
        tasks.spawn_until_cancelled("udp", serve_udp(udp.clone(), responder.clone(), tasks.clone()));
    }
    tasks.spawn_until_cancelled("tcp", serve_tcp(tcp, responder, config.tcp_idle, tasks.clone()));
    tasks.token().cancelled().await;
}

async fn serve_udp(socket: Arc<UdpSocket>, responder: Arc<Responder>, tasks: Tasks) {
    let mut buffer = vec![0; UDP_BUFFER];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "cannot receive");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let packet = buffer.get(..length).unwrap_or_default();
        match responder.take(packet, client.ip(), Transport::Udp) {
            Step::Silence => {}
            Step::Reply(reply) => send(&socket, &reply, client).await,
            Step::Ask(pending) => {
                let (socket, responder) = (socket.clone(), responder.clone());
                tasks.spawn_until_cancelled("question", async move {
                    let reply = responder.ask(*pending).await;
                    send(&socket, &reply, client).await;
                });
            }
        }
    }
}

async fn send(socket: &UdpSocket, reply: &[u8], client: SocketAddr) {
    if let Err(error) = socket.send_to(reply, client).await {
        tracing::debug!(%client, %error, "cannot send a reply");
    }
}

async fn serve_tcp(listener: TcpListener, responder: Arc<Responder>, idle: Duration, tasks: Tasks) {
    let clients = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let strangers = Arc::new(Semaphore::new(MAX_STRANGERS));
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let places = if responder.serves(client.ip()) { &clients } else { &strangers };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let responder = responder.clone();
        tasks.spawn_until_cancelled("connection", async move {
            if let Err(error) = converse(stream, client, &responder, idle).await {
                tracing::debug!(%client, %error, "connection broke");
            }
            drop(place);
        });
    }
}

/// Answers the questions of a connection, one after the other, until it is idle or closed; a stranger's ends after one.
async fn converse(mut stream: TcpStream, client: SocketAddr, responder: &Responder, idle: Duration) -> io::Result<()> {
    let mut packet = Vec::new();
    while let Ok(received) = timeout(idle, receive(&mut stream, &mut packet)).await {
        if !received? {
            break;
        }
        let reply = match responder.take(&packet, client.ip(), Transport::Tcp) {
            Step::Silence => break,
            Step::Reply(reply) => reply,
            Step::Ask(pending) => responder.ask(*pending).await,
        };
        let length = u16::try_from(reply.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes(), reply.as_slice()].concat();
        timeout(idle, stream.write_all(&framed)).await??;
        if !responder.serves(client.ip()) {
            break;
        }
    }
    Ok(())
}

/// Reads one question; `false` when the client has closed the connection instead.
async fn receive(stream: &mut TcpStream, packet: &mut Vec<u8>) -> io::Result<bool> {
    let length = match stream.read_u16().await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        length => length?,
    };
    packet.resize(length.into(), 0);
    stream.read_exact(packet).await?;
    Ok(true)
}
