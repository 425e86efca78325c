//! The subprotocols that carry several streams over one WebSocket: the first byte of each message is the channel. Pure.
//!
//! Follows `staging/src/k8s.io/apimachinery/pkg/util/remotecommand` and `…/httpstream/wsstream @ v1.36`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use corvette_component::http::websocket::tungstenite::Message;

/// Channel of a close signal (v5): its one byte of data names the channel that is closed.
pub const CLOSE: u8 = 255;

/// What differs between the subprotocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    /// Name in `Sec-WebSocket-Protocol`; empty when none was asked for.
    pub name: &'static str,
    /// Text messages: the channel as a digit, the data in base64.
    base64: bool,
    /// The error channel carries a `Status` as JSON, and success too.
    pub status_json: bool,
    /// The client may close a channel.
    pub close_signal: bool,
}

/// Subprotocols of exec and attach.
pub const REMOTE_COMMAND: [Protocol; 6] = [
    Protocol { name: "v5.channel.k8s.io", base64: false, status_json: true, close_signal: true },
    Protocol { name: "v4.channel.k8s.io", base64: false, status_json: true, close_signal: false },
    Protocol { name: "v4.base64.channel.k8s.io", base64: true, status_json: true, close_signal: false },
    Protocol { name: "channel.k8s.io", base64: false, status_json: false, close_signal: false },
    Protocol { name: "base64.channel.k8s.io", base64: true, status_json: false, close_signal: false },
    Protocol { name: "", base64: false, status_json: false, close_signal: false },
];

/// Subprotocols of port-forward with its ports in the query.
pub const PORT_FORWARD: [Protocol; 5] = [
    Protocol { name: "v4.channel.k8s.io", base64: false, status_json: false, close_signal: false },
    Protocol { name: "v4.base64.channel.k8s.io", base64: true, status_json: false, close_signal: false },
    Protocol { name: "channel.k8s.io", base64: false, status_json: false, close_signal: false },
    Protocol { name: "base64.channel.k8s.io", base64: true, status_json: false, close_signal: false },
    Protocol { name: "", base64: false, status_json: false, close_signal: false },
];

/// Finds a protocol by the name that was negotiated.
pub fn named(protocols: &[Protocol], name: &str) -> Option<Protocol> {
    protocols.iter().find(|protocol| protocol.name == name).copied()
}

/// One message taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Data of a channel.
    Data(u8, Bytes),
    /// The client has no more data for a channel.
    Close(u8),
    /// Empty, damaged or of no meaning here.
    Nothing,
    /// The client leaves.
    End,
}

impl Protocol {
    /// Takes a message apart.
    pub fn decode(self, message: Message) -> Incoming {
        let data = match message {
            Message::Binary(data) => data,
            Message::Text(text) => Bytes::from(text),
            Message::Close(_) => return Incoming::End,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Incoming::Nothing,
        };
        let Some(first) = data.first().copied() else { return Incoming::Nothing };
        let rest = data.slice(1..);
        if self.base64 {
            let (Some(channel), Ok(bytes)) = (first.checked_sub(b'0'), STANDARD.decode(&rest)) else {
                return Incoming::Nothing;
            };
            return Incoming::Data(channel, bytes.into());
        }
        match rest.first() {
            Some(channel) if self.close_signal && first == CLOSE => Incoming::Close(*channel),
            _ => Incoming::Data(first, rest),
        }
    }

    /// Makes a message of a channel's data.
    pub fn encode(self, channel: u8, data: &[u8]) -> Message {
        if self.base64 {
            let mut text = String::from(char::from(b'0'.saturating_add(channel)));
            STANDARD.encode_string(data, &mut text);
            return Message::text(text);
        }
        let mut bytes = Vec::with_capacity(data.len().saturating_add(1));
        bytes.push(channel);
        bytes.extend_from_slice(data);
        Message::binary(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(channel in 0_u8..10, data in prop::collection::vec(any::<u8>(), 0..50)) {
            for protocol in REMOTE_COMMAND {
                let decoded = protocol.decode(protocol.encode(channel, &data));
                prop_assert_eq!(decoded, Incoming::Data(channel, data.clone().into()));
            }
        }

        #[test]
        fn no_message_panics(data in prop::collection::vec(any::<u8>(), 0..20)) {
            for protocol in REMOTE_COMMAND {
                protocol.decode(Message::binary(data.clone()));
                protocol.decode(Message::text(String::from_utf8_lossy(&data).into_owned()));
            }
        }
    }

    #[test]
    fn only_v5_knows_the_close_signal() {
        let signal = || Message::binary(vec![255, 0]);
        assert_eq!(named(&REMOTE_COMMAND, "v5.channel.k8s.io").unwrap().decode(signal()), Incoming::Close(0));
        let v4 = named(&REMOTE_COMMAND, "v4.channel.k8s.io").unwrap();
        assert_eq!(v4.decode(signal()), Incoming::Data(255, Bytes::from_static(&[0])));
        assert_eq!(v4.decode(Message::binary(Vec::new())), Incoming::Nothing);
        let base64 = named(&REMOTE_COMMAND, "base64.channel.k8s.io").unwrap();
        assert_eq!(base64.encode(1, b"hi"), Message::text("1aGk="));
    }
}
