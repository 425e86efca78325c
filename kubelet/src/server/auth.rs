//! Who may talk to the kubelet: the API server and administrators, by client certificate.
//!
//! Certificates of the same CA identify nodes and users too, and neither may run commands in any pod by going past the
//! API server.

use corvette_component::pki::Subject;
use rustls::pki_types::CertificateDer;

/// Group that may do everything.
const SYSTEM_MASTERS: &str = "system:masters";
/// Common names under which an API server calls (upstream's and our own).
const API_SERVERS: [&str; 3] = ["kube-apiserver-kubelet-client", "kube-apiserver", "system:kube-apiserver"];

/// What a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// No certificate: 401.
    Anonymous,
    /// A verified certificate of somebody else: 403.
    Other,
    /// Everything.
    Full,
}

/// Judges the certificates of a connection, which the TLS layer has verified.
pub(super) fn access(certificates: Option<&[CertificateDer<'_>]>) -> Access {
    let Some(leaf) = certificates.and_then(<[CertificateDer<'_>]>::first) else { return Access::Anonymous };
    let Some(subject) = Subject::of_certificate(leaf) else { return Access::Other };
    let master = subject.organizations.iter().any(|group| group == SYSTEM_MASTERS);
    let server = API_SERVERS.contains(&subject.common_name.as_str());
    if master || server { Access::Full } else { Access::Other }
}

#[cfg(test)]
mod tests {
    use corvette_component::pki::{Ca, Request, Usage};
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn only_the_api_server_and_masters_have_access() {
        let dir = tempfile::tempdir().unwrap();
        let ca = Ca::load_or_create(dir.path(), "ca").unwrap();
        let judge = |name: &str, group: &str| {
            let request = Request {
                common_name: name.to_owned(),
                organizations: vec![group.to_owned()],
                dns_names: Vec::new(),
                ips: Vec::new(),
                usage: Usage::Client,
                lifetime: std::time::Duration::from_secs(3600),
            };
            let bundle = ca.issue(&request).unwrap();
            access(Some(&[CertificateDer::from_pem_slice(bundle.cert_pem.as_bytes()).unwrap()]))
        };
        assert_eq!(access(None), Access::Anonymous);
        assert_eq!(judge("system:node:other", "system:nodes"), Access::Other);
        assert_eq!(judge("admin", "system:masters"), Access::Full);
        assert_eq!(judge("kube-apiserver-kubelet-client", "x"), Access::Full);
    }
}
