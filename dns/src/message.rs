//! Packets: what of a question is looked at before it is decoded, and how a reply is made to fit. Pure.

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Record, RecordType};

/// Bytes of a header.
const HEADER: usize = 12;
/// Bytes that fit into any UDP reply (RFC 1035).
const MIN_UDP: u16 = 512;
/// Bytes of the largest UDP reply, whatever the client offers: it passes any usual network unfragmented (DNS flag day 2020).
pub(crate) const MAX_UDP: u16 = 1232;
/// Records after the question that a question may carry: EDNS, a signature, and some room.
const MAX_ADDITIONALS: u16 = 4;

/// How a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// A packet after a first look.
#[derive(Debug)]
pub(crate) enum Packet {
    /// Not a question. Nothing is replied, so that two servers cannot keep each other busy.
    Ignored,
    /// A question that is not understood, with the reply to it: a bare header.
    Refused(ResponseCode, Vec<u8>),
    /// A question.
    Question(Box<Request>),
}

/// A question as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    metadata: Metadata,
    /// What is asked.
    pub(crate) query: Query,
    edns: Option<Edns>,
    limit: u16,
}

/// What a reply holds.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) code: ResponseCode,
    pub(crate) authoritative: bool,
    pub(crate) recursion_available: bool,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
}

/// Reads a packet. Counts in its header are checked before anything is decoded, so that a small packet costs little.
pub(crate) fn read(packet: &[u8], transport: Transport) -> Packet {
    let Some((header, _)) = packet.split_first_chunk::<HEADER>() else { return Packet::Ignored };
    let [id1, id2, flags, _, q1, q2, an1, an2, ns1, ns2, ar1, ar2] = *header;
    if flags & 0x80 != 0 {
        return Packet::Ignored;
    }
    let refused = |code: ResponseCode| {
        let reply = [id1, id2, 0x80 | (flags & 0x79), code.low(), 0, 0, 0, 0, 0, 0, 0, 0];
        Packet::Refused(code, reply.to_vec())
    };
    if flags & 0x78 != 0 {
        return refused(ResponseCode::NotImp);
    }
    let count = |high, low| u16::from_be_bytes([high, low]);
    let expected = count(q1, q2) == 1 && count(an1, an2) == 0 && count(ns1, ns2) == 0;
    if !expected || count(ar1, ar2) > MAX_ADDITIONALS {
        return refused(ResponseCode::FormErr);
    }
    let Ok(mut message) = Message::from_vec(packet) else { return refused(ResponseCode::FormErr) };
    let Some(query) = message.queries.pop() else { return refused(ResponseCode::FormErr) };
    let offered = message.edns.as_ref().map_or(MIN_UDP, Edns::max_payload);
    let limit = match transport {
        Transport::Udp => offered.clamp(MIN_UDP, MAX_UDP),
        Transport::Tcp => u16::MAX,
    };
    Packet::Question(Box::new(Request { metadata: message.metadata, query, edns: message.edns, limit }))
}

impl Request {
    /// Why the question is refused whatever its name is.
    pub(crate) fn offence(&self) -> Option<ResponseCode> {
        if self.edns.as_ref().is_some_and(|edns| edns.version() != 0) {
            return Some(ResponseCode::BADVERS);
        }
        let transfer = matches!(self.query.query_type, RecordType::AXFR | RecordType::IXFR);
        (transfer || self.query.query_class != DNSClass::IN).then_some(ResponseCode::Refused)
    }

    /// Whether the client wants signatures.
    pub(crate) fn dnssec_ok(&self) -> bool {
        self.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok)
    }

    /// Whether the client wants records that do not verify, too.
    pub(crate) fn checking_disabled(&self) -> bool {
        self.metadata.checking_disabled
    }

    /// Encodes `reply` to fit. Too big a reply loses additional records first, which is no loss, then as few answers as
    /// possible, which the TC bit tells.
    pub(crate) fn reply(&self, reply: Reply) -> Vec<u8> {
        let mut message = Message::new(self.metadata.id, MessageType::Response, OpCode::Query);
        message.metadata = Metadata::response_from_request(&self.metadata);
        message.metadata.response_code = reply.code;
        message.metadata.authoritative = reply.authoritative;
        message.metadata.recursion_available = reply.recursion_available;
        message.queries = vec![self.query.clone()];
        message.answers = reply.answers;
        message.authorities = reply.authorities;
        message.additionals = reply.additionals;
        if self.edns.is_some() {
            let mut edns = Edns::new();
            edns.set_max_payload(MAX_UDP).set_dnssec_ok(self.dnssec_ok());
            message.edns = Some(edns);
        }
        self.fit(message).unwrap_or_default()
    }

    /// `None` when the message does not encode at all.
    fn fit(&self, mut message: Message) -> Option<Vec<u8>> {
        if let Some(bytes) = self.encode(&message) {
            return Some(bytes);
        }
        message.additionals.clear();
        if let Some(bytes) = self.encode(&message) {
            return Some(bytes);
        }
        message.metadata.truncation = true;
        message.authorities.clear();
        let answers = std::mem::take(&mut message.answers);
        let (mut fits, mut too_many) = (0, answers.len().max(1));
        let mut best = self.encode(&message);
        while too_many - fits > 1 {
            let middle = fits.midpoint(too_many);
            message.answers = answers.iter().take(middle).cloned().collect();
            match self.encode(&message) {
                Some(bytes) => (fits, best) = (middle, Some(bytes)),
                None => too_many = middle,
            }
        }
        best
    }

    fn encode(&self, message: &Message) -> Option<Vec<u8>> {
        message.to_vec().ok().filter(|bytes| bytes.len() <= usize::from(self.limit))
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::A;
    use hickory_proto::rr::{Name, RData};
    use proptest::prelude::*;

    use super::*;

    fn packet(additionals: u16) -> Vec<u8> {
        let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii("web.n.svc.cluster.local.").unwrap(), RecordType::A));
        for _ in 0..additionals {
            message.add_additional(Record::from_rdata(Name::root(), 1, RData::A(A::new(192, 0, 2, 1))));
        }
        message.to_vec().unwrap()
    }

    #[test]
    fn few_records_may_follow_the_question() {
        assert!(matches!(read(&packet(MAX_ADDITIONALS), Transport::Udp), Packet::Question(_)));
        let refused = read(&packet(MAX_ADDITIONALS + 1), Transport::Udp);
        assert!(matches!(refused, Packet::Refused(ResponseCode::FormErr, _)));
    }

    #[test]
    fn as_many_answers_as_fit_are_kept() {
        let Packet::Question(request) = read(&packet(0), Transport::Udp) else { panic!("not a question") };
        for count in 0..60u8 {
            let answers =
                (0..count).map(|i| Record::from_rdata(request.query.name.clone(), 30, RData::A(A::new(10, 0, 0, i))));
            let bytes = request.reply(Reply { answers: answers.collect(), ..Reply::default() });
            let reply = Message::from_vec(&bytes).unwrap();
            // A header and the question take 42 bytes, an address whose name is the question's takes 16.
            let fits = (512 - 42) / 16;
            assert_eq!(reply.answers.len(), usize::from(count).min(fits), "{count}");
            assert_eq!(reply.metadata.truncation, usize::from(count) > fits, "{count}");
        }
    }

    proptest! {
        #[test]
        fn any_packet_is_read(mut packet in prop::collection::vec(any::<u8>(), 0..200), plausible in any::<bool>()) {
            if let Some(header) = packet.first_chunk_mut::<12>().filter(|_| plausible) {
                header[2] &= 0x01;
                header[4..11].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0]);
            }
            match read(&packet, Transport::Udp) {
                Packet::Ignored => prop_assert!(packet.len() < HEADER || packet[2] & 0x80 != 0),
                Packet::Refused(_, reply) => {
                    prop_assert_eq!((&reply[..2], reply.len(), reply[2] & 0x80), (&packet[..2], HEADER, 0x80));
                }
                Packet::Question(request) => {
                    let reply = request.reply(Reply::default());
                    prop_assert!(reply.len() <= usize::from(MAX_UDP) && reply[..2] == packet[..2]);
                }
            }
        }
    }
}
