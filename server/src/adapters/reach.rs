//! Where an address that a tenant gave may lead: the public internet, and what the operator allows beside it.
//!
//! Names are judged when they are resolved, at each connection: a name that was public yesterday may be ours today.

use std::{fmt, net::IpAddr, sync::Arc};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use super::{AdapterError, address::AllowList};

/// Bytes of a receiver's address, at most.
pub const URL_BYTES_MAX: usize = 2_048;

/// Networks that no stranger may have us reach: this machine, private, shared, link-local, reserved, multicast, documentation.
const NOT_PUBLIC: &str = "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,\
    192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/4,240.0.0.0/4,\
    2001::/23,2001:db8::/32,2002::/16,3fff::/20";
/// Of IPv6 only this is public.
const PUBLIC_V6: &str = "2000::/3";

/// What may be reached. The default is the public internet alone.
#[derive(Clone)]
pub struct Reach(Arc<Networks>);

struct Networks {
    not_public: AllowList,
    public_v6: AllowList,
    allowed: AllowList,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reach").field(&self.0.allowed).finish()
    }
}

impl Default for Reach {
    fn default() -> Self {
        Self::with(AllowList::Only(Vec::new()))
    }
}

impl Reach {
    /// The public internet and these: a comma list of addresses and networks, or `*` for everything.
    ///
    /// # Errors
    /// It is no such list.
    pub fn parse(text: &str) -> Result<Self, AdapterError> {
        AllowList::parse("event_networks", text).map(Self::with)
    }

    fn with(allowed: AllowList) -> Self {
        let fixed = |text| AllowList::parse("", text).expect("a fixed list");
        Self(Arc::new(Networks { not_public: fixed(NOT_PUBLIC), public_v6: fixed(PUBLIC_V6), allowed }))
    }

    /// May this address be reached?
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let Networks { not_public, public_v6, allowed } = &*self.0;
        let public = !not_public.allows(Some(address)) && (address.is_ipv4() || public_v6.allows(Some(address)));
        public || allowed.allows(Some(address))
    }

    /// Reads a receiver's address: `https`, or `http` on the loopback, without credentials in it; as far as the text says,
    /// one that may be reached.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not repeat it.
    pub fn receiver(&self, text: &str) -> Result<Url, &'static str> {
        if text.len() > URL_BYTES_MAX {
            return Err("must have at most 2048 bytes");
        }
        let url = Url::parse(text).map_err(|_| "must be an https address")?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let literal: Option<IpAddr> = if host == "localhost" { Some(IpAddr::from([127, 0, 0, 1])) } else { host.parse().ok() };
        let loopback = literal.is_some_and(|address| address.is_loopback());
        if !(url.scheme() == "https" || (url.scheme() == "http" && loopback)) {
            return Err("must be an https address (http only on the loopback)");
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("must have no user, password or fragment");
        }
        if literal.is_some_and(|address| !self.allows(address)) {
            return Err("is an address that the operator does not let events go to");
        }
        Ok(url)
    }
}

impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good: Vec<_> = found.filter(|found| reach.allows(found.ip())).collect();
            if good.is_empty() {
                return Err("the name leads nowhere that may be reached".into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_reached_unless_the_operator_says_so() {
        let reach = Reach::default();
        for good in ["8.8.8.8", "196.201.214.200", "172.32.0.1", "100.128.0.1", "2a00:1450:4001:81b::200e"] {
            assert!(reach.allows(good.parse().unwrap()), "{good}");
        }
        for bad in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ] {
            assert!(!reach.allows(bad.parse().unwrap()), "{bad}");
        }
        let reach = Reach::parse("127.0.0.1, 10.0.0.0/8").unwrap();
        for good in ["127.0.0.1", "10.1.2.3", "::ffff:127.0.0.1", "8.8.8.8"] {
            assert!(reach.allows(good.parse().unwrap()), "{good}");
        }
        assert!(!reach.allows("192.168.0.1".parse().unwrap()) && !reach.allows("127.0.0.2".parse().unwrap()));
        assert!(Reach::parse("nowhere").is_err());
    }

    #[test]
    fn a_receiver_is_https_and_public_or_http_on_an_allowed_loopback() {
        let (strict, open) = (Reach::default(), Reach::parse("127.0.0.0/8,::1").unwrap());
        for good in ["https://school.example.org/hooks?id=1", "https://8.8.8.8:8443/"] {
            assert!(strict.receiver(good).is_ok(), "{good}");
        }
        for local in ["http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:9/", "https://localhost"] {
            assert!(strict.receiver(local).is_err() && open.receiver(local).is_ok(), "{local}");
        }
        for bad in [
            "http://school.example.org/",
            "ftp://127.0.0.1/",
            "https://a:b@school.example.org/",
            "https://10.0.0.1/",
            "school",
            "https://2130706433/../x#y",
            "https://0x0a000001/",
            "https://[fd00::1]/",
            "",
        ] {
            assert!(open.receiver(bad).is_err(), "{bad}");
        }
        let long = |bytes: usize| format!("https://e.org/{}", "x".repeat(bytes - 14));
        assert!(strict.receiver(&long(URL_BYTES_MAX)).is_ok() && strict.receiver(&long(URL_BYTES_MAX + 1)).is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_resolved() {
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(Reach::default().resolve(name()).await.is_err());
        assert!(Reach::parse("127.0.0.0/8,::1").unwrap().resolve(name()).await.unwrap().count() > 0);
    }
}
