//! Serves routes on a listener: HTTP/1.1, and HTTP/2 where the client speaks it first (h2c).
//!
//! Lifecycle: a connection takes a place when it is accepted and gives it back when it is closed, however it ends; a
//! further one waits in the kernel's accept queue. On stop no more are accepted, those that are open end behind
//! the answer they wait for, and [`serve`] returns when the last has.
//!
//! **Invariant:** nobody holds a place by doing nothing. A connection without a request in flight (its head comes
//! slowly, or it is kept alive between two) is closed after [`ConnectionBounds::idle_wait`], one whose reader takes nothing
//! of an answer after [`ConnectionBounds::write_wait`]. How long a request's body may take is for its route to bound.

mod connection;
mod idle;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use connection::Connection;
use idle::Activity;

/// Requests of one HTTP/2 connection in flight at once.
const HTTP2_STREAMS: u32 = 128;
/// Longest head of an HTTP/2 request. HTTP/1.1 heads have hyper's own bound: 100 headers, 400 KiB, which is also what
/// is read of a body at a time.
const HTTP2_HEAD_BYTES: u32 = 64 * 1024;

/// The peer of a connection, beside each request as `ConnectInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// What the connections of one listener may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionBounds {
    /// Connections at once.
    pub at_once: usize,
    /// How long one may be without a request in flight.
    pub idle_wait: Duration,
    /// How long an answer may stand still because its reader takes nothing.
    pub write_wait: Duration,
}

/// Serves until `stop`, and until the last open connection has ended.
pub async fn serve(
    mut listener: TcpListener,
    routes: Router,
    bounds: ConnectionBounds,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.at_once));
    let open = TaskTracker::new();
    loop {
        let accepting = async {
            let place = places.clone().acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            (place, Listener::accept(&mut listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            accepted = accepting => accepted,
            () = stop.cancelled() => break,
        };
        let (routes, stop) = (routes.clone(), stop.clone());
        open.spawn(async move {
            metrics::gauge!("hindsight_connections_open").increment(1.0);
            converse(stream, peer, routes, bounds, stop).await;
            metrics::gauge!("hindsight_connections_open").decrement(1.0);
            drop(place);
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// One connection, from its first byte to its last.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
    bounds: ConnectionBounds,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not set TCP_NODELAY");
    }
    let activity = Arc::new(Activity::default());
    let service = {
        let activity = activity.clone();
        service_fn(move |mut request: Request<Incoming>| {
            let (routes, busy) = (routes.clone(), activity.begin());
            request.extensions_mut().insert(ConnectInfo(PeerAddr(peer)));
            async move {
                let Ok(answer) = routes.oneshot(request.map(Body::new)).await;
                Ok::<_, Infallible>(answer.map(|body| busy.until_sent(body)))
            }
        })
    };
    let builder = builder();
    let io = TokioIo::new(Connection::new(stream, bounds.write_wait));
    let mut conversation = std::pin::pin!(builder.serve_connection(io, service));
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = conversation.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, %peer, "connection ended early");
                }
                return;
            }
            () = activity.idle_for(bounds.idle_wait) => {
                metrics::counter!("hindsight_connections_ended_total", "reason" => "idle").increment(1);
                return;
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                conversation.as_mut().graceful_shutdown();
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(HTTP2_HEAD_BYTES);
    builder
}
