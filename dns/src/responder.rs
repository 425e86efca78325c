//! From a packet to its reply: who may ask, the zone, the cache, other servers.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use corvette_component::network::Network;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::answer::{Answer, answer};
use crate::cache::Cache;
use crate::config::Config;
use crate::message::{self, Packet, Reply, Request, Transport};
use crate::metrics;
use crate::upstream::{Upstream, Wishes};
use crate::zone::Zone;

/// Questions that may be under way upstream, each with a socket; when there are more, they fail at once.
const MAX_UPSTREAM: usize = 512;

/// Replies to packets.
pub(crate) struct Responder {
    zone: Arc<RwLock<Zone>>,
    clients: Vec<Network>,
    upstream: Upstream,
    cache: Mutex<Cache>,
    places: Arc<Semaphore>,
    turn: AtomicUsize,
}

/// What to do about a packet.
pub(crate) enum Step {
    /// Nothing.
    Silence,
    /// Send this.
    Reply(Vec<u8>),
    /// Let [`Responder::ask`] find the reply.
    Ask(Box<Pending>),
}

/// Where and when a question came.
#[derive(Clone, Copy)]
struct Arrival {
    client: IpAddr,
    transport: Transport,
    at: Instant,
}

/// A question that other servers have to answer.
pub(crate) struct Pending {
    request: Request,
    arrival: Arrival,
    /// The names of the cluster that lead to what is asked.
    leading: Vec<Record>,
    key: (Query, Wishes),
    /// Held until the reply is there.
    _place: OwnedSemaphorePermit,
}

impl Responder {
    pub(crate) fn new(zone: Arc<RwLock<Zone>>, config: &Config) -> Self {
        Self {
            zone,
            clients: config.clients.clone(),
            upstream: Upstream::new(config.upstreams.clone(), config.upstream_timeout),
            cache: Mutex::default(),
            places: Arc::new(Semaphore::new(MAX_UPSTREAM)),
            turn: AtomicUsize::new(0),
        }
    }

    /// Whether `client` is answered.
    pub(crate) fn serves(&self, client: IpAddr) -> bool {
        self.clients.iter().any(|network| network.contains(client))
    }

    /// Looks at a packet and answers what can be answered at once.
    pub(crate) fn take(&self, packet: &[u8], client: IpAddr, transport: Transport) -> Step {
        let arrival = Arrival { client, transport, at: Instant::now() };
        let request = match message::read(packet, transport) {
            Packet::Ignored => return Step::Silence,
            Packet::Refused(code, reply) => {
                arrival.count(RecordType::NULL, code);
                return Step::Reply(reply);
            }
            Packet::Question(request) => *request,
        };
        let offence = if self.serves(client) { request.offence() } else { Some(ResponseCode::Refused) };
        if let Some(code) = offence {
            return Step::Reply(self.reply(&request, arrival, Reply { code, ..Reply::default() }));
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let answered = answer(&self.zone.read(), &request.query, turn);
        let ours = Reply { authoritative: true, ..Reply::default() };
        let reply = match answered {
            Answer::Found { answers, additionals } => Reply { answers, additionals, ..ours },
            Answer::NoData(soa) => Reply { authorities: vec![soa], ..ours },
            Answer::NoName(soa) => Reply { code: ResponseCode::NXDomain, authorities: vec![soa], ..ours },
            Answer::NotYet => Reply { code: ResponseCode::ServFail, ..Reply::default() },
            Answer::Leads { answers, .. } if self.upstream.is_empty() => Reply { answers, ..ours },
            Answer::Elsewhere if self.upstream.is_empty() => Reply { code: ResponseCode::Refused, ..Reply::default() },
            Answer::Leads { answers, target } => return self.elsewhere(request, arrival, answers, Some(target)),
            Answer::Elsewhere => return self.elsewhere(request, arrival, Vec::new(), None),
        };
        Step::Reply(self.reply(&request, arrival, reply))
    }

    /// Answers from the cache, else finds a place for the question among those under way.
    fn elsewhere(&self, request: Request, arrival: Arrival, leading: Vec<Record>, target: Option<Name>) -> Step {
        let wishes = Wishes { dnssec_ok: request.dnssec_ok(), checking_disabled: request.checking_disabled() };
        let name = target.unwrap_or_else(|| request.query.name.clone());
        let key = (Query::query(name, request.query.query_type), wishes);
        let kept = self.cache.lock().get(&key, Instant::now());
        if let Some(message) = kept {
            metrics::CACHE_HITS.inc();
            let reply = forwarded(message, &key.0, leading);
            return Step::Reply(self.reply(&request, arrival, reply));
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            let reply = Reply { code: ResponseCode::ServFail, ..Reply::default() };
            return Step::Reply(self.reply(&request, arrival, reply));
        };
        Step::Ask(Box::new(Pending { request, arrival, leading, key, _place: place }))
    }

    /// Asks other servers and makes the reply. A question that nobody answers has failed, also when the cluster's part of the
    /// answer is known: the client shall ask again. Cancel safe.
    pub(crate) async fn ask(&self, pending: Pending) -> Vec<u8> {
        let Pending { request, arrival, leading, key, _place } = pending;
        let reply = match self.upstream.ask(&key.0, key.1).await {
            Ok(message) => {
                let reply = forwarded(message.clone(), &key.0, leading);
                self.cache.lock().put(key, &message, Instant::now());
                reply
            }
            Err(error) => {
                tracing::debug!(name = %key.0.name, %error, "a question has no answer");
                Reply { code: ResponseCode::ServFail, ..Reply::default() }
            }
        };
        self.reply(&request, arrival, reply)
    }

    fn reply(&self, request: &Request, arrival: Arrival, mut reply: Reply) -> Vec<u8> {
        reply.recursion_available = !self.upstream.is_empty();
        arrival.count(request.query.query_type, reply.code);
        request.reply(reply)
    }
}

impl Arrival {
    fn count(self, kind: RecordType, code: ResponseCode) {
        metrics::count(self.transport, self.client, kind, code, self.at.elapsed());
    }
}

/// The reply that passes an answer on. The name that was asked for gets the case that the client gave it.
///
/// Behind names of the cluster only the records count, not the code, as upstream does (`CoreDNS` `plugin/backend_lookup.go: A`).
fn forwarded(message: Message, query: &Query, leading: Vec<Record>) -> Reply {
    let code = message.metadata.response_code;
    let mut answers = message.answers;
    for record in answers.iter_mut().filter(|record| record.name == query.name) {
        record.name = query.name.clone();
    }
    if leading.is_empty() {
        let (authorities, additionals) = (message.authorities, message.additionals);
        return Reply { code, answers, authorities, additionals, ..Reply::default() };
    }
    let code = if code == ResponseCode::NXDomain { ResponseCode::NoError } else { code };
    let answers = leading.into_iter().chain(answers).collect();
    Reply { code, authoritative: true, answers, ..Reply::default() }
}
