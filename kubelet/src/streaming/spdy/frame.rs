//! Frames on the wire. Pure: bytes in, frames out.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes before every frame's content.
const HEADER: usize = 8;
/// First bits of a control frame: control, version 3.
const CONTROL: u16 = 0x8003;
/// Flag of the last frame of a direction of a stream.
const FIN: u8 = 1;

/// The other end broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SPDY: {0}")]
pub struct Malformed(pub &'static str);

/// One frame; header blocks are still compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Opens a stream.
    SynStream {
        /// Odd for streams of the client.
        id: u32,
        /// Compressed headers.
        block: Bytes,
        /// The opener will send nothing.
        fin: bool,
    },
    /// Accepts a stream.
    SynReply {
        /// Stream.
        id: u32,
        /// Compressed headers.
        block: Bytes,
        /// The accepter will send nothing.
        fin: bool,
    },
    /// Ends a stream at once.
    Reset {
        /// Stream.
        id: u32,
        /// Why; 5 is CANCEL.
        status: u32,
    },
    /// Asks for the same frame back. Odd ids are the client's.
    Ping(u32),
    /// No stream above `last` will be served.
    GoAway {
        /// Last stream that is.
        last: u32,
    },
    /// More headers of a stream.
    Headers {
        /// Stream.
        id: u32,
        /// Compressed headers.
        block: Bytes,
        /// The sender will send no more.
        fin: bool,
    },
    /// Content of a stream.
    Data {
        /// Stream.
        id: u32,
        /// Content.
        content: Bytes,
        /// The sender will send no more.
        fin: bool,
    },
    /// SETTINGS, WINDOW_UPDATE and others: of no meaning here.
    Ignored,
}

impl Frame {
    /// Appends the frame to a buffer.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::SynStream { id, block, fin } => {
                control(out, 1, *fin, block.len() + 10);
                out.put_u32(*id);
                out.put_slice(&[0; 6]);
                out.put_slice(block);
            }
            Self::SynReply { id, block, fin } => {
                control(out, 2, *fin, block.len() + 4);
                out.put_u32(*id);
                out.put_slice(block);
            }
            Self::Reset { id, status } => {
                control(out, 3, false, 8);
                out.put_u32(*id);
                out.put_u32(*status);
            }
            Self::Ping(id) => {
                control(out, 6, false, 4);
                out.put_u32(*id);
            }
            Self::GoAway { last } => {
                control(out, 7, false, 8);
                out.put_u32(*last);
                out.put_u32(0);
            }
            Self::Headers { id, block, fin } => {
                control(out, 8, *fin, block.len() + 4);
                out.put_u32(*id);
                out.put_slice(block);
            }
            Self::Data { id, content, fin } => {
                out.put_u32(*id & 0x7fff_ffff);
                flags_and_length(out, *fin, content.len());
                out.put_slice(content);
            }
            Self::Ignored => {}
        }
    }

    /// Takes a whole frame off the front of the buffer; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`Malformed`]: the connection is of no use any more.
    pub fn decode(buffer: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        let Some(header) = buffer.first_chunk::<HEADER>() else { return Ok(None) };
        let [a, b, c, d, flags, x, y, z] = *header;
        let length = usize::try_from(u32::from_be_bytes([0, x, y, z])).unwrap_or(usize::MAX);
        if buffer.len().saturating_sub(HEADER) < length {
            buffer.reserve(length);
            return Ok(None);
        }
        buffer.advance(HEADER);
        let content = buffer.split_to(length).freeze();
        let fin = flags & FIN != 0;
        if a & 0x80 == 0 {
            return Ok(Some(Self::Data { id: u32::from_be_bytes([a, b, c, d]), content, fin }));
        }
        if u16::from_be_bytes([a, b]) != CONTROL {
            return Err(Malformed("another version"));
        }
        control_frame(u16::from_be_bytes([c, d]), content, fin).map(Some)
    }
}

/// Reads the content of a control frame.
fn control_frame(kind: u16, mut content: Bytes, fin: bool) -> Result<Frame, Malformed> {
    let needed = match kind {
        1 => 10,
        3 => 8,
        2 | 6..=8 => 4,
        _ => return Ok(Frame::Ignored),
    };
    if content.len() < needed {
        return Err(Malformed("a control frame is cut"));
    }
    let id = content.get_u32() & 0x7fff_ffff;
    Ok(match kind {
        1 => Frame::SynStream { id, block: content.slice(6..), fin },
        2 => Frame::SynReply { id, block: content, fin },
        3 => Frame::Reset { id, status: content.get_u32() },
        6 => Frame::Ping(id),
        7 => Frame::GoAway { last: id },
        _ => Frame::Headers { id, block: content, fin },
    })
}

fn control(out: &mut BytesMut, kind: u16, fin: bool, length: usize) {
    out.put_u16(CONTROL);
    out.put_u16(kind);
    flags_and_length(out, fin, length);
}

/// One byte of flags and three of length. Contents are cut by [`MAX_CONTENT`] long before they could overflow it.
fn flags_and_length(out: &mut BytesMut, fin: bool, length: usize) {
    let length = u32::try_from(length).unwrap_or(u32::MAX) & 0x00ff_ffff;
    out.put_u32((u32::from(if fin { FIN } else { 0 }) << 24) | length);
}

/// Largest content sent in one data frame, in bytes.
pub const MAX_CONTENT: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames() -> impl Strategy<Value = Frame> {
        let id = 1_u32..0x7fff_ffff;
        let bytes = prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
        prop_oneof![
            (id.clone(), bytes.clone(), any::<bool>()).prop_map(|(id, block, fin)| Frame::SynStream { id, block, fin }),
            (id.clone(), bytes.clone(), any::<bool>()).prop_map(|(id, block, fin)| Frame::SynReply { id, block, fin }),
            (id.clone(), bytes.clone(), any::<bool>()).prop_map(|(id, block, fin)| Frame::Headers { id, block, fin }),
            (id.clone(), bytes, any::<bool>()).prop_map(|(id, content, fin)| Frame::Data { id, content, fin }),
            (id.clone(), any::<u32>()).prop_map(|(id, status)| Frame::Reset { id, status }),
            id.clone().prop_map(Frame::Ping),
            id.prop_map(|last| Frame::GoAway { last }),
        ]
    }

    proptest! {
        #[test]
        fn frames_survive_any_fragmentation(frames in prop::collection::vec(frames(), 0..8), step in 1_usize..50) {
            let mut wire = BytesMut::new();
            for frame in &frames {
                frame.encode(&mut wire);
            }
            let mut buffer = BytesMut::new();
            let mut found = Vec::new();
            for piece in wire.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = Frame::decode(&mut buffer).unwrap() {
                    found.push(frame);
                }
            }
            prop_assert_eq!(found, frames);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut buffer = BytesMut::from(bytes.as_slice());
            while let Ok(Some(_)) = Frame::decode(&mut buffer) {}
        }
    }

    #[test]
    fn the_wire_form_is_the_protocols() {
        let mut wire = BytesMut::new();
        Frame::SynStream { id: 1, block: Bytes::from_static(b"h"), fin: true }.encode(&mut wire);
        assert_eq!(wire.as_ref(), [0x80, 3, 0, 1, 1, 0, 0, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, b'h']);
        wire.clear();
        Frame::Data { id: 3, content: Bytes::from_static(b"ab"), fin: false }.encode(&mut wire);
        assert_eq!(wire.as_ref(), [0, 0, 0, 3, 0, 0, 0, 2, b'a', b'b']);
    }

    #[test]
    fn other_versions_and_cut_frames_are_refused() {
        let decode = |bytes: &[u8]| Frame::decode(&mut BytesMut::from(bytes));
        assert!(decode(&[0x80, 2, 0, 1, 0, 0, 0, 0]).is_err());
        assert!(decode(&[0x80, 3, 0, 1, 0, 0, 0, 1, 9]).is_err());
        assert_eq!(decode(&[0x80, 3, 0, 4, 0, 0, 0, 1, 9]).unwrap(), Some(Frame::Ignored));
    }
}
