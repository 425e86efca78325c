//! The server as a value: shared state, in-process service, start.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use corvette_api::status::Status;
use corvette_component::{clock::SharedClock, health::Checks, tasks::Tasks};
use http::{Request, Response};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    Config, UserInfo,
    body::{self, Body, BoxError},
    bootstrap,
    endpoints::codec,
    filters::{authn::Identity, authz, chain, flow::Limits},
    health,
    nonresource::Documents,
    objects::Objects,
    reader::{At, Reader},
    registry::{self, Registry, Row},
    server,
    services::Allocator,
};

/// State that requests share.
pub struct App {
    /// Configuration.
    pub config: Config,
    /// The rows served.
    pub registry: registry::Shared,
    /// Conditional reads and writes of single objects.
    pub objects: Objects,
    /// Reads of collections.
    pub reader: Reader,
    /// Who may do what.
    pub authorizers: authz::Table,
    /// Bounds on requests in flight.
    pub limits: Limits,
    /// Addresses and ports of services.
    pub services: Allocator,
    /// Time of day.
    pub clock: SharedClock,
    /// Health checks behind `/livez` and `/readyz`.
    pub checks: Checks,
    /// Rendered discovery documents.
    pub documents: Documents,
    tasks: Tasks,
}

impl App {
    /// Scope of the tasks that requests spawn.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Reads an object in its storage version. Every acknowledged write is seen.
    ///
    /// # Errors
    /// 503 or 504 when the store is away.
    pub async fn object(
        &self,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, Status> {
        self.reader.wait(At::Latest).await?;
        self.cached(group, resource, namespace, name)
    }

    /// Reads all objects of a resource in their storage version, of one namespace or all. Every acknowledged write is seen.
    ///
    /// # Errors
    /// 503 or 504 when the store is away.
    pub async fn objects_of(&self, group: &str, resource: &str, namespace: Option<&str>) -> Result<Vec<Value>, Status> {
        self.reader.wait(At::Latest).await?;
        self.cached_of(group, resource, namespace)
    }

    /// Reads an object as the cache has it. Creates wait for the cache before admission, so what plugins read is as fresh
    /// as the request.
    ///
    /// # Errors
    /// 500 when the object is damaged.
    pub fn cached(
        &self,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, Status> {
        let Some(row) = self.row(group, resource) else { return Ok(None) };
        let Some(storage) = row.storage() else { return Ok(None) };
        self.reader.cached(storage, namespace, name)?.map(|entry| codec::parse_stored(&entry.json())).transpose()
    }

    /// Reads all objects of a resource as the cache has them.
    ///
    /// # Errors
    /// 500 when an object is damaged.
    pub fn cached_of(&self, group: &str, resource: &str, namespace: Option<&str>) -> Result<Vec<Value>, Status> {
        let Some(row) = self.row(group, resource) else { return Ok(Vec::new()) };
        let Some(storage) = row.storage() else { return Ok(Vec::new()) };
        let prefix = namespace.map_or_else(|| storage.prefix().to_owned(), |ns| storage.namespace_prefix(ns));
        let snapshot = self.reader.cache(storage)?.snapshot();
        snapshot.range(&prefix, None).map(|entry| codec::parse_stored(&entry.json())).collect()
    }

    fn row(&self, group: &str, resource: &str) -> Option<Arc<Row>> {
        let registry = self.registry.load();
        let versions = &registry.group(group)?.versions;
        versions.iter().find_map(|version| registry.find(group, version, resource)).cloned()
    }
}

/// A running API server. Clones are the same server.
#[derive(Clone)]
pub struct ApiServer {
    app: Arc<App>,
}

impl ApiServer {
    /// Makes a server and creates what every cluster has (namespaces, `kubernetes` service, priority classes).
    /// Serving begins with [`ApiServer::serve`]; [`ApiServer::local`] works at once.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn new(config: Config, tasks: &Tasks) -> Result<Self, Status> {
        let tasks = tasks.child("apiserver");
        let checks = Checks::new();
        let started = checks.gate("poststarthook/bootstrap");
        let registry = Registry::builtin();
        let reader = Reader::start(Arc::clone(&config.store), &registry, &tasks).await?;
        let app = Arc::new(App {
            registry: registry::Shared::new(registry),
            objects: Objects::new(Arc::clone(&config.store)),
            reader,
            authorizers: authz::Table::default(),
            limits: Limits::default(),
            services: Allocator::new(config.service_cidr, config.node_ports.clone()),
            clock: Arc::clone(&config.clock),
            checks,
            documents: Documents::default(),
            tasks,
            config,
        });
        health::watch(&app);
        let server = Self { app };
        bootstrap::run(&server).await?;
        started.open();
        Ok(server)
    }

    /// Makes a service that carries a user's requests to this server without socket or TLS.
    pub fn local(&self, user: UserInfo) -> Local {
        Local { app: Arc::clone(&self.app), user: Arc::new(user) }
    }

    /// Serves connections of `listener` until the tasks are cancelled, then lets them finish.
    pub async fn serve(&self, listener: TcpListener, tls: Arc<rustls::ServerConfig>) {
        server::serve(Arc::clone(&self.app), listener, tls).await;
    }

    /// The shared state, for parts of the server started beside it.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }
}

/// The in-process service; see [`ApiServer::local`].
#[derive(Clone)]
pub struct Local {
    app: Arc<App>,
    user: Arc<UserInfo>,
}

impl<B> tower::Service<Request<B>> for Local
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut request = request.map(body::boxed);
        request.extensions_mut().insert(Identity(Arc::clone(&self.user)));
        let app = Arc::clone(&self.app);
        Box::pin(async move { Ok(chain::serve(app, request).await) })
    }
}
