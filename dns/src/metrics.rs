//! The server's metrics, with the names of `CoreDNS` (`plugin/metrics/vars/vars.go`).

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use corvette_component::metrics::{self, HistogramVec, IntCounter, IntCounterVec};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::message::Transport;

/// Questions by protocol, address family and type.
static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("coredns_dns_requests_total", "Counter of DNS requests made.", &["proto", "family", "type"])
});

/// Replies by code.
static RESPONSES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    metrics::counter_vec("coredns_dns_responses_total", "Counter of response status codes.", &["rcode"])
});

/// Seconds from a question to its reply.
static SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let help = "Histogram of the time (in seconds) each request took.";
    let buckets = (-2..14).map(|power| 0.001 * 2f64.powi(power)).collect::<Vec<_>>();
    metrics::histogram_vec("coredns_dns_request_duration_seconds", help, &["proto"], &buckets)
});

/// Questions that were answered from the cache of upstream answers.
pub(crate) static CACHE_HITS: LazyLock<IntCounter> =
    LazyLock::new(|| metrics::counter("coredns_cache_hits_total", "The count of cache hits."));

/// Counts a question and its reply.
pub(crate) fn count(transport: Transport, client: IpAddr, kind: RecordType, code: ResponseCode, took: Duration) {
    let proto = match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    };
    let family = if client.to_canonical().is_ipv4() { "1" } else { "2" };
    REQUESTS.with_label_values(&[proto, family, type_name(kind)]).inc();
    RESPONSES.with_label_values(&[code_name(code)]).inc();
    SECONDS.with_label_values(&[proto]).observe(took.as_secs_f64());
}

/// The types that are counted by name; a client must not be able to make label values up.
fn type_name(kind: RecordType) -> &'static str {
    match kind {
        RecordType::A => "A",
        RecordType::AAAA => "AAAA",
        RecordType::CNAME => "CNAME",
        RecordType::HTTPS => "HTTPS",
        RecordType::MX => "MX",
        RecordType::NAPTR => "NAPTR",
        RecordType::NS => "NS",
        RecordType::PTR => "PTR",
        RecordType::SOA => "SOA",
        RecordType::SRV => "SRV",
        RecordType::TXT => "TXT",
        RecordType::ANY => "ANY",
        _ => "other",
    }
}

fn code_name(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::BADVERS => "BADVERS",
        _ => "other",
    }
}
