//! Who asks, and for which projects.
//!
//! Until users and roles exist there is one administrator's token: as `Authorization: Bearer`, as the console's
//! cookie (made by `POST /v1/login`), or as a one-use ticket where neither can be sent.
//!
//! **Invariant:** a handler that takes [`Caller`] runs for signed-in callers only. Secrets are compared in
//! constant time, as hashes.

mod cookie;
pub(crate) mod login;
pub(crate) mod tickets;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use hindsight_policy::SecretHash;
use hindsight_schemas::bearer::token;
use hindsight_schemas::ids::ProjectId;
use hindsight_schemas::reason::Reason;
use serde::Deserialize;

use crate::Reader;
use hindsight_schemas::problem::Refusal;

use tickets::Tickets;

/// The secrets that open the read side, and what they open.
#[derive(Debug)]
pub struct Access {
    admin: SecretHash,
    cookies: cookie::Signer,
    tickets: Tickets,
    projects: Vec<ProjectId>,
}

impl Access {
    /// One administrator, who may read these projects.
    pub fn new(admin_token: &str, projects: Vec<ProjectId>) -> Self {
        Self {
            admin: SecretHash::of(admin_token),
            cookies: cookie::Signer::new(admin_token),
            tickets: Tickets::default(),
            projects,
        }
    }

    /// Whether this is the administrator's token.
    pub fn admits(&self, token: &str) -> bool {
        self.admin.matches(token)
    }

    /// What the administrator may read.
    pub fn projects(&self) -> &[ProjectId] {
        &self.projects
    }
}

/// A signed-in caller.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    projects: Vec<ProjectId>,
}

impl Caller {
    /// The projects to search: the one that is named, if it is the caller's, or all of theirs.
    pub(crate) fn projects(&self, named: Option<&str>) -> Result<Vec<ProjectId>, Refusal> {
        let Some(named) = named else {
            return Ok(self.projects.clone());
        };
        let found = self.projects.iter().find(|project| project.as_str() == named);
        found.map(|project| vec![project.clone()]).ok_or_else(|| {
            Refusal::new(
                Reason::Forbidden,
                format!("project {named:?} is not one of yours"),
                format!("项目 {named:?} 不在您的项目之中"),
            )
        })
    }
}

#[derive(Deserialize)]
struct TicketParam {
    ticket: Option<String>,
}

impl FromRequestParts<Arc<Reader>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, reader: &Arc<Reader>) -> Result<Self, Refusal> {
        let access = &reader.access;
        let bearer = parts.headers.get(AUTHORIZATION).and_then(token);
        let by_ticket = || {
            let Ok(Query(TicketParam { ticket: Some(ticket) })) =
                Query::<TicketParam>::try_from_uri(&parts.uri)
            else {
                return false;
            };
            access.tickets.redeem(&ticket)
        };
        let known = bearer.is_some_and(|token| access.admits(token))
            || access.cookies.admits(&parts.headers)
            || by_ticket();
        if known {
            Ok(Self {
                projects: access.projects.clone(),
            })
        } else {
            Err(Refusal::new(
                Reason::UnknownKey,
                "sign in with the admin token of credentials.json, or send it as Authorization: Bearer",
                "请用 credentials.json 中的 admin_token 登录，或以 Authorization: Bearer 发送",
            ))
        }
    }
}
