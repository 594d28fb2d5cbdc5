//! What is wrong with a query: where, what, and what to write instead, in English and Chinese.

use super::fields::Field;
use super::query::{NESTING, QUERY_BYTES, TERMS};

/// A query that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("query, byte {position}: {}; {}", .problem.texts().0, .problem.texts().1)]
pub struct SyntaxError {
    /// Where, in bytes of the query's text.
    pub position: usize,
    /// What.
    pub problem: Problem,
}

/// Something that a query can't have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is said in words below")]
pub enum Problem {
    TooLong,
    TooDeep,
    TooManyTerms,
    UnknownField { name: String, like: Option<Field> },
    ValueMissing { field: Field },
    TermMissing,
    QuoteOpen,
    GroupOpen,
    GroupNotOpen,
    NotSeparated,
    InnerStar,
    NoRange { field: Field },
    NoPrefix { field: Field },
    NotAnAddress { text: String },
    NotATime { text: String },
    EmptyRange,
    PairMissing { field: Field },
}

impl Problem {
    fn texts(&self) -> (String, String) {
        let (message, hint, ..) = self.all();
        (message, hint)
    }

    /// Message and hint in English, message and hint in Chinese.
    fn all(&self) -> (String, String, String, String) {
        let (message, hint, message_zh, hint_zh) = match self {
            Problem::TooLong => {
                return limit("query is longer", "查询长度超过", QUERY_BYTES, "bytes", "字节");
            }
            Problem::TooDeep => {
                return limit(
                    "groups are nested deeper",
                    "括号嵌套超过",
                    NESTING,
                    "levels",
                    "层",
                );
            }
            Problem::TooManyTerms => return limit("query has more", "查询条件超过", TERMS, "terms", "个"),
            Problem::UnknownField { name, like } => return unknown_field(name, *like),
            Problem::ValueMissing { field } => return example(*field, "needs a value", "缺少值"),
            Problem::NoRange { field } => return example(*field, "takes no range", "不支持范围"),
            Problem::NoPrefix { field } => return example(*field, "takes no prefix", "不支持前缀"),
            Problem::PairMissing { field } => {
                return example(*field, "needs a path and a value", "需要路径和值");
            }
            Problem::NotAnAddress { text } => return bad_value(text, "address", "地址", Field::Ip),
            Problem::NotATime { text } => return bad_value(text, "time", "时间", Field::Created),
            Problem::TermMissing => (
                "a term is missing here",
                "write a word or field:value on both sides of OR, and after - and (",
                "此处缺少条件",
                "在 OR 两侧以及 - 和 ( 之后写词语或 字段:值",
            ),
            Problem::QuoteOpen => (
                "the quote is not closed",
                "close it with \", or write \\\" for a quote within",
                "引号未闭合",
                "用 \" 闭合；文字内的引号写作 \\\"",
            ),
            Problem::GroupOpen => (
                "the parenthesis is not closed",
                "close it with )",
                "括号未闭合",
                "用 ) 闭合",
            ),
            Problem::GroupNotOpen => (
                "there is no parenthesis to close",
                "remove it, or quote the value",
                "没有可闭合的括号",
                "删除它，或给值加引号",
            ),
            Problem::NotSeparated => (
                "terms are not separated",
                "put a space before it, or quote the whole value",
                "条件之间没有空格",
                "在前面加空格，或给整个值加引号",
            ),
            Problem::InnerStar => (
                "* stands within a value",
                "use it at the end (field:prefix*), or quote the value",
                "* 位于值的中间",
                "只能放在末尾（字段:前缀*），或给值加引号",
            ),
            Problem::EmptyRange => (
                "the range holds nothing",
                "write the lower end first",
                "范围为空",
                "先写较小的一端",
            ),
        };
        (message.into(), hint.into(), message_zh.into(), hint_zh.into())
    }
}

fn limit(
    what: &str,
    what_zh: &str,
    bound: usize,
    unit: &str,
    unit_zh: &str,
) -> (String, String, String, String) {
    (
        format!("{what} than {bound} {unit}"),
        "split it into several queries".into(),
        format!("{what_zh} {bound} {unit_zh}"),
        "请拆分为多个查询".into(),
    )
}

fn unknown_field(name: &str, like: Option<Field>) -> (String, String, String, String) {
    let hint = like.map_or_else(String::new, |field| format!("did you mean {}? ", field.name()));
    let hint_zh = like.map_or_else(String::new, |field| format!("是否想写 {}？", field.name()));
    let names: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
    let names = names.join(", ");
    (
        format!("there is no field {name:?}"),
        format!("{hint}fields are {names}; quote a text with a colon"),
        format!("没有字段 {name:?}"),
        format!("{hint_zh}可用字段：{names}；含冒号的文字请加引号"),
    )
}

fn example(field: Field, problem: &str, problem_zh: &str) -> (String, String, String, String) {
    let name = field.name();
    let example = match field {
        Field::Ip => "ip:203.0.113.9, ip:203.0.113.0/24".to_owned(),
        Field::Created => {
            "created:2026-11-22, created:>=2026-11-01, created:2026-11-01..2026-11-30".to_owned()
        }
        Field::Was | Field::Now => format!("{name}:status=draft, {name}:status=*"),
        Field::Device | Field::Error => format!("{name}:word, {name}:\"some words\", {name}:wor*"),
        _ => format!("{name}:value, {name}:a,b, {name}:pre*"),
    };
    (
        format!("field {name} {problem}"),
        format!("write for example {example}"),
        format!("字段 {name} {problem_zh}"),
        format!("例如 {example}"),
    )
}

fn bad_value(text: &str, kind: &str, kind_zh: &str, field: Field) -> (String, String, String, String) {
    let (_, hint, _, hint_zh) = example(field, "", "");
    (
        format!("{text:?} is no {kind}"),
        hint,
        format!("{text:?} 不是{kind_zh}"),
        hint_zh,
    )
}

impl SyntaxError {
    /// What is wrong, in English.
    pub fn message_en(&self) -> String {
        self.problem.all().0
    }

    /// What to write instead, in English.
    pub fn hint_en(&self) -> String {
        self.problem.all().1
    }

    /// What is wrong, in Chinese.
    pub fn message_zh(&self) -> String {
        self.problem.all().2
    }

    /// What to write instead, in Chinese.
    pub fn hint_zh(&self) -> String {
        self.problem.all().3
    }
}
