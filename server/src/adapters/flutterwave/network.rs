//! Which kind of mobile-money charge a currency means, and which network a phone belongs to.
//!
//! The app may name the network. If it does not, the prefixes of the countries' numbering plans (unverified at Flutterwave)
//! tell, where they can; numbers move between networks, so what the app says comes first. A wrong network is refused or
//! prompts nobody; it never moves money. The payment page needs none.

use tarishi_protocol::{Code, Phone, catalog};

use super::super::{AdapterError, Disposition};

/// A kind of mobile-money charge.
#[derive(Debug)]
pub(super) struct Route {
    /// The `type` of `POST /v3/charges`.
    pub(super) kind: &'static str,
    currency: &'static str,
    country: &'static str,
    /// Networks by the digits after the country's code; none where the network may be left out.
    networks: &'static [(&'static str, &'static [&'static str])],
}

const ROUTES: [Route; 5] = [
    Route { kind: "mpesa", currency: "KES", country: "254", networks: &[] },
    Route {
        kind: "mobile_money_uganda",
        currency: "UGX",
        country: "256",
        networks: &[("MTN", &["31", "39", "76", "77", "78"]), ("AIRTEL", &["20", "70", "74", "75"])],
    },
    Route {
        kind: "mobile_money_ghana",
        currency: "GHS",
        country: "233",
        networks: &[
            ("MTN", &["24", "25", "53", "54", "55", "59"]),
            ("VODAFONE", &["20", "50"]),
            ("AIRTELTIGO", &["26", "27", "56", "57"]),
        ],
    },
    Route {
        kind: "mobile_money_tanzania",
        currency: "TZS",
        country: "255",
        networks: &[
            ("VODACOM", &["74", "75", "76"]),
            ("TIGO", &["65", "67", "71", "77"]),
            ("AIRTEL", &["68", "69", "78"]),
            ("HALOPESA", &["61", "62"]),
        ],
    },
    Route {
        kind: "mobile_money_rwanda",
        currency: "RWF",
        country: "250",
        networks: &[("MTN", &["78", "79"]), ("AIRTEL", &["72", "73"])],
    },
];

/// The kind for a currency, if there is one.
pub(super) fn route(currency: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.currency == currency)
}

impl Route {
    /// The network to name for this phone; `None` where none need be named.
    pub(super) fn network<'a>(&self, phone: &Phone, named: Option<&'a str>) -> Result<Option<&'a str>, AdapterError> {
        let refuse = |problem, message: String| AdapterError::new(Disposition::Rejected, message).with_problem(problem);
        let local = phone.digits().strip_prefix(self.country).filter(|local| local.len() == 9);
        let local = local.ok_or_else(|| {
            refuse(Code::InvalidPhone, format!("{} is collected from phones of +{}", self.currency, self.country))
        })?;
        let known = catalog::mobile_networks(self.currency);
        if let Some(named) = named {
            let none = || refuse(Code::InvalidValue, format!("network: {} has {}", self.currency, known.join(", ")));
            return if known.contains(&named) { Ok(Some(named)) } else { Err(none()) };
        }
        if self.networks.is_empty() {
            return Ok(None);
        }
        let found = self.networks.iter().find(|(_, prefixes)| prefixes.iter().any(|prefix| local.starts_with(prefix)));
        let unknown = || {
            let message = "the phone's number does not tell its network: give network";
            refuse(Code::MissingField, format!("{message} ({}), or method link", known.join(", ")))
        };
        found.map(|(network, _)| Some(*network)).ok_or_else(unknown)
    }
}
