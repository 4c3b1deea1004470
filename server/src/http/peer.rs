//! The address a request came from, through proxies that the operator trusts and no others.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

/// The peer, or whom trusted proxies say they speak for: the last address in `X-Forwarded-For` that is no trusted proxy.
pub(super) fn address(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let peer = peer.ip().to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let named = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = named.flat_map(|value| value.split(',')).map(str::trim).collect();
    for text in named.into_iter().rev() {
        let Ok(address) = text.parse::<IpAddr>() else { return peer };
        if !trusted.contains(&address.to_canonical()) {
            return address.to_canonical();
        }
    }
    peer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> HeaderMap {
        HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), text.parse().unwrap())])
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let peer = "10.0.0.1:5".parse().unwrap();
        assert_eq!(address(peer, &headers("196.201.214.200"), &[]), ip("10.0.0.1"));
        assert_eq!(address(peer, &headers("196.201.214.200"), &[ip("10.0.0.1")]), ip("196.201.214.200"));
    }

    #[test]
    fn what_the_stranger_wrote_himself_is_not_believed() {
        let peer = "10.0.0.1:5".parse().unwrap();
        let trusted = [ip("10.0.0.1"), ip("10.0.0.2")];
        assert_eq!(address(peer, &headers("196.201.214.200, 41.1.1.1, 10.0.0.2"), &trusted), ip("41.1.1.1"));
        assert_eq!(address(peer, &headers("196.201.214.200, junk"), &trusted), ip("10.0.0.1"));
        assert_eq!(address(peer, &HeaderMap::new(), &trusted), ip("10.0.0.1"));
    }
}
