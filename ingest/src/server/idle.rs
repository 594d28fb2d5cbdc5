//! Whether a connection has a request in flight, and since when not.
//!
//! A request is in flight from the end of its head until its answer's last byte was handed over, or its connection gave
//! it up.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

/// What one connection does.
pub(super) struct Activity(Mutex<State>);

struct State {
    in_flight: usize,
    since: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(State {
            in_flight: 0,
            since: Instant::now(),
        }))
    }
}

impl Activity {
    /// A request is in flight until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.change(|in_flight| in_flight + 1);
        Busy(self.clone())
    }

    /// Ends when there was no request in flight for so long.
    pub(super) async fn idle_for(&self, wait: Duration) {
        loop {
            let idle_since = self.idle_since();
            let until = idle_since.unwrap_or_else(Instant::now) + wait;
            if idle_since.is_some() && until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.in_flight == 0).then_some(state.since)
    }

    fn change(&self, count: impl FnOnce(usize) -> usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.in_flight = count(state.in_flight);
        state.since = Instant::now();
    }
}

/// A request in flight.
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    /// The answer's body, with which the request ends.
    pub(super) fn until_sent(self, body: Body) -> Body {
        Body::new(Held { body, _busy: self })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|in_flight| in_flight - 1);
    }
}

struct Held {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test(start_paused = true)]
    async fn idle_counts_from_the_last_answer() {
        let activity = Arc::new(Activity::default());
        let wait = Duration::from_secs(20);
        let started = Instant::now();
        let busy = activity.begin();
        let second = activity.begin();
        drop(second);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(50)).await;
            drop(busy);
        });
        activity.idle_for(wait).await;
        assert_eq!(started.elapsed().as_secs(), 70);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_in_flight_while_its_answer_is_read() {
        let activity = Arc::new(Activity::default());
        let body = activity.begin().until_sent(Body::from("answer"));
        assert!(activity.idle_since().is_none());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "answer");
        assert!(activity.idle_since().is_some());
    }
}
