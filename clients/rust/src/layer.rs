//! A tower layer: reads from each request during which recorded visit it was made; events made while it is served carry
//! it.

use std::task::{Context, Poll};

use http::{Extensions, HeaderMap, Request};
use tower::{Layer, Service};

use crate::context::RequestContext;

/// Where the sender's address is found: servers keep it in extensions of their own.
type FindIp = fn(&Extensions) -> Option<String>;

/// Adds a [`VisitService`] to a service.
#[derive(Debug, Clone, Default)]
pub struct VisitLayer {
    find_ip: Option<FindIp>,
}

impl VisitLayer {
    /// Reads the visit.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also reads the sender's address; in axum from its `ConnectInfo<SocketAddr>`.
    #[must_use]
    pub fn with_ip(mut self, find_ip: FindIp) -> Self {
        self.find_ip = Some(find_ip);
        self
    }
}

impl<S> Layer<S> for VisitLayer {
    type Service = VisitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        VisitService {
            inner,
            find_ip: self.find_ip,
        }
    }
}

/// Serves each request within its [`RequestContext`].
#[derive(Debug, Clone)]
pub struct VisitService<S> {
    inner: S,
    find_ip: Option<FindIp>,
}

impl<S, B> Service<Request<B>> for VisitService<S>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let ip = self.find_ip.and_then(|find| find(request.extensions()));
        let context = visit(request.headers(), ip);
        Box::pin(context.scope(self.inner.call(request)))
    }
}

fn visit(headers: &HeaderMap, ip: Option<String>) -> RequestContext {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Baggage may come in several headers, which mean one list.
    let baggage: Vec<&str> = headers
        .get_all("baggage")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    RequestContext {
        ip,
        user_agent: text("user-agent").map(str::to_owned),
        ..RequestContext::parse(text("traceparent"), Some(&baggage.join(",")))
    }
}
