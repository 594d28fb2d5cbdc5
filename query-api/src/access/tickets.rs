//! Tickets: one use, one minute, for streams and downloads that can't set headers.
//!
//! Bound: [`MOST`] outstanding tickets; beyond that the oldest ends early.

use hindsight_schemas::problem::Problem;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Caller;
use crate::Reader;

const LIFETIME: Duration = Duration::from_secs(60);
const MOST: usize = 10_000;

/// Tickets that were not used yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Tickets(Mutex<VecDeque<(Uuid, Instant)>>);

impl Tickets {
    fn issue(&self) -> Uuid {
        let ticket = Uuid::new_v4();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while open.front().is_some_and(|(_, made)| made.elapsed() > LIFETIME) || open.len() >= MOST {
            open.pop_front();
        }
        open.push_back((ticket, Instant::now()));
        ticket
    }

    pub(super) fn redeem(&self, text: &str) -> bool {
        let Ok(ticket) = text.parse::<Uuid>() else {
            return false;
        };
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = open.iter().position(|(known, _)| *known == ticket) else {
            return false;
        };
        open.remove(at)
            .is_some_and(|(_, made)| made.elapsed() <= LIFETIME)
    }
}

/// A ticket.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ticket {
    /// Goes into `?ticket=`.
    ticket: Uuid,
    /// Until it ends.
    expires_in_ms: u64,
}

/// Makes a ticket for one call that can't set headers.
#[utoipa::path(post, path = "/v1/tickets", tag = "access", responses((status = 200, body = Ticket), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn ticket(State(reader): State<Arc<Reader>>, _caller: Caller) -> Json<Ticket> {
    Json(Ticket {
        ticket: reader.access.tickets.issue(),
        expires_in_ms: LIFETIME.as_millis() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = Tickets::default();
        let ticket = tickets.issue().to_string();
        assert!(tickets.redeem(&ticket));
        assert!(!tickets.redeem(&ticket));
        assert!(!tickets.redeem("nonsense"));
    }
}
