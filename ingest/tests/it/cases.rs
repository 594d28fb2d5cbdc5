//! Bad input, each with its one name. `docs/refusals.md` is made from this list.

use hindsight_ingest::{EdgeOptions, Intake, Limits, Rate};
use hindsight_schemas::ids::SessionId;
use hindsight_schemas::reason::Reason;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::foreign::{posthog, snapshot};
use crate::house::{APP, BROWSER, EVENTS, House, ORIGIN, SERVER, erased_session, gzip, now_ms, zstd};
use crate::log::Mood;

/// One bad input.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) reason: Reason,
    pub(crate) mood: Mood,
    pub(crate) send: fn(&House) -> RequestBuilder,
}

/// Small limits, so that what is over them is quickly made.
pub(crate) fn small() -> EdgeOptions {
    EdgeOptions {
        limits: Limits {
            record_bytes: 1 << 20,
            inflated_bytes: 2 << 20,
            ..Limits::default()
        },
        rate: Rate::default(),
        edge: Intake {
            budget_bytes: 16 << 20,
            append_wait_ms: 200,
            ..Intake::default()
        },
    }
}

const fn case(name: &'static str, reason: Reason, send: fn(&House) -> RequestBuilder) -> Case {
    Case {
        name,
        reason,
        mood: Mood::Keeps,
        send,
    }
}

const fn with_log(name: &'static str, mood: Mood) -> Case {
    Case {
        name,
        reason: Reason::LogUnavailable,
        mood,
        send: |house| house.batch("").body(EVENTS),
    }
}

fn body(house: &House, body: impl Into<reqwest::Body>) -> RequestBuilder {
    house.batch("").body(body)
}

fn session(house: &House, session: &str, key: &str) -> RequestBuilder {
    house
        .post(&format!("/v1/recordings/{session}/w/0?key={key}"))
        .header("origin", ORIGIN)
        .body(EVENTS)
}

fn fresh() -> String {
    SessionId::from_parts(now_ms(), [1; 10]).to_string()
}

fn bomb() -> Vec<u8> {
    vec![b' '; 8 << 20]
}

fn nested(levels: usize) -> String {
    format!(
        r#"[{{"type":3,"timestamp":1,"data":{}{}}}]"#,
        "[".repeat(levels),
        "]".repeat(levels)
    )
}

fn rrweb(house: &House, body: impl Into<reqwest::Body>) -> RequestBuilder {
    house
        .post(&format!("/v1/rrweb?key={APP}&session={}", fresh()))
        .body(body)
}

fn posthog_session() -> String {
    // Within a day of now, and the same all day.
    SessionId::from_parts(now_ms() / 86_400_000 * 86_400_000, [1; 10]).to_string()
}

fn posthog_call() -> String {
    snapshot(posthog_session().parse().unwrap(), "no uuid", EVENTS)
}

fn good_audit(index: usize) -> serde_json::Value {
    json!({"id": format!("e-{index}"), "occurred_at": "2026-11-22T12:30:00Z", "action": "order.pay"})
}

fn one_bad_of(count: usize) -> serde_json::Value {
    let mut events: Vec<_> = (0..count).map(good_audit).collect();
    events[count / 2]["outcome"] = json!("perhaps");
    json!(events)
}

pub(crate) const CASES: &[Case] = &[
    case("truncated gzip", Reason::Truncated, |house| {
        let packed = gzip(EVENTS.as_bytes());
        house
            .batch("encoding=gzip")
            .body(packed[..packed.len() - 9].to_vec())
    }),
    case("truncated zstd", Reason::Truncated, |house| {
        let packed = zstd(EVENTS.as_bytes());
        house
            .batch("encoding=zstd")
            .body(packed[..packed.len() - 3].to_vec())
    }),
    case("gzip bomb", Reason::TooLarge, |house| {
        house.batch("encoding=gzip").body(gzip(&bomb()))
    }),
    case("zstd bomb", Reason::TooLarge, |house| {
        house.batch("encoding=zstd").body(zstd(&bomb()))
    }),
    case("gzip that says zstd", Reason::BadEncoding, |house| {
        house.batch("encoding=zstd").body(gzip(EVENTS.as_bytes()))
    }),
    case("plain that says gzip", Reason::BadEncoding, |house| {
        house.batch("encoding=gzip").body(EVENTS)
    }),
    case("gzip that says nothing", Reason::BadEncoding, |house| {
        body(house, gzip(EVENTS.as_bytes()))
    }),
    case("gzip with a wrong checksum", Reason::BadEncoding, |house| {
        let mut packed = gzip(EVENTS.as_bytes());
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        house.batch("encoding=gzip").body(packed)
    }),
    case("gzip followed by something else", Reason::BadEncoding, |house| {
        house
            .batch("encoding=gzip")
            .body([gzip(EVENTS.as_bytes()), b"something that is no gzip".to_vec()].concat())
    }),
    case(
        "an encoding that is not supported",
        Reason::UnsupportedEncoding,
        |house| house.batch("encoding=br").body(EVENTS),
    ),
    case("two encodings", Reason::BadParameter, |house| {
        house
            .batch("encoding=zstd")
            .header("content-encoding", "gzip")
            .body(zstd(EVENTS.as_bytes()))
    }),
    case("not JSON", Reason::NotJson, |house| body(house, "hello")),
    case("JSON that ends too early", Reason::NotJson, |house| {
        body(house, &EVENTS[..EVENTS.len() - 4])
    }),
    case("NUL bytes", Reason::NotJson, |house| {
        body(house, "[{\"type\":3,\"timestamp\":1,\"a\":\"\0\"}]")
    }),
    case("not rrweb", Reason::NotRrweb, |house| {
        body(house, r#"[{"hello": "world"}]"#)
    }),
    case("a number", Reason::NotRrweb, |house| body(house, "42")),
    case("a type that is none", Reason::NotRrweb, |house| {
        body(house, r#"[{"type":99,"timestamp":1}]"#)
    }),
    case("an event without time", Reason::EventWithoutTime, |house| {
        body(house, r#"[{"type":3,"data":{}}]"#)
    }),
    case("0 events", Reason::NoEvents, |house| body(house, "[]")),
    case("an empty body", Reason::NoEvents, |house| body(house, "")),
    case("20,000 nested levels", Reason::NestedTooDeep, |house| {
        body(house, nested(20_000))
    }),
    case("invalid UTF-8", Reason::NotUtf8, |house| {
        body(house, b"[\"\xff\xfe\"]".to_vec())
    }),
    case("an oversized body", Reason::TooLarge, |house| {
        body(house, vec![b' '; (1 << 20) + 1])
    }),
    case("a body just over a record", Reason::TooLarge, |house| {
        body(house, format!("{EVENTS}{}", " ".repeat((1 << 20) - EVENTS.len())))
    }),
    case("no key", Reason::UnknownKey, |house| {
        house
            .post(&format!("/v1/recordings/{}/w/0", fresh()))
            .body(EVENTS)
    }),
    case("an unknown key", Reason::UnknownKey, |house| {
        session(house, &fresh(), "nobody")
    }),
    case("a server key in a query", Reason::WrongKeyKind, |house| {
        session(house, &fresh(), SERVER)
    }),
    case("a browser key for audit events", Reason::WrongKeyKind, |house| {
        house
            .post("/v1/audit")
            .bearer_auth(BROWSER)
            .header("origin", ORIGIN)
            .json(&good_audit(0))
    }),
    case("a wrong origin", Reason::WrongOrigin, |house| {
        house
            .post(&format!("/v1/recordings/{}/w/0?key={BROWSER}", fresh()))
            .header("origin", "https://evil.example")
            .body(EVENTS)
    }),
    case("a browser key without origin", Reason::WrongOrigin, |house| {
        house
            .post(&format!("/v1/recordings/{}/w/0?key={BROWSER}", fresh()))
            .body(EVENTS)
    }),
    case("an app key in a page", Reason::WrongOrigin, |house| {
        session(house, &fresh(), APP)
    }),
    case("a session id that is not v7", Reason::NotSessionId, |house| {
        session(house, "7f9c24e8-3b12-4fef-91e0-56a2d5a4d0b1", BROWSER)
    }),
    case("a session id of 1970", Reason::SessionTime, |house| {
        session(house, &SessionId::from_parts(1, [0; 10]).to_string(), BROWSER)
    }),
    case("a session id of eight days ago", Reason::SessionTime, |house| {
        session(
            house,
            &SessionId::from_parts(now_ms() - 8 * 86_400_000, [0; 10]).to_string(),
            BROWSER,
        )
    }),
    case("a session id of tomorrow", Reason::SessionTime, |house| {
        session(
            house,
            &SessionId::from_parts(now_ms() + 86_400_000, [0; 10]).to_string(),
            BROWSER,
        )
    }),
    case("an erased session", Reason::Erased, |house| {
        session(house, &erased_session().to_string(), BROWSER)
    }),
    case("a tab that is none", Reason::BadParameter, |house| {
        house
            .post(&format!("/v1/recordings/{}/a%20b/0?key={APP}", fresh()))
            .body(EVENTS)
    }),
    case("a negative seq", Reason::BadParameter, |house| {
        house
            .post(&format!("/v1/recordings/{}/w/-1?key={APP}", fresh()))
            .body(EVENTS)
    }),
    case("a sent_at that is no number", Reason::BadParameter, |house| {
        house.batch("sent_at=now").body(EVENTS)
    }),
    case("plain rrweb without a session", Reason::NotSessionId, |house| {
        house.post(&format!("/v1/rrweb?key={APP}")).body(EVENTS)
    }),
    case("plain rrweb that is no event", Reason::NotRrweb, |house| {
        rrweb(house, r#"{"events":[{"hello":1}]}"#)
    }),
    case("packed rrweb that is damaged", Reason::BadEncoding, |house| {
        rrweb(house, r#"["x\u009cnonsense"]"#)
    }),
    case("a bomb within a packed event", Reason::TooLarge, |house| {
        let packed: String = gzip(&bomb()).into_iter().map(char::from).collect();
        rrweb(
            house,
            json!([{"type": 2, "cv": "2024-10", "timestamp": 1, "data": packed}]).to_string(),
        )
    }),
    case("posthog-js with an unknown token", Reason::UnknownKey, |house| {
        let call = posthog_call().replace(BROWSER, "phc_nobody");
        posthog(house, "").body(call)
    }),
    case("posthog-js on a wrong origin", Reason::WrongOrigin, |house| {
        house
            .post("/s/")
            .header("origin", "https://evil.example")
            .body(posthog_call())
    }),
    case(
        "posthog-js with a session id of old",
        Reason::NotSessionId,
        |house| posthog(house, "").body(posthog_call().replace(&posthog_session(), "visit-1")),
    ),
    case(
        "posthog-js in an unknown packing",
        Reason::UnsupportedEncoding,
        |house| posthog(house, "compression=brotli").body(posthog_call()),
    ),
    case("posthog-js in a damaged packing", Reason::BadEncoding, |house| {
        posthog(house, "compression=lz64").body("data=AAAA")
    }),
    case("an unknown path", Reason::NotFound, |house| {
        house.post("/v1/nothing")
    }),
    case("GET of audit events", Reason::MethodNotAllowed, |house| {
        house.get("/v1/audit")
    }),
    with_log("a log that is full", Mood::Full),
    with_log("a log that is away", Mood::Unavailable),
    with_log("a log that does not answer", Mood::Hangs),
    case("one bad audit event among 100", Reason::InvalidAudit, |house| {
        house.audit("").json(&one_bad_of(100))
    }),
    case("10,000 audit events", Reason::TooManyEvents, |house| {
        house.audit("").body(vec!["{}"; 10_000].join("\n"))
    }),
    case("a 1 MB `before`", Reason::TooLarge, |house| {
        let mut event = good_audit(0);
        event["before"] = json!({"text": "x".repeat(1_000_000)});
        house.audit("").json(&event)
    }),
    case("an own id without a time", Reason::TimeMissing, |house| {
        house.audit("").json(&json!({"id": "e-1", "action": "a"}))
    }),
    case(
        "an Idempotency-Key without a time",
        Reason::TimeMissing,
        |house| {
            house
                .audit("")
                .header("idempotency-key", "k")
                .json(&json!({"action": "a"}))
        },
    ),
    case("an audit event of 1999", Reason::TimeRange, |house| {
        house
            .audit("")
            .json(&json!({"occurred_at": "1999-12-31T23:59:59Z", "action": "a"}))
    }),
    case("an audit event of next week", Reason::TimeRange, |house| {
        house
            .audit("")
            .json(&json!({"id": SessionId::from_parts(now_ms() + 7 * 86_400_000, [0; 10]), "action": "a"}))
    }),
    case("an unknown retention class", Reason::InvalidAudit, |house| {
        house.audit("").json(&json!({"action": "a", "class": "eternal"}))
    }),
    case(
        "an audit event that is no object",
        Reason::InvalidAudit,
        |house| house.audit("").body("[1]"),
    ),
    case("a number that would lose digits", Reason::InvalidAudit, |house| {
        house
            .audit("")
            .body(r#"{"action":"a","after":{"n":123456789012345678901234567890}}"#)
    }),
    case(
        "an audit event of 20,000 levels",
        Reason::NestedTooDeep,
        |house| {
            house
                .audit("")
                .body(format!(r#"{{"a":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000)))
        },
    ),
    case("audit events that are not JSON", Reason::NotJson, |house| {
        house.audit("").body("{\"action\":")
    }),
];

/// Bad input that takes more than one request to make: shown by tests of their own in `drain` and `refusals`.
pub(crate) const STAGED: &[(&str, Reason)] = &[
    ("a slow body", Reason::SlowBody),
    ("a connection that ends within the body", Reason::Truncated),
    ("more than the project's rate", Reason::RateLimited),
    ("more bytes in flight than the budget", Reason::Overloaded),
    ("a request while draining", Reason::Draining),
];
