//! What follows an effect or leads to one: payers decide, providers report, and some of it is lost, late or said twice.

use rand::RngExt as _;
use tarishi_server::store::Ms;

use super::books::{Address, Books, Callback, Effect, Order, Payer, Prompt};

impl Books {
    pub(super) fn report(&mut self, order: &Order, effect: &Effect, at: Ms) {
        let body = serde_json::json!({ "id": effect.receipt, "to": order.to }).to_string();
        let roll = if self.calm { 99 } else { self.dice.random_range(0..100) };
        let delay = match roll {
            0..8 => {
                self.excused.insert(order.operation);
                return;
            }
            8..14 => {
                self.excused.insert(order.operation);
                self.dice.random_range(40_000..600_000)
            }
            _ => self.dice.random_range(0..5_000),
        };
        let due = at + delay;
        let times = if (14..25).contains(&roll) { 2 } else { 1 };
        self.callbacks.extend(vec![Callback { due, address: Address::Reports, body }; times]);
    }

    /// Payers decide about some prompts.
    pub(super) fn payers_act(&mut self) {
        for index in 0..self.prompts.len() {
            let payer = self.prompts[index].payer;
            let acts = self.calm || self.dice.random_bool(0.5);
            let decides = match payer {
                Payer::Asked if acts => match if self.calm { 0 } else { self.dice.random_range(0..100) } {
                    0..60 => Payer::Paid,
                    60..92 => Payer::Declined,
                    _ => Payer::Slow,
                },
                Payer::Slow if acts => Payer::Paid,
                Payer::Asked | Payer::Slow | Payer::Paid | Payer::Declined => continue,
            };
            self.prompts[index].payer = decides;
            let prompt = self.prompts[index].clone();
            if decides == Payer::Paid {
                let Prompt { operation, effect_key, receipt, .. } = prompt.clone();
                self.effects.push(Effect { operation, effect_key, receipt });
            }
            if decides != Payer::Slow {
                self.call_back(&prompt, payer == Payer::Slow);
            }
        }
    }

    fn call_back(&mut self, prompt: &Prompt, surely: bool) {
        let paid = prompt.payer == Payer::Paid;
        let body = serde_json::json!({ "paid": paid, "receipt": prompt.receipt, "reference": prompt.reference }).to_string();
        let roll = if self.calm { 99 } else { self.dice.random_range(0..100) };
        let (times, delay) = match roll {
            0..15 if !surely => return,
            0..30 => (1, self.dice.random_range(60_000..900_000)),
            30..45 => (2, self.dice.random_range(0..3_000)),
            _ => (1, self.dice.random_range(0..3_000)),
        };
        let due = self.now() + delay;
        let address = Address::Url(prompt.callback_url.clone());
        self.callbacks.extend(vec![Callback { due, address, body }; times]);
    }
}
