//! One operation through every adapter, when the storm is over.
//!
//! A new adapter is one line of [`STOPS`]; a test finds the one that is missing.

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};
use tarishi_core::DeviceState;
use tokio::time::{Instant, sleep};

use super::{handset::Handset, stage::Stage, timeline::print};
use crate::harness::{Audit, Exit, Intent, Intents, PUSH_TOKEN, PUSH_USER, Result, Run, States};

/// An adapter, and what is asked of it.
type Stop = (&'static str, fn(&mut Intents) -> Intent);

/// All adapters, in order.
const STOPS: &[Stop] = &[
    ("flutterwave", Intents::flutterwave),
    ("google_drive", Intents::drive),
    ("local_storage", Intents::upload),
    ("moodle", Intents::course),
    ("mpesa", Intents::charge),
    ("pesapal", Intents::pesapal),
    ("push", Intents::push),
    ("sms", Intents::text),
    ("whatsapp", Intents::whatsapp),
];
/// It takes no longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the tour from the first phone, which must be off; what was asked is added to the stage.
pub(super) async fn tour(stage: &mut Stage) -> Result<Vec<Intent>> {
    register_push(stage).await?;
    let asked: Vec<Intent> = STOPS.iter().map(|(_, ask)| ask(&mut stage.intents)).collect();
    stage.import(0, "tour", asked.iter().map(|intent| &intent.line)).await?;
    stage.timeline.tell(&format!("{} more: one through every adapter", asked.len()));
    let handset = &stage.handsets[0];
    let keys: HashSet<&str> = asked.iter().map(|intent| intent.key.as_str()).collect();
    let (mut paid, end) = (HashSet::new(), Instant::now() + PATIENCE);
    loop {
        sync(handset).await?;
        let rows = handset.phone.done(&["list"]).await?;
        let rows: Vec<&Value> = rows.iter().filter(|row| row["key"].as_str().is_some_and(|key| keys.contains(key))).collect();
        let state = |row: &&&Value| row["state"].as_str().and_then(DeviceState::from_word);
        if rows.len() == keys.len() && rows.iter().filter_map(|row| state(&row)).all(DeviceState::is_ended) {
            stage.asked.extend(asked.iter().cloned());
            return Ok(asked);
        }
        // The payer opens the page that the phone shows.
        for page in rows.iter().filter_map(|row| row["outcome"]["interim"]["open_url"]["url"].as_str()) {
            if paid.insert(page.to_owned()) {
                pay(page).await?;
            }
        }
        if Instant::now() > end {
            return Err(format!("the tour did not come to its end: {rows:?}").into());
        }
        sleep(Duration::from_millis(300)).await;
    }
}

/// The phone of the user whom the tour notifies says where it takes notifications.
#[expect(clippy::disallowed_methods, reason = "an app, not the server")]
async fn register_push(stage: &Stage) -> Result<()> {
    let token = stage.server.enrol(PUSH_USER).await?;
    let app = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/api/v2/devices/me/push-token", stage.server.url());
    let body = json!({ "kind": "fcm", "token": PUSH_TOKEN });
    app.put(url).bearer_auth(token).json(&body).send().await?.error_for_status()?;
    Ok(())
}

/// Prints a line for each adapter; true if each did what was asked, once.
pub(super) fn table(asked: &[Intent], states: &States, stage: &Stage) -> bool {
    print("");
    print("  One operation through every adapter:");
    let mut done = true;
    for intent in asked {
        let text = |name: &str| intent.line[name].as_str().unwrap_or_default();
        let state = states.get(&intent.key).copied();
        let effects = Audit::of(std::slice::from_ref(intent), states, &stage.sandbox.ledger(), &stage.server.files()).effects;
        done &= effects == 1 && state == Some(DeviceState::Succeeded);
        let (state, many) = (state.map_or("lost", DeviceState::as_str), if effects == 1 { "" } else { "s" });
        print(&format!("    {:<14} {:<8} {state:<10} {effects} effect{many}", text("adapter"), text("action")));
    }
    done
}

async fn sync(handset: &Handset) -> Result<()> {
    let args = ["sync", "--deadline", "5s"];
    match handset.phone.run(&args, Run::to_its_end()).await?.exit {
        // 3: not all is sent yet.
        Exit::Code(0 | 3) => Ok(()),
        exit => Err(handset.phone.failure(&args, exit)),
    }
}

/// Pays on a page, as a browser would.
#[expect(clippy::disallowed_methods, reason = "a payer's browser, not the server")]
async fn pay(page: &str) -> Result<()> {
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    browser.post(page).send().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tour_leaves_no_adapter_out() {
        let stops: Vec<&str> = STOPS.iter().map(|(name, _)| *name).collect();
        // Notifications have an act of their own: the broadcast.
        let all = tarishi_server::adapters::registry().into_keys().filter(|name| *name != "notifications");
        assert_eq!(stops, all.collect::<Vec<_>>());
        for (name, ask) in STOPS {
            assert_eq!(ask(&mut Intents::new("tour")).line["adapter"], *name);
        }
    }
}
