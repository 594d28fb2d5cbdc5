//! The values after `field:`, read by the kind of the field.

use std::net::IpAddr;
use std::ops::Bound;

use ipnet::IpNet;

use super::fields::{Field, Kind};
use super::moment::span_us;
use super::parse::Parser;
use super::query::Match;
use super::syntax::{Problem, SyntaxError};

/// One or more values, separated by commas.
pub(super) fn values(parser: &mut Parser<'_>, field: Field) -> Result<Vec<Match>, SyntaxError> {
    let mut any = Vec::new();
    let mut path = None;
    loop {
        parser.count_term()?;
        any.push(match field.kind() {
            Kind::Pair => pair(parser, field, &mut path)?,
            _ => value(parser, field)?,
        });
        if !parser.eat(',') {
            return Ok(any);
        }
    }
}

/// How two ends are compared to a value.
#[derive(Clone, Copy)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

const COMPARISONS: [(&str, Comparison); 4] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

fn value(parser: &mut Parser<'_>, field: Field) -> Result<Match, SyntaxError> {
    let start = parser.at;
    if let Some((_, comparison)) = COMPARISONS.into_iter().find(|(sign, _)| parser.eat_text(sign)) {
        let at = parser.at;
        let end = end(parser)?.ok_or_else(|| parser.error(Problem::ValueMissing { field }))?;
        return compared(parser, field, (at, end), comparison);
    }
    let from = parser.piece(&[','])?;
    let plain_end = parser.at;
    if parser.eat_text("..") {
        let from = from.map(|piece| (start, piece.text));
        let at = parser.at;
        let to = end(parser)?.map(|text| (at, text));
        if from.is_none() && to.is_none() {
            return Err(parser.error(Problem::ValueMissing { field }));
        }
        return between(parser, field, from, to);
    }
    let piece = from.ok_or_else(|| parser.error(Problem::ValueMissing { field }))?;
    let (text, prefix) = parser.prefix(start, piece)?;
    debug_assert!(plain_end <= parser.at);
    single(parser, field, start, text, prefix)
}

fn end(parser: &mut Parser<'_>) -> Result<Option<String>, SyntaxError> {
    let start = parser.at;
    let Some(piece) = parser.piece(&[','])? else {
        return Ok(None);
    };
    match piece.text.find('*') {
        Some(star) if !piece.quoted => Err(parser.error_at(start + star, Problem::InnerStar)),
        _ => Ok(Some(piece.text)),
    }
}

fn single(
    parser: &Parser<'_>,
    field: Field,
    at: usize,
    text: String,
    prefix: bool,
) -> Result<Match, SyntaxError> {
    if prefix && text.is_empty() {
        return Ok(Match::Present);
    }
    let value = match field.kind() {
        Kind::Address | Kind::Time if prefix => return Err(parser.error_at(at, Problem::NoPrefix { field })),
        Kind::Address => {
            let (first, last) = network(parser, at, &text)?;
            Match::Addresses(first, last)
        }
        Kind::Time => {
            let (from, to) = time(parser, at, &text)?;
            Match::Times(Some(from), Some(to))
        }
        _ if prefix => Match::Prefix(field.normalized(&text)),
        _ => Match::Exact(field.normalized(&text)),
    };
    Ok(value)
}

fn compared(
    parser: &Parser<'_>,
    field: Field,
    (at, text): (usize, String),
    comparison: Comparison,
) -> Result<Match, SyntaxError> {
    match field.kind() {
        Kind::Time => {
            let (start, end) = time(parser, at, &text)?;
            Ok(match comparison {
                Comparison::Above => Match::Times(Some(end), None),
                Comparison::AtLeast => Match::Times(Some(start), None),
                Comparison::Below => Match::Times(None, Some(start)),
                Comparison::AtMost => Match::Times(None, Some(end)),
            })
        }
        Kind::Keyword | Kind::Folded => {
            let text = field.normalized(&text);
            Ok(match comparison {
                Comparison::Above => Match::Between(Bound::Excluded(text), Bound::Unbounded),
                Comparison::AtLeast => Match::Between(Bound::Included(text), Bound::Unbounded),
                Comparison::Below => Match::Between(Bound::Unbounded, Bound::Excluded(text)),
                Comparison::AtMost => Match::Between(Bound::Unbounded, Bound::Included(text)),
            })
        }
        _ => Err(parser.error_at(at, Problem::NoRange { field })),
    }
}

/// Both ends are in the range.
fn between(
    parser: &Parser<'_>,
    field: Field,
    from: Option<(usize, String)>,
    to: Option<(usize, String)>,
) -> Result<Match, SyntaxError> {
    let at = from.as_ref().or(to.as_ref()).map_or(parser.at, |(at, _)| *at);
    let (found, empty) = match field.kind() {
        Kind::Time => {
            let from = from
                .map(|(at, text)| time(parser, at, &text))
                .transpose()?
                .map(|span| span.0);
            let to = to
                .map(|(at, text)| time(parser, at, &text))
                .transpose()?
                .map(|span| span.1);
            (
                Match::Times(from, to),
                from.zip(to).is_some_and(|(from, to)| from >= to),
            )
        }
        Kind::Address => {
            let (Some((from_at, from)), Some((to_at, to))) = (from, to) else {
                return Err(parser.error_at(at, Problem::NoRange { field }));
            };
            let (from, to) = (network(parser, from_at, &from)?.0, network(parser, to_at, &to)?.1);
            (
                Match::Addresses(from, to),
                from.is_ipv4() != to.is_ipv4() || from > to,
            )
        }
        Kind::Keyword | Kind::Folded => {
            let [from, to] = [from, to].map(|end| end.map(|(_, text)| field.normalized(&text)));
            let empty = from.as_ref().zip(to.as_ref()).is_some_and(|(from, to)| from > to);
            let bound = |end: Option<String>| end.map_or(Bound::Unbounded, Bound::Included);
            (Match::Between(bound(from), bound(to)), empty)
        }
        _ => return Err(parser.error_at(at, Problem::NoRange { field })),
    };
    if empty {
        Err(parser.error_at(at, Problem::EmptyRange))
    } else {
        Ok(found)
    }
}

/// `path=value`, `path=pre*`, `path=*`; after a comma the path of the value before may be left out.
fn pair(parser: &mut Parser<'_>, field: Field, path: &mut Option<String>) -> Result<Match, SyntaxError> {
    let start = parser.at;
    let mut piece = parser
        .piece(&[',', '='])?
        .ok_or_else(|| parser.error(Problem::PairMissing { field }))?;
    if !piece.quoted && parser.eat('=') {
        *path = Some(piece.text);
        match parser.piece(&[','])? {
            Some(value) => piece = value,
            None => return Err(parser.error(Problem::ValueMissing { field })),
        }
    } else if piece.quoted
        && let Some((first, value)) = piece.text.split_once('=')
    {
        *path = Some(first.to_owned());
        piece.text = value.to_owned();
    }
    if !piece.quoted && piece.text == "*" && path.is_none() {
        return Ok(Match::Present);
    }
    let (value, prefix) = parser.prefix(start, piece)?;
    let path = path
        .as_ref()
        .ok_or_else(|| parser.error_at(start, Problem::PairMissing { field }))?;
    let pair = field.normalized(&format!("{path}={value}"));
    Ok(if prefix {
        Match::Prefix(pair)
    } else {
        Match::Exact(pair)
    })
}

/// The first and last address of a network or a single address.
fn network(parser: &Parser<'_>, at: usize, text: &str) -> Result<(IpAddr, IpAddr), SyntaxError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((address.to_canonical(), address.to_canonical()));
    }
    let network: IpNet = text.parse().map_err(|_| {
        parser.error_at(
            at,
            Problem::NotAnAddress {
                text: text.chars().take(64).collect(),
            },
        )
    })?;
    Ok((network.network(), network.broadcast()))
}

fn time(parser: &Parser<'_>, at: usize, text: &str) -> Result<(i64, i64), SyntaxError> {
    let problem = || Problem::NotATime {
        text: text.chars().take(64).collect(),
    };
    span_us(text, parser.zone).ok_or_else(|| parser.error_at(at, problem()))
}
