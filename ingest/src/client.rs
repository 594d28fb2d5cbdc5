//! Who the client is: its address and country. The address is evidence, so a header counts only from a proxy that
//! the configuration trusts.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::options::EdgeOptions;
use crate::server::PeerAddr;

const FORWARDED: &str = "x-forwarded-for";
/// Longest User-Agent kept.
const USER_AGENT_BYTES: usize = 1_024;

/// What is stamped about the client.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) ip: String,
    pub(crate) country: String,
    pub(crate) user_agent: String,
}

/// Reads it from a request.
pub(crate) fn client(parts: &Parts, options: &EdgeOptions) -> Client {
    let peer = parts
        .extensions
        .get::<ConnectInfo<PeerAddr>>()
        .map(|info| info.0.0.ip())
        .or_else(|| {
            parts
                .extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|info| info.0.ip())
        });
    let is_trusted = |address: IpAddr| {
        options
            .edge
            .trusted_proxies
            .iter()
            .any(|net| net.contains(&address))
    };
    let through_proxy = peer.map(|ip| ip.to_canonical()).is_some_and(is_trusted);
    Client {
        ip: peer.map_or_else(String::new, |peer| {
            client_ip(peer.to_canonical(), &parts.headers, is_trusted).to_string()
        }),
        country: if through_proxy {
            country(&parts.headers, options)
        } else {
            String::new()
        },
        user_agent: text(&parts.headers, header::USER_AGENT.as_str(), USER_AGENT_BYTES),
    }
}

/// The last address that no trusted proxy has, read from the nearest on. What stands before it, the client wrote.
fn client_ip(peer: IpAddr, headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut nearest = peer;
    let values: Vec<&str> = headers
        .get_all(FORWARDED)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        if !is_trusted(nearest) {
            break;
        }
        let hop = hop.trim();
        let parsed = hop
            .parse::<IpAddr>()
            .ok()
            .or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
        match parsed {
            Some(address) => nearest = address.to_canonical(),
            None => break,
        }
    }
    nearest
}

fn country(headers: &HeaderMap, options: &EdgeOptions) -> String {
    let code = options
        .edge
        .country_header
        .as_deref()
        .map(|name| text(headers, name, 2))
        .unwrap_or_default();
    if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        code.to_ascii_uppercase()
    } else {
        String::new()
    }
}

fn text(headers: &HeaderMap, name: &str, longest: usize) -> String {
    let value = headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .unwrap_or_default();
    value[..value.floor_char_boundary(longest)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED, value.parse().unwrap());
        }
        let net: ipnet::IpNet = "10.0.0.0/8".parse().unwrap();
        let found = client_ip(peer.parse().unwrap(), &headers, |address| net.contains(&address));
        assert_eq!(found.to_string(), expected, "{peer} {forwarded:?}");
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        check("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1");
        check("10.0.0.1", &["1.1.1.1", "198.51.100.1:4711"], "198.51.100.1");
        check("10.0.0.1", &["198.51.100.1, nonsense"], "10.0.0.1");
        check("10.0.0.1", &[], "10.0.0.1");
    }
}
