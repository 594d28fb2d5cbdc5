//! Why a statement is refused, in both languages.

use hindsight_schemas::problem::{Refusal, Words};
use hindsight_schemas::reason::Reason;

use super::guard::{FORMATS, STATEMENT_BYTES, TABLES};

/// Why a statement is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words().en)]
pub enum Refused {
    /// Over [`STATEMENT_BYTES`].
    TooLong(usize),
    /// Not one SELECT: none, several, or another statement.
    NotOneSelect,
    /// The parser's words.
    Syntax(String),
    /// A table outside the list.
    Table(String),
    /// A function outside the list.
    Function(String),
    /// A table function outside the list.
    TableFunction(String),
    /// A part of SELECT that is not served.
    Clause(&'static str),
    /// A format outside the list.
    Format(String),
}

impl Refused {
    fn words(&self) -> Words {
        match self {
            Self::TooLong(bytes) => Words::new(
                format!("statement of {bytes} bytes is over the limit of {STATEMENT_BYTES}"),
                format!("语句有 {bytes} 字节，超过限制 {STATEMENT_BYTES}"),
            ),
            Self::NotOneSelect => Words::new(
                "send one SELECT, and nothing beside it",
                "请只发送一条 SELECT 语句",
            ),
            Self::Syntax(why) => Words::new(
                format!("statement can't be read: {why}"),
                format!("无法解析语句：{why}"),
            ),
            Self::Table(name) => named(
                format!("table {name} is not for people; there are"),
                format!("表 {name} 不可查询；可用"),
                TABLES,
            ),
            Self::Function(name) => Words::new(
                format!("function {name} is not allowed here"),
                format!("不允许使用函数 {name}"),
            ),
            Self::TableFunction(name) => named(
                format!("table function {name} is not allowed here; there are"),
                format!("不允许使用表函数 {name}；可用"),
                &["numbers", "generate_series", "values"],
            ),
            Self::Clause(clause) => Words::new(
                format!("{clause} is not allowed here"),
                format!("不允许使用：{clause}"),
            ),
            Self::Format(name) => named(
                format!("format {name} is not served; there are"),
                format!("不支持格式 {name}；可用"),
                FORMATS,
            ),
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::TooLong(_) => Reason::SqlLimit,
            Self::Syntax(_) => Reason::SqlError,
            _ => Reason::SqlRefused,
        }
    }
}

fn named(en: String, zh: String, names: &[&str]) -> Words {
    let names = names.join(", ");
    Words::new(format!("{en} {names}"), format!("{zh}：{names}"))
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let Words { en, zh } = refused.words();
        Self::new(refused.reason(), en, zh)
    }
}
