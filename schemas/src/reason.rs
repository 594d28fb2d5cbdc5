//! The one list of reasons why something was not stored, shared by responses, metrics and dead letters.
//!
//! **Invariant:** everything received is stored or counted under exactly one of these names. Adding a name is
//! fine, renaming one breaks dashboards and clients.

/// What a sender should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will be refused again: mend it first.
    Never,
    /// Send the same again, after `Retry-After` where given.
    Later,
}

macro_rules! reasons {
    ($($variant:ident $name:literal $status:literal $retry:ident $en:literal $zh:literal;)*) => {
        /// A reason. `as_str` is its name everywhere.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $en] $variant,)*
        }

        impl Reason {
            /// All of them, in the order of the list.
            pub const ALL: &[Reason] = &[$(Reason::$variant),*];

            /// The name in `reason`, in metrics and in dead letters.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $name),* }
            }

            /// The HTTP status it is answered with.
            pub fn status(self) -> u16 {
                match self { $(Reason::$variant => $status),* }
            }

            /// Whether sending the same again can help.
            pub fn retry(self) -> Retry {
                match self { $(Reason::$variant => Retry::$retry),* }
            }

            /// A short title in English.
            pub fn title_en(self) -> &'static str {
                match self { $(Reason::$variant => $en),* }
            }

            /// A short title in Chinese.
            pub fn title_zh(self) -> &'static str {
                match self { $(Reason::$variant => $zh),* }
            }
        }
    };
}

reasons! {
    MalformedRequest "malformed_request" 400 Never "The request is malformed" "请求格式错误";
    BadParameter "bad_parameter" 400 Never "A parameter is not valid" "参数无效";
    BadEncoding "bad_encoding" 400 Never "The body is not packed as it says" "请求体与声明的编码不符";
    Truncated "truncated" 400 Never "The body ends too early" "请求体不完整";
    NotJson "not_json" 400 Never "The body is not JSON" "请求体不是 JSON";
    NotUtf8 "not_utf8" 400 Never "The body is not UTF-8" "请求体不是 UTF-8";
    NestedTooDeep "nested_too_deep" 400 Never "The JSON is nested too deeply" "JSON 嵌套过深";
    QuerySyntax "query_syntax" 400 Never "The query is not valid" "查询语法错误";
    CursorMismatch "cursor_mismatch" 400 Never "The cursor belongs to another query" "游标不属于此查询";
    Ambiguous "ambiguous" 400 Never "The id is found in several projects" "该编号存在于多个项目";
    UnknownKey "unknown_key" 401 Never "The key or token is missing or unknown" "密钥或令牌缺失或无效";
    WrongKeyKind "wrong_key_kind" 403 Never "This kind of key may not do that" "此类密钥无权执行该操作";
    WrongOrigin "wrong_origin" 403 Never "The origin is not allowed for this key" "该来源不允许使用此密钥";
    Forbidden "forbidden" 403 Never "You may not do that" "无权执行该操作";
    NotFound "not_found" 404 Never "There is nothing here" "未找到";
    MethodNotAllowed "method_not_allowed" 405 Never "This method is not allowed here" "不允许使用该方法";
    NotAcceptable "not_acceptable" 406 Never "None of the accepted forms can be made" "无法提供所请求的格式";
    SlowBody "slow_body" 408 Later "The body came too slowly" "请求体传输过慢";
    Erased "erased" 410 Never "The data were erased" "数据已删除";
    TooLarge "too_large" 413 Never "The body is over the limit" "请求体超过限制";
    UnsupportedEncoding "unsupported_encoding" 415 Never "The encoding is not supported" "不支持的编码";
    NotRrweb "not_rrweb" 422 Never "The body is not a list of rrweb events" "请求体不是 rrweb 事件";
    EventWithoutTime "event_without_time" 422 Never "An event has no timestamp" "事件缺少时间戳";
    NoEvents "no_events" 422 Never "There are no events" "没有事件";
    SessionTime "session_time" 422 Never "The session id's time is out of range" "会话编号的时间超出范围";
    NotSessionId "not_session_id" 422 Never "The session id is not a UUIDv7" "会话编号不是 UUIDv7";
    TimeMissing "time_missing" 422 Never "The event needs a time" "事件缺少时间";
    TimeRange "time_range" 422 Never "The event's time is out of range" "事件时间超出范围";
    InvalidAudit "invalid_audit" 422 Never "The audit event is not valid" "审计事件无效";
    TooManyEvents "too_many_events" 413 Never "There are too many events in one call" "单次请求事件过多";
    RateLimited "rate_limited" 429 Later "Too many requests for this project" "请求过于频繁";
    Internal "internal" 500 Later "Something went wrong here" "服务器内部错误";
    LogUnavailable "log_unavailable" 503 Later "The log is away" "日志暂不可用";
    Overloaded "overloaded" 503 Later "The server is at its memory budget" "服务器内存已达上限";
    Draining "draining" 503 Later "The server is shutting down" "服务器正在关闭";
    EngineAway "engine_away" 503 Later "An engine behind this call is away" "后端引擎暂不可用";
    SqlRefused "sql_refused" 403 Never "The statement is not allowed here" "不允许执行该语句";
    SqlError "sql_error" 400 Never "The statement failed" "语句执行失败";
    SqlLimit "sql_limit" 413 Never "The statement is over a limit" "语句超过限制";
    PoisonAvro "poison_avro" 500 Never "A log record can't be decoded" "日志记录无法解码";
    PoisonBody "poison_body" 500 Never "A log record's body can't be read" "日志记录内容无法读取";
    Conflict "conflict" 409 Never "The identity is taken by another body" "同一编号已有不同内容";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_statuses_are_errors() {
        let names: HashSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        assert!(
            Reason::ALL
                .iter()
                .all(|reason| (400..600).contains(&reason.status()))
        );
    }
}
