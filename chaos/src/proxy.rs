//! The network between roles and one server: a TCP proxy whose weather can be changed.
//!
//! **Invariant:** the proxy changes no byte; it delays, holds back, drops the rest of a connection, or answers in the
//! server's stead. **Bound:** one buffer of [`CHUNK`] for each direction of a connection.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const CHUNK: usize = 64 << 10;
/// How long a client may take to read an answer that the proxy gives itself.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// What happens to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Nothing.
    Clear,
    /// Connections end, and new ones end at once.
    Cut,
    /// Each piece waits, in both directions.
    Slow(Duration),
    /// Nothing passes, and connections stay.
    Still,
    /// Requests pass; where an answer comes the connection ends instead.
    AnswersLost,
    /// HTTP alone: each new request is answered with this status, and the server never sees it.
    Answering(u16),
}

/// A proxy that runs until it is dropped.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    upstream: Arc<Mutex<Option<SocketAddr>>>,
    weather: watch::Sender<Weather>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

impl Proxy {
    /// Listens; until [`Self::lead_to`] every connection ends at once.
    pub async fn listen() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let upstream: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let weather = watch::Sender::new(Weather::Clear);
        let (to, told) = (Arc::clone(&upstream), weather.subscribe());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = *to.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(server) = server {
                    tokio::spawn(connection(client, server, told.clone()));
                }
            }
        });
        Ok(Self {
            address,
            upstream,
            weather,
            accepting,
        })
    }

    /// Where its connections go.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// Changes the weather for connections that are there and for new ones.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.send_replace(Weather::Cut);
        self.accepting.abort();
    }
}

async fn connection(client: TcpStream, server: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let now = *weather.borrow_and_update();
    if let Weather::Answering(status) = now {
        let _ = tokio::time::timeout(READ_WITHIN, answer(client, status)).await;
        return;
    }
    if now == Weather::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Either end ends both: none of these protocols closes one direction alone.
    tokio::select! {
        _ = pump(from_client, to_server, weather.clone(), Direction::Request) => {}
        _ = pump(from_server, to_client, weather, Direction::Answer) => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    direction: Direction,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = from.read(&mut chunk) => read?,
            () = ended(&mut weather) => return Ok(()),
        };
        if read == 0 || !passes(&mut weather, direction).await {
            return Ok(());
        }
        to.write_all(&chunk[..read]).await?;
    }
}

/// Waits for weather in which no connection lives.
async fn ended(weather: &mut watch::Receiver<Weather>) {
    let deadly = |weather: &Weather| matches!(weather, Weather::Cut | Weather::Answering(_));
    // Its sender is gone with the proxy: then connections end as well.
    let _ = weather.wait_for(deadly).await;
}

/// Waits until a piece may pass; false: it may not, and the connection ends.
async fn passes(weather: &mut watch::Receiver<Weather>, direction: Direction) -> bool {
    loop {
        let now = *weather.borrow_and_update();
        match now {
            Weather::Clear => return true,
            Weather::AnswersLost => return direction == Direction::Request,
            Weather::Cut | Weather::Answering(_) => return false,
            Weather::Slow(pause) => {
                tokio::time::sleep(pause).await;
                return true;
            }
            Weather::Still => {
                if weather.changed().await.is_err() {
                    return false;
                }
            }
        }
    }
}

async fn answer(mut client: TcpStream, status: u16) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    if client.read(&mut chunk).await? == 0 {
        return Ok(());
    }
    let body = format!(r#"{{"error":{{"type":"chaos","reason":"answered by a proxy"}},"status":{status}}}"#);
    let head = format!(
        "HTTP/1.1 {status} Chaos\r\ncontent-type: application/json\r\nx-elastic-product: Elasticsearch\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(body.as_bytes()).await?;
    client.shutdown().await?;
    // Bytes that nobody read would turn the answer into a reset.
    while client.read(&mut chunk).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each byte with itself, and says how many it saw.
    async fn echo() -> (SocketAddr, watch::Receiver<u64>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, told) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut byte = [0];
                while client.read(&mut byte).await.is_ok_and(|read| read == 1) {
                    seen.send_modify(|seen| *seen += 1);
                    client.write_all(&byte).await.unwrap();
                }
            }
        });
        (address, told)
    }

    async fn through(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(proxy.address).await.unwrap()
    }

    async fn asked(client: &mut TcpStream) -> io::Result<usize> {
        client.write_all(b"?").await?;
        client.read(&mut [0]).await
    }

    #[tokio::test]
    async fn each_weather_is_felt() {
        let (server, mut seen) = echo().await;
        let proxy = Proxy::listen().await.unwrap();
        proxy.lead_to(server);
        let mut client = through(&proxy).await;
        assert_eq!(asked(&mut client).await.unwrap(), 1);

        proxy.set(Weather::AnswersLost);
        assert!(!matches!(asked(&mut client).await, Ok(1)), "the answer came");
        seen.wait_for(|seen| *seen == 2).await.expect("the work was done");

        let mut client = through(&proxy).await;
        proxy.set(Weather::Still);
        client.write_all(b"?").await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(100), client.read(&mut [0])).await;
        assert!(early.is_err(), "something passed");
        proxy.set(Weather::Clear);
        assert_eq!(client.read(&mut [0]).await.unwrap(), 1);

        proxy.set(Weather::Cut);
        assert!(!matches!(asked(&mut client).await, Ok(1)), "it lived on");
        assert_eq!(*seen.borrow(), 3);
    }

    #[tokio::test]
    async fn a_status_is_answered_in_the_servers_stead() {
        let proxy = Proxy::listen().await.unwrap();
        proxy.lead_to(proxy.address);
        proxy.set(Weather::Answering(503));
        let answer = reqwest::get(format!("http://{}/", proxy.address)).await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.text().await.unwrap().contains("chaos"));
    }
}
