//! A client's connection: a task writes what senders queue, the receiver reads and answers pings.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::{Bytes, BytesMut};
use corvette_component::tasks::Tasks;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::frame::{Frame, MAX_CONTENT, Malformed};
use super::headers::{Decoder, Encoder, Headers};

/// Frames waiting to be written; a sender waits when there are more.
const QUEUE: usize = 32;
/// What is read at a time, in bytes.
const READ: usize = 32 * 1024;
/// RST_STREAM's "the stream is of no use any more".
const CANCEL: u32 = 5;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error("SPDY connection: {0}")]
    Io(#[from] io::Error),
    /// The other end broke the protocol.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Nothing can be written any more.
    #[error("SPDY connection is closed")]
    Closed,
}

/// What the other end did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Accepted a stream.
    Accepted {
        /// Stream.
        id: u32,
        /// It will send nothing.
        fin: bool,
    },
    /// Sent data.
    Data {
        /// Stream.
        id: u32,
        /// The data, may be empty.
        content: Bytes,
        /// It will send no more.
        fin: bool,
    },
    /// Ended a stream at once.
    Reset {
        /// Stream.
        id: u32,
    },
}

/// Something for the writing task.
#[derive(Debug)]
enum Order {
    Open { id: u32, headers: Headers },
    Frame(Frame),
}

/// Opens streams and writes to them. Clones share the connection, which is closed for writing when the last is dropped.
#[derive(Debug, Clone)]
pub struct Sender {
    orders: mpsc::Sender<Order>,
    next_id: Arc<AtomicU32>,
}

impl Sender {
    /// Opens a stream with headers; the other end's [`Event::Accepted`] follows.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn open(&self, headers: &[(&str, &str)]) -> Result<u32, Error> {
        let id = self.next_id.fetch_add(2, Ordering::Relaxed);
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.order(Order::Open { id, headers }).await?;
        Ok(id)
    }

    /// Writes data to a stream; waits while the connection is slow.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn data(&self, id: u32, mut content: Bytes) -> Result<(), Error> {
        while !content.is_empty() {
            let part = content.split_to(content.len().min(MAX_CONTENT));
            self.order(Order::Frame(Frame::Data { id, content: part, fin: false })).await?;
        }
        Ok(())
    }

    /// Says that no more data will come; the other direction stays open.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn finish(&self, id: u32) -> Result<(), Error> {
        self.order(Order::Frame(Frame::Data { id, content: Bytes::new(), fin: true })).await
    }

    async fn order(&self, order: Order) -> Result<(), Error> {
        self.orders.send(order).await.map_err(|_| Error::Closed)
    }
}

/// Reads what the other end sends.
#[derive(Debug)]
pub struct Receiver<I> {
    io: ReadHalf<I>,
    buffer: BytesMut,
    decoder: Decoder,
    orders: mpsc::WeakSender<Order>,
}

impl<I: AsyncRead + AsyncWrite> Receiver<I> {
    /// Waits for the next event; `None` at the end of the connection. Pings are answered on the way, streams that the
    /// other end opens are refused. Cancel safe.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Malformed`]; the connection is then of no use.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            while let Some(frame) = Frame::decode(&mut self.buffer)? {
                if let Some(event) = self.handle(frame)? {
                    return Ok(Some(event));
                }
            }
            self.buffer.reserve(READ);
            if self.io.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
                };
            }
        }
    }

    fn handle(&mut self, frame: Frame) -> Result<Option<Event>, Error> {
        Ok(match frame {
            Frame::SynReply { id, block, fin } => {
                self.decoder.decode(&block)?;
                Some(Event::Accepted { id, fin })
            }
            Frame::Headers { id, block, fin } => {
                self.decoder.decode(&block)?;
                fin.then(|| Event::Data { id, content: Bytes::new(), fin })
            }
            Frame::SynStream { id, block, .. } => {
                self.decoder.decode(&block)?;
                self.answer(Frame::Reset { id, status: CANCEL });
                None
            }
            Frame::Data { id, content, fin } => Some(Event::Data { id, content, fin }),
            Frame::Reset { id, .. } => Some(Event::Reset { id }),
            Frame::Ping(id) if id % 2 == 0 => {
                self.answer(Frame::Ping(id));
                None
            }
            Frame::Ping(_) | Frame::GoAway { .. } | Frame::Ignored => None,
        })
    }

    /// Queues an answer if there is room: reading must not wait for writing, and neither a late ping nor a refusal is
    /// of consequence.
    fn answer(&self, frame: Frame) {
        let sent = self.orders.upgrade().map(|orders| orders.try_send(Order::Frame(frame)));
        if !matches!(sent, Some(Ok(()))) {
            tracing::debug!("no room for an answer on a SPDY connection");
        }
    }
}

/// Speaks SPDY as the client over an upgraded connection. The writing task ends with the last [`Sender`].
///
/// # Errors
/// When zlib cannot be set up.
pub fn open<I>(io: I, tasks: &Tasks) -> Result<(Sender, Receiver<I>), Error>
where
    I: AsyncRead + AsyncWrite + Send + 'static,
{
    let (read, write) = tokio::io::split(io);
    let (orders, queue) = mpsc::channel(QUEUE);
    let encoder = Encoder::new()?;
    let weak = orders.downgrade();
    tasks.spawn_until_cancelled("SPDY writer", async move {
        if let Err(error) = write_all(write, queue, encoder).await {
            tracing::debug!(%error, "SPDY writer");
        }
    });
    let sender = Sender { orders, next_id: Arc::new(AtomicU32::new(1)) };
    Ok((sender, Receiver { io: read, buffer: BytesMut::new(), decoder: Decoder::default(), orders: weak }))
}

/// Writes orders until there are no senders any more, then says goodbye and closes.
async fn write_all<I: AsyncWrite>(
    mut io: WriteHalf<I>,
    mut queue: mpsc::Receiver<Order>,
    mut encoder: Encoder,
) -> Result<(), Error> {
    let mut buffer = BytesMut::new();
    while let Some(order) = queue.recv().await {
        let frame = match order {
            Order::Frame(frame) => frame,
            Order::Open { id, headers } => {
                let pairs: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                Frame::SynStream { id, block: encoder.encode(&pairs)?.into(), fin: false }
            }
        };
        frame.encode(&mut buffer);
        io.write_all_buf(&mut buffer).await?;
        if queue.is_empty() {
            io.flush().await?;
        }
    }
    Frame::GoAway { last: 0 }.encode(&mut buffer);
    io.write_all_buf(&mut buffer).await?;
    io.shutdown().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn streams_open_carry_data_and_pings_are_answered() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let tasks = Tasks::new("test");
        let (sender, mut receiver) = open(ours, &tasks).unwrap();
        let server = tokio::spawn(async move {
            let mut buffer = BytesMut::new();
            let mut decoder = Decoder::default();
            let mut encoder = Encoder::new().unwrap();
            let mut seen = Vec::new();
            loop {
                while let Some(frame) = Frame::decode(&mut buffer).unwrap() {
                    let mut out = BytesMut::new();
                    if let Frame::SynStream { id, block, .. } = &frame {
                        assert_eq!(decoder.decode(block).unwrap(), [("streamtype".to_owned(), "stdin".to_owned())]);
                        let block = encoder.encode(&[]).unwrap().into();
                        Frame::SynReply { id: *id, block, fin: false }.encode(&mut out);
                        Frame::Ping(2).encode(&mut out);
                        Frame::Data { id: *id, content: Bytes::from_static(b"hello"), fin: true }.encode(&mut out);
                    }
                    theirs.write_all(&out).await.unwrap();
                    seen.push(frame);
                }
                if theirs.read_buf(&mut buffer).await.unwrap() == 0 {
                    return seen;
                }
            }
        });
        let id = sender.open(&[("streamtype", "stdin")]).await.unwrap();
        assert_eq!(receiver.next().await.unwrap(), Some(Event::Accepted { id, fin: false }));
        let content = Bytes::from_static(b"hello");
        assert_eq!(receiver.next().await.unwrap(), Some(Event::Data { id, content, fin: true }));
        sender.data(id, Bytes::from(vec![1; 200])).await.unwrap();
        sender.finish(id).await.unwrap();
        drop(sender);
        assert_eq!(receiver.next().await.unwrap(), None);
        let seen = server.await.unwrap();
        assert!(seen.contains(&Frame::Ping(2)), "{seen:?}");
        assert!(seen.contains(&Frame::Data { id, content: Bytes::from(vec![1; 200]), fin: false }));
        assert!(seen.contains(&Frame::Data { id, content: Bytes::new(), fin: true }));
        assert_eq!(seen.last(), Some(&Frame::GoAway { last: 0 }));
    }
}
