//! Addresses in settings: where a provider is, and who may call us back.
//!
//! Plain `http` is for tests on this machine only, so that no credential ever travels in the clear.

use std::net::IpAddr;

use super::{AdapterError, Settings};

/// A base URL without its last slash: `https`, or `http` on the loopback.
pub(super) fn base_url(setting: &str, text: &str) -> Result<String, AdapterError> {
    let wrong =
        || AdapterError::misconfigured(format!("setting {setting} must be an https address (http only on the loopback)"));
    let url = reqwest::Url::parse(text).map_err(|_| wrong())?;
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if plain && (url.scheme() == "https" || (url.scheme() == "http" && loopback)) {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err(wrong())
}

/// The setting `base_url`, or the host that the setting `environment` chooses.
pub(super) fn by_environment(settings: &Settings, sandbox: &str, production: &str) -> Result<String, AdapterError> {
    if let Some(text) = settings.get("base_url") {
        return base_url("base_url", text);
    }
    match settings.require("environment")? {
        "sandbox" => Ok(sandbox.to_owned()),
        "production" => Ok(production.to_owned()),
        _ => Err(AdapterError::misconfigured("setting environment must be sandbox or production")),
    }
}

/// The addresses that webhooks may come from.
#[derive(Debug)]
pub(super) enum AllowList {
    /// `*`: not checked here.
    Any,
    /// Networks: an address and how many of its bits count.
    Only(Vec<(IpAddr, u32)>),
}

impl AllowList {
    /// Reads `*` or a comma list of addresses and networks (`196.201.214.0/24`).
    pub(super) fn parse(setting: &str, text: &str) -> Result<Self, AdapterError> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let networks = text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(network).collect::<Option<Vec<_>>>();
        let wrong =
            || AdapterError::misconfigured(format!("setting {setting} must be * or a comma list of addresses and networks"));
        networks.filter(|networks| !networks.is_empty()).map(Self::Only).ok_or_else(wrong)
    }

    /// May this peer call us? An unknown peer may not, unless all may.
    pub(super) fn allows(&self, peer: Option<IpAddr>) -> bool {
        match self {
            Self::Any => true,
            Self::Only(networks) => {
                peer.is_some_and(|peer| networks.iter().any(|(address, bits)| covers(*address, *bits, peer.to_canonical())))
            }
        }
    }
}

fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let width = width(address);
    let bits = bits.map_or(Some(width), |bits| bits.parse().ok())?;
    (bits <= width).then_some((address, bits))
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn covers(address: IpAddr, bits: u32, peer: IpAddr) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let free = width(address) - bits;
    let head = |address: IpAddr| number(address).checked_shr(free).unwrap_or(0);
    width(address) == width(peer) && head(address) == head(peer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::Disposition;

    #[test]
    fn plain_http_is_for_the_loopback_only() {
        assert_eq!(base_url("base_url", "https://api.example.org/").unwrap(), "https://api.example.org");
        assert_eq!(base_url("base_url", "http://127.0.0.1:9/mpesa").unwrap(), "http://127.0.0.1:9/mpesa");
        for bad in
            ["http://api.example.org", "ftp://localhost", "api.example.org", "https://a:b@c.org", "https://c.org/?x=1", ""]
        {
            assert_eq!(base_url("base_url", bad).unwrap_err().disposition, Disposition::Misconfigured, "{bad}");
        }
    }

    #[test]
    fn a_peer_is_allowed_by_address_or_network() {
        let list = AllowList::parse("ips", "196.201.214.200, 10.0.0.0/8,2001:db8::/32").unwrap();
        for good in ["196.201.214.200", "10.9.8.7", "2001:db8::1", "::ffff:10.0.0.1"] {
            assert!(list.allows(Some(good.parse().unwrap())), "{good}");
        }
        for bad in ["196.201.214.201", "11.0.0.1", "2001:db9::1"] {
            assert!(!list.allows(Some(bad.parse().unwrap())), "{bad}");
        }
        assert!(!list.allows(None));
        assert!(AllowList::parse("ips", "*").unwrap().allows(None));
        assert!(AllowList::parse("ips", "0.0.0.0/0").unwrap().allows(Some("9.9.9.9".parse().unwrap())));
        for bad in ["", "x", "1.2.3.4/33", "1.2.3.4/x"] {
            assert!(AllowList::parse("ips", bad).is_err(), "{bad}");
        }
    }
}
