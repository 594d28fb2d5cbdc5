//! From search documents to tantivy's, and back from what it stored.
//!
//! **Invariant:** empty values are not indexed, so `field:*` finds what has a value.

use std::net::{IpAddr, Ipv6Addr};

use hindsight_schemas::documents::{ActivityDocument, AuditDocument, DocumentId};
use hindsight_schemas::ids::{Position, ProjectId};
use tantivy::TantivyDocument;
use tantivy::schema::{Field as Column, Value};

use super::super::SearchError;
use super::super::cursor::project_hash;
use super::super::fields::Field;
use super::super::place;
use super::layout::{ACTIVITY, AUDIT, Layout, STUB};

impl Layout {
    pub(super) fn audit(&self, document: &AuditDocument, id: &DocumentId) -> TantivyDocument {
        let mut out = self.base(AUDIT, id, document.project.as_str(), document.position);
        out.add_bytes(self.content_sha256, &document.content_sha256);
        out.add_text(self.source, &document.source);
        out.add_i64(self.occurred_at, document.occurred_at_us);
        out.add_i64(self.expires_at, document.expires_at_s);
        self.add_id(&mut out, document.id.uuid().as_u128());
        if let Some(ip) = document.ip {
            out.add_ip_addr(self.ip, as_v6(ip));
        }
        out.add_text(self.text, &document.text);
        out.add_text(self.terms_of(Field::Id), document.id.to_string());
        let single = [
            (Field::SourceId, &document.source_id),
            (Field::Action, &document.action),
            (Field::Operation, &document.operation),
            (Field::UserId, &document.user_id),
            (Field::UserName, &document.user_name),
            (Field::Outcome, &document.outcome),
            (Field::Error, &document.error),
            (Field::Device, &document.device),
            (Field::Session, &document.session),
            (Field::Trace, &document.trace),
            (Field::Class, &document.class),
        ];
        for (field, value) in single {
            add(&mut out, self.terms_of(field), std::slice::from_ref(value));
        }
        let several = [
            (Field::Role, &document.roles),
            (Field::Target, &document.target),
            (Field::TargetType, &document.target_type),
            (Field::Reference, &document.reference),
            (Field::Changed, &document.changed),
            (Field::Was, &document.was),
            (Field::Now, &document.now),
        ];
        for (field, values) in several {
            add(&mut out, self.terms_of(field), values);
        }
        out
    }

    pub(super) fn activity(&self, document: &ActivityDocument, id: &DocumentId) -> TantivyDocument {
        let mut out = self.base(ACTIVITY, id, document.batch.project.as_str(), document.position);
        out.add_bytes(self.content_sha256, &document.content_sha256);
        out.add_i64(self.occurred_at, document.last_at_ms.saturating_mul(1000));
        out.add_i64(self.started_at, document.first_at_ms.saturating_mul(1000));
        out.add_i64(self.expires_at, document.expires_at_s);
        self.add_id(&mut out, document.session_id().uuid().as_u128());
        out.add_text(self.terms_of(Field::Session), document.session_id().to_string());
        add(
            &mut out,
            self.terms_of(Field::Reference),
            &document.reference_names(),
        );
        document
            .texts()
            .for_each(|text| out.add_text(self.activity, text));
        out
    }

    /// What is left of something erased: the id, and nothing else.
    pub(super) fn stub(&self, id: &DocumentId) -> TantivyDocument {
        let mut out = TantivyDocument::default();
        out.add_text(self.document_id, id.as_str());
        out.add_text(self.kind, STUB);
        out
    }

    fn base(&self, kind: &str, id: &DocumentId, project: &str, position: Position) -> TantivyDocument {
        let mut out = TantivyDocument::default();
        out.add_text(self.document_id, id.as_str());
        out.add_text(self.kind, kind);
        out.add_text(self.project, project);
        out.add_u64(self.project_hash, project_hash(project));
        out.add_text(self.position, place::text(position));
        out
    }

    fn add_id(&self, out: &mut TantivyDocument, id: u128) {
        let (high, low) = halves(id);
        out.add_u64(self.id_high, high);
        out.add_u64(self.id_low, low);
    }

    /// A stored text.
    pub(super) fn text_of<'a>(&self, document: &'a TantivyDocument, column: Column) -> &'a str {
        document
            .get_first(column)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    }

    pub(super) fn project_of(&self, document: &TantivyDocument) -> Result<ProjectId, SearchError> {
        self.text_of(document, self.project).parse().map_err(damaged)
    }

    pub(super) fn position_of(&self, document: &TantivyDocument) -> Result<Position, SearchError> {
        place::parse(self.text_of(document, self.position))
    }
}

fn damaged(error: impl std::fmt::Display) -> SearchError {
    SearchError::Engine(format!("stored document is damaged: {error}"))
}

fn add(out: &mut TantivyDocument, column: Column, values: &[String]) {
    values
        .iter()
        .filter(|value| !value.is_empty())
        .for_each(|value| out.add_text(column, value));
}

/// An id as two columns of 64 bits.
pub(super) fn halves(id: u128) -> (u64, u64) {
    let low = u64::try_from(id & u128::from(u64::MAX)).expect("masked to 64 bits");
    (u64::try_from(id >> 64).expect("64 bits are left"), low)
}

/// IPv4 as the IPv6 addresses that stand for it, so that one column holds both.
pub(super) fn as_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}
