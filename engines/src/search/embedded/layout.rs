//! The layout of the index on disk: one index for audit events, activity and stubs, told apart by `kind`.
//!
//! **Invariant:** an index of another layout is refused when it is opened; a change here is a new view
//! generation. Values that are matched as a whole are raw terms; times, addresses and the sort key are columns.

use tantivy::schema::{
    FAST, Field as Column, INDEXED, IndexRecordOption, IpAddrOptions, STORED, Schema, SchemaBuilder,
    TextFieldIndexing, TextOptions,
};

use super::super::fields::Field;

/// The kinds of documents.
pub(super) const AUDIT: &str = "audit";
pub(super) const ACTIVITY: &str = "activity";
pub(super) const STUB: &str = "stub";

/// Names of the columns that collectors open by name.
pub(super) const OCCURRED_AT: &str = "occurred_at";
pub(super) const ID_HIGH: &str = "id_high";
pub(super) const ID_LOW: &str = "id_low";
pub(super) const PROJECT_HASH: &str = "project_hash";

/// The tokenizer's name in the schema.
pub(super) const WORDS: &str = "words";

/// Every column of the index.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) schema: Schema,
    /// Under which the first document wins.
    pub(super) document_id: Column,
    pub(super) kind: Column,
    pub(super) project: Column,
    pub(super) content_sha256: Column,
    pub(super) position: Column,
    /// The canonical bytes of an audit event; stored only.
    pub(super) source: Column,
    /// Audit: when it happened. Activity: the last event. Unix microseconds.
    pub(super) occurred_at: Column,
    /// Activity: the first event. Unix microseconds.
    pub(super) started_at: Column,
    pub(super) expires_at: Column,
    /// Audit: the event's id. Activity: the session's. Upper and lower 64 bits.
    pub(super) id_high: Column,
    pub(super) id_low: Column,
    pub(super) project_hash: Column,
    pub(super) ip: Column,
    /// Full text of an audit event.
    pub(super) text: Column,
    /// Full text of a batch ([`ActivityDocument`]).
    pub(super) activity: Column,
    /// Columns of the query language that are made of terms, by field.
    terms: Vec<(Field, Column)>,
}

impl Layout {
    pub(super) fn new() -> Self {
        let mut schema = SchemaBuilder::new();
        let fast = INDEXED | FAST;
        let mut layout = Self {
            document_id: schema.add_text_field("document_id", raw() | STORED),
            kind: schema.add_text_field("kind", raw() | STORED),
            project: schema.add_text_field("project", raw() | STORED),
            content_sha256: schema.add_bytes_field("content_sha256", STORED),
            position: schema.add_text_field("position", STORED),
            source: schema.add_text_field("source", STORED),
            occurred_at: schema.add_i64_field(OCCURRED_AT, FAST),
            started_at: schema.add_i64_field("started_at", FAST),
            expires_at: schema.add_i64_field("expires_at", FAST),
            id_high: schema.add_u64_field(ID_HIGH, FAST),
            id_low: schema.add_u64_field(ID_LOW, FAST),
            project_hash: schema.add_u64_field(PROJECT_HASH, fast),
            ip: schema.add_ip_addr_field("ip", IpAddrOptions::default().set_fast()),
            text: schema.add_text_field("text", words()),
            activity: schema.add_text_field("activity", words()),
            terms: Vec::new(),
            schema: Schema::builder().build(),
        };
        for field in Field::ALL.iter().copied() {
            let column = match field {
                Field::User | Field::Created | Field::Ip => continue,
                Field::Project => layout.project,
                Field::Device | Field::Error => schema.add_text_field(field.name(), words()),
                _ => schema.add_text_field(field.name(), raw()),
            };
            layout.terms.push((field, column));
        }
        layout.schema = schema.build();
        layout
    }

    /// The column of a field that is made of terms (all save user, created and ip).
    pub(super) fn terms_of(&self, field: Field) -> Column {
        let found = self.terms.iter().find(|(known, _)| *known == field);
        found
            .expect("user, created and ip are translated by their own rules")
            .1
    }
}

fn raw() -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw")
        .set_index_option(IndexRecordOption::Basic)
        .set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing)
}

fn words() -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(WORDS)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions)
        .set_fieldnorms(false);
    TextOptions::default().set_indexing_options(indexing)
}
