//! The fields of the query language: one table of names, what each holds, and how its values are matched.
//!
//! **Invariant:** a value in a query goes through [`Field::normalized`], which does to it what
//! `hindsight_schemas::documents` did to the stored one; engines compare bytes.

use hindsight_schemas::documents::{folded, keyword};
use hindsight_schemas::patch::{VALUE_BYTES, cut_text};

/// How the values of a field are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As a whole, by case.
    Keyword,
    /// As a whole, whatever the case.
    Folded,
    /// As a run of words somewhere in the text.
    Text,
    /// An address, a range of them or a network.
    Address,
    /// A time or a range of times.
    Time,
    /// A path; also everything below it.
    Path,
    /// `path=value`.
    Pair,
}

macro_rules! fields {
    ($($variant:ident $name:literal $kind:ident $doc:literal;)*) => {
        /// A field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $(#[doc = $doc] $variant,)*
        }

        impl Field {
            /// All of them.
            pub const ALL: &[Field] = &[$(Field::$variant),*];

            /// The name in queries.
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name),* }
            }

            /// How its values are matched.
            pub fn kind(self) -> Kind {
                match self { $(Field::$variant => Kind::$kind),* }
            }
        }
    };
}

fields! {
    User "user" Keyword "Who: id, or name whatever its case.";
    UserId "user_id" Keyword "Who, by id.";
    UserName "user_name" Folded "Who, by name.";
    Role "role" Folded "A role held at that time.";
    Action "action" Folded "The application's own name of the operation.";
    Operation "operation" Folded "Its kind: create, read, update, ...";
    Target "target" Keyword "To what: `id` or `type:id`.";
    TargetType "target_type" Folded "To what kind of thing.";
    Outcome "outcome" Folded "`success` or `failure`.";
    Ip "ip" Address "From which address.";
    Device "device" Text "From which device.";
    Session "session" Folded "During which visit.";
    Trace "trace" Folded "In which trace.";
    Reference "reference" Keyword "Concerning which business id: `id` or `type:id`.";
    Project "project" Folded "In which application.";
    Class "class" Folded "Retention class.";
    Changed "changed" Path "A path that differs between before and after.";
    Was "was" Pair "A value before that differs after.";
    Now "now" Pair "A value after that differs before.";
    Created "created" Time "When it happened.";
    Error "error" Text "What went wrong.";
    Id "id" Folded "The event's id.";
    SourceId "source_id" Keyword "The id that the sender gave.";
}

/// Names that are accepted for others.
const ALIASES: &[(&str, Field)] = &[
    ("session_id", Field::Session),
    ("trace_id", Field::Trace),
    ("occurred_at", Field::Created),
];

impl Field {
    /// Finds a field by its name.
    pub fn named(name: &str) -> Option<Self> {
        let known = Self::ALL.iter().copied().find(|field| field.name() == name);
        known.or_else(|| {
            ALIASES
                .iter()
                .find(|(alias, _)| *alias == name)
                .map(|(_, field)| *field)
        })
    }

    /// A value of a query in the form in which documents hold it.
    pub fn normalized(self, value: &str) -> String {
        match self.kind() {
            Kind::Folded => folded(value),
            Kind::Keyword => keyword(value),
            Kind::Path => cut(value),
            Kind::Pair => match value.split_once('=') {
                Some((path, value)) => format!("{}={}", cut(path), cut(value)),
                None => cut(value),
            },
            Kind::Text | Kind::Address | Kind::Time => value.to_owned(),
        }
    }
}

fn cut(text: &str) -> String {
    let mut text = text.to_owned();
    cut_text(&mut text, VALUE_BYTES);
    text
}
