//! The query language: what is refused and where, and that a tree and its text are the same thing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Bound;

use hindsight_engines::search::conformance::CASES;
use hindsight_engines::search::fields::{Field, Kind};
use hindsight_engines::search::parse::parse;
use hindsight_engines::search::query::{Match, NESTING, QUERY_BYTES, Query, TERMS, Words};
use hindsight_engines::search::syntax::{Problem, SyntaxError};
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn error(text: &str) -> SyntaxError {
    match parse(text, &TimeZone::UTC) {
        Ok(tree) => panic!("{text:?} was taken as {tree:?}"),
        Err(error) => error,
    }
}

#[track_caller]
fn check(text: &str, position: usize, problem: Problem) {
    assert_eq!(error(text), SyntaxError { position, problem }, "{text:?}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    check("user:", 5, Problem::ValueMissing { field: Field::User });
    check("user:a,", 7, Problem::ValueMissing { field: Field::User });
    check("a OR", 4, Problem::TermMissing);
    check("OR a", 0, Problem::TermMissing);
    check("a OR OR b", 5, Problem::TermMissing);
    check("-", 1, Problem::TermMissing);
    check("()", 1, Problem::TermMissing);
    check("a (b", 2, Problem::GroupOpen);
    check("a b)", 3, Problem::GroupNotOpen);
    check("a \"b c", 2, Problem::QuoteOpen);
    check("user:a(b)", 6, Problem::NotSeparated);
    check("\"a\"b", 3, Problem::NotSeparated);
    check("action:po*cy", 9, Problem::InnerStar);
    check(
        "ip:10.0.0.1/33",
        3,
        Problem::NotAnAddress {
            text: "10.0.0.1/33".into(),
        },
    );
    check("ip:1*", 3, Problem::NoPrefix { field: Field::Ip });
    check("created:soon", 8, Problem::NotATime { text: "soon".into() });
    check(
        "created:>=2026-13",
        10,
        Problem::NotATime {
            text: "2026-13".into(),
        },
    );
    check("created:2026..2025", 8, Problem::EmptyRange);
    check("ip:10.0.0.2..10.0.0.1", 3, Problem::EmptyRange);
    check("error:a..b", 6, Problem::NoRange { field: Field::Error });
    check("was:status", 4, Problem::PairMissing { field: Field::Was });
    check(
        "付款 usr:x",
        7,
        Problem::UnknownField {
            name: "usr".into(),
            like: Some(Field::User),
        },
    );
    check(
        "https://x",
        0,
        Problem::UnknownField {
            name: "https".into(),
            like: None,
        },
    );
}

#[test]
fn bounds_are_enforced() {
    check(&"x".repeat(QUERY_BYTES + 1), QUERY_BYTES, Problem::TooLong);
    assert!(parse(&"x".repeat(QUERY_BYTES), &TimeZone::UTC).is_ok());
    for deep in ["(", "-"] {
        assert_eq!(error(&deep.repeat(QUERY_BYTES)).problem, Problem::TooDeep);
    }
    assert!(
        parse(
            &format!("{}x{}", "(".repeat(NESTING), ")".repeat(NESTING)),
            &TimeZone::UTC
        )
        .is_ok()
    );
    assert_eq!(error(&"x ".repeat(TERMS + 1)).problem, Problem::TooManyTerms);
    assert!(parse(&"x ".repeat(TERMS), &TimeZone::UTC).is_ok());
}

#[test]
fn errors_speak_both_languages() {
    for text in [
        "usr:x",
        "user:",
        "a OR",
        "(a",
        "a)",
        "\"a",
        "a*b",
        "ip:x",
        "created:x",
        "was:x",
        "error:a..b",
    ] {
        let error = error(text);
        let chinese = |text: String| text.chars().any(|char| ('\u{4e00}'..='\u{9fff}').contains(&char));
        assert!(
            chinese(error.message_zh()) && chinese(error.hint_zh()),
            "{text}: {}",
            error.message_zh()
        );
        assert!(
            !error.message_en().is_empty() && !error.hint_en().is_empty(),
            "{text}"
        );
        assert!(
            error
                .to_string()
                .starts_with(&format!("query, byte {}: ", error.position))
        );
    }
}

#[test]
fn a_day_is_that_of_the_zone() {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    assert_eq!(
        parse("created:2026-11-22", &zone).unwrap().to_string(),
        "created:2026-11-21T16:00:00.000000Z..2026-11-22T15:59:59.999999Z"
    );
}

#[test]
fn the_manual_names_every_field() {
    let manual = include_str!("../../../docs/query-language.md");
    for field in Field::ALL {
        assert!(
            manual.contains(&format!("| `{}` |", field.name())),
            "{} is missing",
            field.name()
        );
    }
    let examples = manual
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .collect::<Vec<_>>();
    assert!(examples.len() > 5);
    for example in examples {
        let (query, _) = example.split_once("  ").unwrap_or((example, ""));
        parse(query, &TimeZone::UTC).unwrap_or_else(|error| panic!("{query}: {error}"));
    }
}

#[test]
fn every_case_of_the_corpus_prints_as_itself() {
    for case in CASES {
        let tree = parse(case.query, &TimeZone::UTC).unwrap();
        assert_eq!(
            parse(&tree.to_string(), &TimeZone::UTC),
            Ok(tree),
            "{:?}",
            case.query
        );
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{1,8}",
        "[A-Za-z0-9_:./@*=,()\"\\\\<> -]{0,12}",
        "[\\u{4e00}-\\u{4e20}é，：]{1,4}",
        Just("OR".to_owned()),
        Just("NOT".to_owned()),
    ]
}

/// A value as the parser leaves it.
fn value(field: Field) -> BoxedStrategy<Match> {
    let time = || 0..4_000_000_000_000_000_i64;
    match field.kind() {
        Kind::Address => prop_oneof![
            Just(Match::Present),
            (any::<u32>(), any::<u32>()).prop_map(|(one, other)| {
                let ip = |bits| IpAddr::V4(Ipv4Addr::from_bits(bits));
                Match::Addresses(ip(one.min(other)), ip(one.max(other)))
            }),
            any::<u128>().prop_map(|bits| {
                let ip = IpAddr::V6(Ipv6Addr::from_bits(bits | 1 << 127));
                Match::Addresses(ip, ip)
            }),
        ]
        .boxed(),
        Kind::Time => prop_oneof![
            Just(Match::Present),
            (time(), 1..1_000_000_000_i64)
                .prop_map(|(from, length)| Match::Times(Some(from), Some(from + length))),
            time().prop_map(|from| Match::Times(Some(from), None)),
            time().prop_map(|to| Match::Times(None, Some(to))),
        ]
        .boxed(),
        Kind::Pair => (text(), text(), any::<bool>())
            .prop_map(|(path, value, prefix)| {
                let pair = format!("{}={value}", path.replace('=', ""));
                if prefix {
                    Match::Prefix(pair)
                } else {
                    Match::Exact(pair)
                }
            })
            .boxed(),
        Kind::Text | Kind::Path => prop_oneof![
            text().prop_map(Match::Exact),
            text().prop_map(prefix),
            Just(Match::Present)
        ]
        .boxed(),
        Kind::Keyword | Kind::Folded => {
            let text = move || text().prop_map(move |text| field.normalized(&text));
            prop_oneof![
                text().prop_map(Match::Exact),
                text().prop_map(prefix),
                Just(Match::Present),
                text().prop_map(|text| Match::Between(Bound::Excluded(text), Bound::Unbounded)),
                text().prop_map(|text| Match::Between(Bound::Unbounded, Bound::Excluded(text))),
                text().prop_map(|text| Match::Between(Bound::Included(text), Bound::Unbounded)),
                text().prop_map(|text| Match::Between(Bound::Unbounded, Bound::Included(text))),
                (text(), text()).prop_map(|(one, other)| {
                    let (from, to) = if one <= other { (one, other) } else { (other, one) };
                    Match::Between(Bound::Included(from), Bound::Included(to))
                }),
            ]
            .boxed()
        }
    }
}

/// A prefix of nothing is "present".
fn prefix(text: String) -> Match {
    if text.is_empty() {
        Match::Present
    } else {
        Match::Prefix(text)
    }
}

fn tree() -> impl Strategy<Value = Query> {
    let field = proptest::sample::select(Field::ALL);
    let term = prop_oneof![
        (text(), any::<bool>()).prop_map(|(text, prefix)| Query::Text(Words { text, prefix })),
        field.prop_flat_map(|field| {
            proptest::collection::vec(value(field), 1..4).prop_map(move |any| Query::Field { field, any })
        }),
    ];
    term.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Query::and),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Query::or),
            inner.prop_map(|inner| Query::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_that_is_printed_parses_to_itself(tree in tree()) {
        let printed = tree.to_string();
        prop_assume!(printed.len() <= QUERY_BYTES);
        prop_assert_eq!(parse(&printed, &TimeZone::UTC), Ok(tree), "{}", printed);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
        let _ = parse(&text, &TimeZone::UTC);
    }

    #[test]
    fn what_parses_prints_as_itself(text in "((-|\\(|user:|ip:|created:|was:|>=|OR |\"|[a-z0-9=*.,]{1,5}|\\)| |付款|\\\\){0,12})") {
        if let Ok(tree) = parse(&text, &TimeZone::UTC) {
            prop_assert_eq!(parse(&tree.to_string(), &TimeZone::UTC), Ok(tree), "{}", text);
        }
    }
}
