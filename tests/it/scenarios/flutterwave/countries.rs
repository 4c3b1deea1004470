//! Mobile money in each of the five countries, by its own currency, kind and network.

use serde_json::json;
use tarishi_core::DeviceState;
use tarishi_protocol::catalog;
use tarishi_sandbox::Effect;

use super::super::world::{World, ended, enqueue};
use super::{ledger, operation};

/// Currency, amount, a phone that tells its network, and one whose network is named.
const COUNTRIES: [[&str; 5]; 5] = [
    ["KES", "1250.00", "+254712000001", "+254733000001", "AIRTEL"],
    ["UGX", "1250", "+256772000001", "+256302000001", "MTN"],
    ["GHS", "12.50", "+233242000001", "+233232000001", "AIRTELTIGO"],
    ["TZS", "1250.00", "+255754000001", "+255732000001", "VODACOM"],
    ["RWF", "1250", "+250788000001", "+250712000001", "AIRTEL"],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_in_each_country_is_prompted_and_pays_in_the_country_s_currency() {
    assert_eq!(COUNTRIES.map(|[currency, ..]| currency), ["KES", "UGX", "GHS", "TZS", "RWF"]);
    assert!(COUNTRIES.iter().all(|[currency, ..]| !catalog::mobile_networks(currency).is_empty()));
    assert_eq!(COUNTRIES.len(), catalog::MOBILE_NETWORKS.len());
    let world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    for [currency, amount, told, payer, network] in COUNTRIES {
        for (nth, payer, network) in [(1, told, None), (2, payer, Some(network))] {
            let reference = format!("FEE-{currency}-{nth}");
            let mut payload =
                json!({ "amount": { "amount": amount, "currency": currency }, "phone": payer, "reference": reference });
            if let Some(network) = network {
                payload["network"] = json!(network);
            }
            let record = enqueue(&phone, operation("charge", &reference, &payload)).await;
            let record = ended(&phone, record.id).await;
            assert_eq!(record.state, DeviceState::Succeeded, "{payer}: {:?}", record.problem);
            let paid: Vec<_> =
                ledger(&world, Effect::MoneyIn).into_iter().filter(|entry| entry.to.as_deref() == Some(&payer[1..])).collect();
            assert_eq!((paid.len(), paid[0].currency.as_deref()), (1, Some(currency)), "{payer}");
            let outcome = record.outcome.unwrap();
            assert_eq!(outcome["amount"], json!({ "amount": amount, "currency": currency }));
            assert_eq!(outcome["receipt"].as_str(), paid[0].provider_id.as_deref());
        }
    }
}
