//! What the simulated providers know: effects, prompts on payers' phones, callbacks under way, calls that hang.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tarishi_protocol::OperationId;
use tarishi_server::{clock::Clock, store::Ms};
use tokio::sync::{Notify, oneshot};

/// Something that really happened.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) operation: OperationId,
    pub(super) effect_key: String,
    pub(super) receipt: String,
}

/// Where a prompt on a payer's phone stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Payer {
    Asked,
    Paid,
    Declined,
    /// The provider says it failed, and the payer pays all the same.
    Slow,
}

#[derive(Clone, Debug)]
pub(super) struct Prompt {
    pub(super) operation: OperationId,
    pub(super) effect_key: String,
    pub(super) reference: String,
    pub(super) receipt: String,
    pub(super) callback_url: String,
    pub(super) payer: Payer,
}

/// Who is called back.
#[derive(Clone, Debug)]
pub(super) enum Address {
    /// The attempt's own address.
    Url(String),
    /// The tenant's address for delivery reports.
    Reports,
}

#[derive(Clone, Debug)]
pub(super) struct Callback {
    pub(super) due: Ms,
    pub(super) address: Address,
    pub(super) body: String,
}

/// What is done later than its call was answered, or not answered.
#[derive(Clone, Debug)]
pub(super) struct Late {
    pub(super) due: Ms,
    pub(super) order: Order,
}

/// What a call asks for.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) kind: Kind,
    pub(super) operation: OperationId,
    pub(super) effect_key: String,
    pub(super) callback_url: String,
    /// The recipient, of a message.
    pub(super) to: String,
}

/// How a provider works.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Asks the payer; cannot be asked without a reference.
    Prompt,
    /// Pays at once; can be asked by our effect key.
    Askable,
    /// Sends and reports later.
    Message,
    /// Does once per effect key, whatever is sent.
    Idempotent,
}

pub(super) struct Hang {
    pub(super) id: u64,
    pub(super) operation: OperationId,
    /// Nothing was sent yet.
    pub(super) before: bool,
    go: oneshot::Sender<()>,
}

/// How a call goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Good,
    Unreachable,
    Limited,
    Rejected,
    /// No answer, nothing done.
    Silence,
    /// No answer, done.
    SilentEffect,
    /// No answer, done within half a minute.
    LateEffect,
    HangBefore,
    HangAfter,
}

pub(super) struct Books {
    pub(super) dice: StdRng,
    pub(super) calm: bool,
    clock: Clock,
    pub(super) effects: Vec<Effect>,
    pub(super) prompts: Vec<Prompt>,
    pub(super) callbacks: Vec<Callback>,
    pub(super) late: Vec<Late>,
    pub(super) hangs: Vec<Hang>,
    /// Operations in the order of their first call.
    pub(super) called: Vec<OperationId>,
    /// Messages whose report was lost: a double is allowed.
    pub(super) excused: HashSet<OperationId>,
    numbered: u64,
}

/// All providers of one run.
pub(super) struct Provider {
    books: Mutex<Books>,
    pub(super) hung: Notify,
}

impl Provider {
    pub(super) fn new(seed: u64, clock: Clock) -> Self {
        let books = Books {
            dice: StdRng::seed_from_u64(seed),
            calm: false,
            clock,
            effects: Vec::new(),
            prompts: Vec::new(),
            callbacks: Vec::new(),
            late: Vec::new(),
            hangs: Vec::new(),
            called: Vec::new(),
            excused: HashSet::new(),
            numbered: 0,
        };
        Self { books: Mutex::new(books), hung: Notify::new() }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is let go; false if the world ended meanwhile.
    pub(super) async fn hang(&self, operation: OperationId, before: bool) -> bool {
        let (go, gone) = oneshot::channel();
        {
            let mut books = self.books();
            let id = books.number();
            books.hangs.push(Hang { id, operation, before, go });
        }
        self.hung.notify_one();
        gone.await.is_ok()
    }
}

impl Hang {
    pub(super) fn let_go(self) {
        // The call may be gone with its server.
        let _ = self.go.send(());
    }
}

impl Books {
    pub(super) fn now(&self) -> Ms {
        self.clock.now_ms()
    }

    pub(super) fn number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered
    }

    /// A call begins.
    pub(super) fn begin(&mut self, operation: OperationId) -> Fate {
        let first = !self.called.contains(&operation);
        if first {
            self.called.push(operation);
        }
        if self.calm {
            return Fate::Good;
        }
        match self.dice.random_range(0..100) {
            0..10 => Fate::Unreachable,
            10..13 => Fate::Limited,
            // What was taken once is not refused when it comes again.
            13..17 if first => Fate::Rejected,
            17..22 => Fate::Silence,
            22..29 => Fate::SilentEffect,
            29..33 => Fate::LateEffect,
            33..36 => Fate::HangBefore,
            36..40 => Fate::HangAfter,
            _ => Fate::Good,
        }
    }

    /// Does a question go unanswered?
    pub(super) fn ignores(&mut self) -> bool {
        !self.calm && self.dice.random_bool(0.15)
    }

    /// Carries an order out now; gives the provider's id of it.
    pub(super) fn carry_out(&mut self, order: &Order) -> Effect {
        let now = self.now();
        self.carry_out_at(order, now)
    }

    fn carry_out_at(&mut self, order: &Order, at: Ms) -> Effect {
        let number = self.number();
        let effect = Effect { operation: order.operation, effect_key: order.effect_key.clone(), receipt: format!("R{number}") };
        match order.kind {
            Kind::Prompt => self.prompts.push(Prompt {
                operation: order.operation,
                effect_key: order.effect_key.clone(),
                reference: effect.receipt.clone(),
                receipt: format!("TKL{number}"),
                callback_url: order.callback_url.clone(),
                payer: Payer::Asked,
            }),
            Kind::Askable => self.effects.push(effect.clone()),
            Kind::Message => {
                self.effects.push(effect.clone());
                self.report(order, &effect, at);
            }
            Kind::Idempotent => match self.effects.iter().find(|known| known.effect_key == effect.effect_key) {
                Some(known) => return known.clone(),
                None => self.effects.push(effect.clone()),
            },
        }
        effect
    }

    pub(super) fn order_late(&mut self, order: Order) {
        let due = self.now() + self.dice.random_range(1_000..30_000);
        self.late.push(Late { due, order });
    }

    /// Carries out what is late and due.
    pub(super) fn catch_up(&mut self) {
        let now = self.now();
        let (due, late) = std::mem::take(&mut self.late).into_iter().partition::<Vec<_>, _>(|late| late.due <= now);
        self.late = late;
        for late in due {
            self.carry_out_at(&late.order, late.due);
        }
    }

    /// Callbacks that are due; all of them, once the world is calm.
    pub(super) fn due_callbacks(&mut self) -> Vec<Callback> {
        let (now, calm) = (self.now(), self.calm);
        let all = std::mem::take(&mut self.callbacks);
        let (due, rest) = all.into_iter().partition(|callback| calm || callback.due <= now);
        self.callbacks = rest;
        due
    }
}
