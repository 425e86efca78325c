//! Certificates as files, and the handshakes they allow.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use corvette_component::pki::{self, Bundle, Ca, Request, Usage};
use corvette_component::tasks::Tasks;
use corvette_component::{reload, tls};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn server(names: &[&str]) -> Request {
    Request {
        common_name: "kube-apiserver".to_owned(),
        organizations: Vec::new(),
        dns_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ips: vec![IpAddr::from(Ipv4Addr::LOCALHOST)],
        usage: Usage::Server,
        lifetime: YEAR,
    }
}

fn admin() -> Request {
    Request {
        common_name: "kubernetes-admin".to_owned(),
        organizations: vec!["system:masters".to_owned(), "ops".to_owned()],
        dns_names: Vec::new(),
        ips: Vec::new(),
        usage: Usage::Client,
        lifetime: YEAR,
    }
}

/// Greets over TLS in memory and returns how many client certificates the server saw.
async fn handshake(
    serving: Arc<rustls::ServerConfig>,
    ca_pem: &str,
    client: Option<Bundle>,
    name: &'static str,
) -> std::io::Result<usize> {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let accept = async {
        let mut stream = TlsAcceptor::from(serving).accept(far).await?;
        stream.write_all(b"hello").await?;
        stream.shutdown().await?;
        Ok(stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len))
    };
    let connect = async {
        let config = tls::client_config(ca_pem, &client).map_err(std::io::Error::other)?;
        let name = ServerName::try_from(name).map_err(std::io::Error::other)?;
        let mut stream = TlsConnector::from(config).connect(name, near).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        assert_eq!(text, "hello");
        Ok::<_, std::io::Error>(())
    };
    let (accepted, connected) = tokio::join!(accept, connect);
    connected?;
    accepted
}

#[tokio::test]
async fn client_certificates_are_optional_but_verified() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ca = Ca::load_or_create(dir.path(), "ca").unwrap();
    let stranger = Ca::load_or_create(other.path(), "ca").unwrap();
    let config = tls::server_config(&ca.issue(&server(&["localhost"])).unwrap(), Some(ca.cert_pem())).unwrap();

    let good = ca.issue(&admin()).unwrap();
    assert_eq!(handshake(config.clone(), ca.cert_pem(), None, "localhost").await.unwrap(), 0);
    assert_eq!(handshake(config.clone(), ca.cert_pem(), Some(good), "127.0.0.1").await.unwrap(), 1);
    let forged = stranger.issue(&admin()).unwrap();
    assert!(handshake(config.clone(), ca.cert_pem(), Some(forged), "localhost").await.is_err());
    assert!(handshake(config.clone(), ca.cert_pem(), None, "example.test").await.is_err());
    assert!(handshake(config, stranger.cert_pem(), None, "localhost").await.is_err());
}

#[tokio::test]
async fn a_server_certificate_is_replaced_while_it_serves() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::load_or_create(dir.path(), "ca").unwrap();
    let (config, rotation) = tls::rotating_server_config(&ca.issue(&server(&["one.test"])).unwrap(), None).unwrap();
    assert!(handshake(config.clone(), ca.cert_pem(), None, "one.test").await.is_ok());
    rotation.replace(&ca.issue(&server(&["two.test"])).unwrap()).unwrap();
    assert!(handshake(config.clone(), ca.cert_pem(), None, "one.test").await.is_err());
    assert!(handshake(config, ca.cert_pem(), None, "two.test").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_in_files_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::load_or_create(dir.path(), "ca").unwrap();
    let files = pki::Files::new(dir.path(), "server");
    let tasks = Tasks::new("test");
    pki::load_or_issue(dir.path(), "server", &ca, &server(&["one.test"])).unwrap();
    let config = reload::server_config(&files, None, &tasks).unwrap();
    assert!(handshake(config.clone(), ca.cert_pem(), None, "one.test").await.is_ok());
    pki::load_or_issue(dir.path(), "server", &ca, &server(&["two.test"])).unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(handshake(config.clone(), ca.cert_pem(), None, "two.test").await.is_ok());
    fs::write(&files.key, "half a k").unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(handshake(config, ca.cert_pem(), None, "two.test").await.is_ok(), "the old pair stays in use");
    tasks.shutdown(Duration::from_secs(1)).await.unwrap();
}

#[test]
fn files_are_kept_until_something_about_them_changes() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::load_or_create(dir.path(), "ca").unwrap();
    let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("ca.key"), mode("ca.crt")), (0o600, 0o644));

    let again = Ca::load_or_create(dir.path(), "ca").unwrap();
    assert_eq!(again.cert_pem(), ca.cert_pem());
    let load = |ca: &Ca, request: &Request| pki::load_or_issue(dir.path(), "server", ca, request).unwrap();
    let first = load(&ca, &server(&["localhost"]));
    assert_eq!(load(&again, &server(&["localhost"])), first);
    let renamed = load(&ca, &server(&["localhost", "more.test"]));
    assert_ne!(renamed, first);
    let other = tempfile::tempdir().unwrap();
    let stranger = Ca::load_or_create(other.path(), "ca").unwrap();
    assert_ne!(load(&stranger, &server(&["localhost", "more.test"])), renamed);
    let groups = pki::load_or_issue(dir.path(), "admin", &ca, &admin()).unwrap();
    assert_eq!(pki::load_or_issue(dir.path(), "admin", &ca, &admin()).unwrap(), groups);
}

#[test]
fn damaged_files_are_named_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    Ca::load_or_create(dir.path(), "ca").unwrap();
    let failure = |dir: &Path| Ca::load_or_create(dir, "ca").err().unwrap().to_string();
    fs::write(dir.path().join("ca.crt"), "rubbish").unwrap();
    assert!(failure(dir.path()).contains("ca.crt"));
    let whole = tempfile::tempdir().unwrap();
    Ca::load_or_create(whole.path(), "ca").unwrap();
    fs::remove_file(whole.path().join("ca.key")).unwrap();
    assert!(failure(whole.path()).contains("ca.key"));
}

#[test]
fn a_request_that_fits_no_certificate_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Ca::load_or_create(dir.path(), "ca").unwrap();
    let mut request = admin();
    request.organizations.push("third".to_owned());
    assert!(ca.issue(&request).is_err());
    assert!(ca.issue(&server(&["b\u{fc}ro.test"])).is_err());
}
