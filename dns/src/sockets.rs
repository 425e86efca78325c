//! The server's sockets.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, UdpSocket};

use crate::Config;
use crate::zone::Zone;

/// How often a free port is looked for that is free for both protocols.
const PORT_TRIES: usize = 16;

/// Bound sockets and the zone that they are for.
#[derive(Debug)]
pub struct Sockets {
    pub(crate) udp: UdpSocket,
    pub(crate) tcp: TcpListener,
    pub(crate) zone: Zone,
    address: SocketAddr,
}

impl Sockets {
    /// Returns the address of both sockets.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

/// Binds the sockets of `config`, so that whatever is wrong is known before anything is started.
///
/// # Errors
/// When the address is in use, is not this machine's or may not be bound, or when the domain is not a domain name.
pub async fn listen(config: &Config) -> io::Result<Sockets> {
    let mut tries = 1;
    let (udp, tcp, address) = loop {
        match bind(config.listen).await {
            Err(error)
                if config.listen.port() == 0 && tries < PORT_TRIES && error.kind() == io::ErrorKind::AddrInUse =>
            {
                tries += 1;
            }
            bound => break bound?,
        }
    };
    let own = Some(address.ip()).filter(|address| !address.is_unspecified());
    let zone = Zone::new(&config.domain, own).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("DNS domain {:?}: {error}", config.domain))
    })?;
    Ok(Sockets { udp, tcp, zone, address })
}

async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener, SocketAddr)> {
    let named = |protocol: &str, address: SocketAddr, error: io::Error| {
        io::Error::new(error.kind(), format!("DNS cannot listen on {protocol} {address}: {error}"))
    };
    let tcp = TcpListener::bind(address).await.map_err(|error| named("TCP", address, error))?;
    let address = tcp.local_addr()?;
    let udp = UdpSocket::bind(address).await.map_err(|error| named("UDP", address, error))?;
    Ok((udp, tcp, address))
}
