//! Answers of other servers, kept for a short time. Pure: time is passed in.

use std::collections::HashMap;
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{RData, Record};
use tokio::time::Instant;

use crate::upstream::Wishes;

/// How long an answer is kept at most: kubeadm's `cache 30`.
const MAX_TTL: Duration = Duration::from_secs(30);
/// How many answers are kept. When there is no room, those that are out of date go, and if there are none, all.
const CAPACITY: usize = 1_000;
/// Records of the largest answer that is kept, which bounds the memory of all.
const MAX_RECORDS: usize = 64;

/// Answers by question; names compare without regard to case.
#[derive(Debug, Default)]
pub(crate) struct Cache(HashMap<(Query, Wishes), Entry>);

#[derive(Debug)]
struct Entry {
    message: Message,
    stored: Instant,
    expires: Instant,
}

impl Cache {
    /// Returns the answer to a question with the time that its records have left.
    pub(crate) fn get(&self, key: &(Query, Wishes), now: Instant) -> Option<Message> {
        let entry = self.0.get(key).filter(|entry| entry.expires > now)?;
        let age = u32::try_from(now.duration_since(entry.stored).as_secs()).unwrap_or(u32::MAX);
        let mut message = entry.message.clone();
        for record in [&mut message.answers, &mut message.authorities, &mut message.additionals].into_iter().flatten() {
            record.decrement_ttl(age);
        }
        Some(message)
    }

    /// Keeps an answer as long as it says, [`MAX_TTL`] at most. What is neither an answer nor a proof that there is none is not kept.
    pub(crate) fn put(&mut self, key: (Query, Wishes), message: &Message, now: Instant) {
        let Some(ttl) = lifetime(message) else { return };
        if self.0.len() >= CAPACITY {
            self.0.retain(|_, entry| entry.expires > now);
        }
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        self.0.insert(key, Entry { message: message.clone(), stored: now, expires: now + ttl });
    }
}

/// How long an answer holds; a negative one as long as its start of authority says (RFC 2308).
fn lifetime(message: &Message) -> Option<Duration> {
    let seconds = match message.metadata.response_code {
        ResponseCode::NoError if !message.answers.is_empty() => {
            message.answers.iter().map(|record| record.ttl).min()?
        }
        ResponseCode::NoError | ResponseCode::NXDomain => message.authorities.iter().find_map(negative)?,
        _ => return None,
    };
    let ttl = Duration::from_secs(seconds.into()).min(MAX_TTL);
    let small = message.all_sections().count() <= MAX_RECORDS;
    (small && !ttl.is_zero() && !message.metadata.truncation).then_some(ttl)
}

fn negative(record: &Record) -> Option<u32> {
    match &record.data {
        RData::SOA(soa) => Some(soa.minimum.min(record.ttl)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::rdata::{A, SOA};
    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    const WISHES: Wishes = Wishes { dnssec_ok: false, checking_disabled: false };

    fn key(name: &str) -> (Query, Wishes) {
        (Query::query(Name::from_ascii(name).unwrap(), RecordType::A), WISHES)
    }

    fn message(ttl: Option<u32>, minimum: Option<u32>, code: ResponseCode) -> Message {
        let name = Name::from_ascii("a.test.").unwrap();
        let mut message = Message::new(1, MessageType::Response, OpCode::Query);
        message.metadata.response_code = code;
        message.answers.extend(ttl.map(|ttl| Record::from_rdata(name.clone(), ttl, RData::A(A::new(192, 0, 2, 1)))));
        message.authorities.extend(minimum.map(|minimum| {
            let soa = SOA::new(name.clone(), name.clone(), 1, 1, 1, 1, minimum);
            Record::from_rdata(name.clone(), 60, RData::SOA(soa))
        }));
        message
    }

    #[test]
    fn answers_hold_as_long_as_they_say_and_half_a_minute_at_most() {
        let nobody = ResponseCode::NXDomain;
        for (message, expected) in [
            (message(Some(5), None, ResponseCode::NoError), Some(5)),
            (message(Some(500), None, ResponseCode::NoError), Some(30)),
            (message(Some(0), None, ResponseCode::NoError), None),
            (message(None, Some(7), nobody), Some(7)),
            (message(None, Some(700), ResponseCode::NoError), Some(30)),
            (message(None, None, nobody), None),
            (message(None, None, ResponseCode::NoError), None),
            (message(Some(5), None, ResponseCode::ServFail), None),
            (message(Some(5), None, ResponseCode::Refused), None),
        ] {
            assert_eq!(lifetime(&message), expected.map(Duration::from_secs), "{message:?}");
        }
    }

    #[test]
    fn time_is_taken_from_the_records_until_they_are_gone() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        cache.put(key("a.test."), &message(Some(10), None, ResponseCode::NoError), now);
        let at = |seconds| cache.get(&key("A.Test."), now + Duration::from_secs(seconds));
        assert_eq!(at(0).unwrap().answers[0].ttl, 10);
        assert_eq!(at(9).unwrap().answers[0].ttl, 1);
        assert!(at(10).is_none());
        let other = Wishes { dnssec_ok: true, ..WISHES };
        assert!(cache.get(&(key("a.test.").0, other), now).is_none());
    }

    #[test]
    fn the_cache_is_bounded() {
        let (mut cache, now) = (Cache::default(), Instant::now());
        for i in 0..CAPACITY * 3 {
            cache.put(key(&format!("n{i}.test.")), &message(Some(10), None, ResponseCode::NoError), now);
            assert!(cache.0.len() <= CAPACITY);
        }
        let later = now + Duration::from_secs(20);
        cache.0.clear();
        for i in 0..CAPACITY {
            let ttl = if i == 7 { 30 } else { 5 };
            cache.put(key(&format!("n{i}.test.")), &message(Some(ttl), None, ResponseCode::NoError), now);
        }
        cache.put(key("late.test."), &message(Some(10), None, ResponseCode::NoError), later);
        assert_eq!(cache.0.len(), 2, "what is out of date goes first");
    }
}
