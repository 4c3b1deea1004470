//! What the server remembers. Each method is one transaction, named by what happens.
//!
//! [`Store`] is implemented by `sqlite` (embedded: one file, one group-committing writer, a read pool). Times are whole
//! milliseconds since 1970 by the server's clock, passed in. Ids of another tenant or account are "not found".

use std::collections::BTreeMap;

use async_trait::async_trait;
use tarishi_protocol::{Audience, Cancellation, OperationId, Receipt, SyncResponse};
use uuid::Uuid;

use crate::chain::{Channel, DailyCaps};

mod rows;
pub mod sqlite;

pub use rows::*;

/// Why the store could not do it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database said no.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The writer has stopped.
    #[error("the store is closed")]
    Closed,
    /// Another process serves this database.
    #[error("another server holds the lock of this database")]
    Locked,
    /// The file is of a newer server.
    #[error("the database has schema {0}, this server knows up to {1}")]
    Newer(i64, i64),
    /// The file system said no.
    #[error("the database's folder failed: {0}")]
    Io(#[from] std::io::Error),
    /// A row cannot be read.
    #[error("a stored row is damaged: {0}")]
    Damaged(String),
    /// The master key is not this database's, or no longer the one that seals.
    #[error("the master key: {0}")]
    Key(String),
}

/// The store's own result.
pub type Result<T> = core::result::Result<T, Error>;

/// What the server remembers.
#[async_trait]
pub trait Store: Send + Sync {
    // ---- the store itself

    /// The random id of this store; a restored copy has a new one, so cursors of the old are told apart.
    fn store_id(&self) -> String;
    /// Gives the store a new id, after a backup was put back.
    async fn renew_store_id(&self) -> Result<String>;
    /// Waits for what is under way and closes.
    async fn close(&self);
    /// Everything in the books that should not be: an operation that has not ended and has no schedule, a doubled receipt.
    async fn doctor(&self, now: Ms) -> Result<Vec<String>>;
    /// Deletes what retention allows, a bounded number of rows; true if there may be more.
    async fn sweep(&self, now: Ms, keep: Retention) -> Result<bool>;
    /// Figures for `/metrics`.
    async fn figures(&self, now: Ms) -> Result<Figures>;

    // ---- tenants, devices, keys

    /// Makes a tenant; false if it was there.
    async fn create_tenant(&self, tenant: TenantRow) -> Result<bool>;
    /// All tenants.
    async fn tenants(&self) -> Result<Vec<TenantRow>>;
    /// One tenant.
    async fn tenant(&self, tenant: &str) -> Result<Option<TenantRow>>;
    /// Registers a device.
    async fn create_device(&self, device: DeviceRow) -> Result<()>;
    /// One device.
    async fn device(&self, tenant: &str, device: &str) -> Result<Option<DeviceRow>>;
    /// The tenant's devices, by id, after one.
    async fn devices(&self, tenant: &str, after: Option<String>, limit: u32) -> Result<Vec<DeviceRow>>;
    /// Revokes a device; false if there is none.
    async fn revoke_device(&self, tenant: &str, device: &str, now: Ms) -> Result<bool>;
    /// Gives a device a new token; the old one is good until `old_until`.
    async fn rotate_device_token(&self, tenant: &str, device: &str, new: TokenRow, old_until: Ms) -> Result<()>;
    /// Notes when devices were seen and moves their tokens' expiry; called once a minute.
    async fn touch_devices(&self, seen: Vec<(String, String, Ms)>, expires_at: Ms) -> Result<()>;
    /// Makes an API key.
    async fn create_api_key(&self, key: ApiKeyRow) -> Result<()>;
    /// One API key.
    async fn api_key(&self, tenant: &str, key: &str) -> Result<Option<ApiKeyRow>>;
    /// Revokes an API key; false if there is none.
    async fn revoke_api_key(&self, tenant: &str, key: &str, now: Ms) -> Result<bool>;

    // ---- integrations and their tokens

    /// A tenant's settings for one adapter.
    async fn integration(&self, tenant: &str, adapter: &str) -> Result<Option<IntegrationRow>>;
    /// All of a tenant's.
    async fn integrations(&self, tenant: &str) -> Result<Vec<IntegrationRow>>;
    /// Stores a tenant's settings for one adapter.
    async fn put_integration(&self, row: IntegrationRow) -> Result<()>;
    /// The sealed access token.
    async fn auth_token(&self, tenant: &str, adapter: &str) -> Result<Option<AuthTokenRow>>;
    /// Stores an access token.
    async fn put_auth_token(&self, row: AuthTokenRow) -> Result<()>;

    // ---- consent at providers

    /// Stores consent that was begun; what is long over is forgotten.
    async fn put_oauth_state(&self, row: OAuthStateRow, now: Ms) -> Result<()>;
    /// Takes consent that was begun: once, and not when its time is over or its browser is another.
    async fn take_oauth_state(
        &self,
        adapter: &str,
        state_hash: [u8; 32],
        browser_hash: Option<[u8; 32]>,
        now: Ms,
    ) -> Result<Option<OAuthStateRow>>;
    /// The consent a tenant gave for one adapter.
    async fn oauth_grant(&self, tenant: &str, adapter: &str) -> Result<Option<OAuthGrantRow>>;
    /// Consents that stand so, of all tenants.
    async fn oauth_grants(&self, status: GrantStatus, limit: u32) -> Result<Vec<OAuthGrantRow>>;
    /// Stores consent if it is of this version still (0 = there is none, `None` = whatever there is); false if it is not.
    async fn put_oauth_grant(&self, row: OAuthGrantRow, if_version: Option<i64>) -> Result<bool>;
    /// Takes a lease that nobody holds; false if somebody does.
    async fn take_lease(&self, lease: Lease, now: Ms, until: Ms) -> Result<bool>;
    /// Gives a lease back.
    async fn end_lease(&self, lease: Lease) -> Result<()>;
    /// What a name at a provider means: `value` from now on if it meant nothing or `instead_of`, else what it meant.
    async fn provider_name(
        &self,
        tenant: &str,
        adapter: &str,
        name: &str,
        value: &str,
        instead_of: Option<&str>,
    ) -> Result<String>;

    // ---- where notifications go

    /// Stores where a device takes its notifications; what another device had with the same token is removed.
    async fn put_push_token(&self, row: PushTokenRow) -> Result<()>;
    /// The device takes none any more; false if it took none.
    async fn remove_push_token(&self, tenant: &str, device: &str) -> Result<bool>;
    /// Where the notifications of an audience go, by device.
    async fn push_tokens(&self, tenant: &str, to: &Audience) -> Result<Vec<PushTokenRow>>;
    /// The provider says that this token is dead; false if it has been replaced or registered again since.
    async fn forget_push_token(&self, dead: PushTokenRow) -> Result<bool>;

    // ---- what is sealed

    /// The sealed root of all names; none in a database that was never served.
    async fn sealed_root(&self) -> Result<Option<Vec<u8>>>;
    /// Stores the sealed root if there is none, and returns the one that is there.
    async fn keep_root(&self, sealed: Vec<u8>) -> Result<Vec<u8>>;
    /// Replaces the sealed root, if it is still the one that was read.
    async fn reseal_root(&self, old: Vec<u8>, new: Vec<u8>) -> Result<bool>;
    /// From now on nothing is stored that was sealed with another key than this one.
    async fn require_key(&self, id: u8) -> Result<()>;
    /// Up to `limit` rows sealed with other keys than this one, in their order, after one.
    async fn sealed_otherwise(&self, id: u8, after: Option<SealedRow>, limit: u32) -> Result<Vec<SealedRow>>;
    /// Replaces what is sealed in these rows, each if it is still what was read; says how many.
    async fn reseal(&self, rows: Vec<(SealedRow, Vec<u8>)>) -> Result<usize>;
    /// Notes which keys the process that serves knows.
    async fn note_serving_keys(&self, ids: Vec<u8>) -> Result<()>;
    /// The keys that the process that serves, or the last one that did, knew at its start.
    async fn serving_keys(&self) -> Result<Vec<u8>>;

    // ---- intake and feed

    /// Something to be written comes in a moment: whoever writes may get ready.
    fn rouse(&self);

    /// One exchange of one device: the counter, cancellations, verdicts about operations in order, and what is new.
    /// What comes alone into a lane with a slot to offer is opened at once.
    async fn exchange(&self, intake: Intake, offered: Offered) -> Result<ExchangeOutcome>;
    /// An exchange that carries nothing and whose cursor did not move: reads only.
    async fn poll_feed(&self, tenant: &str, device: &str, cursor: Option<String>, now: Ms) -> Result<SyncResponse>;
    /// Notes how far a device has read, for retention.
    async fn acknowledge(&self, tenant: &str, device: &str, seq: u64) -> Result<()>;
    /// Where the feeds of these devices end, to wake held requests.
    async fn feed_heads(&self, devices: Vec<(String, String)>) -> Result<Vec<u64>>;
    /// Takes operations that no device sent (REST, command line); the same rules and offers, no feed of its own.
    async fn submit(&self, submission: Submission, offered: Offered) -> Result<Receipt>;
    /// Cancels by an operator or key; as a device's wish.
    async fn cancel(&self, tenant: &str, account: Option<String>, id: OperationId, now: Ms) -> Result<Option<Cancellation>>;

    // ---- dispatch

    /// Lanes with something due and not closed, least recently served first: up to `limit` of providers, then up to `limit` of
    /// receivers of events.
    async fn due_lanes(&self, now: Ms, limit: u32) -> Result<Vec<LaneRow>>;
    /// Leases up to `limit` due operations of one lane.
    async fn claim(&self, tenant: &str, adapter: &str, now: Ms, lease_until: Ms, limit: u32) -> Result<Vec<OperationRow>>;
    /// `ready → calling` and the attempt row, guarded by all that could forbid the call.
    async fn open_attempt(&self, open: Open) -> Result<Opened>;
    /// Closes the attempt, decides, writes state, feed and schedule, readies the next of the key and the dependents.
    async fn settle(&self, settle: Settle) -> Result<Settled>;
    /// What is told to an adapter beside an operation, as it stands now.
    async fn about(&self, tenant: &str, id: OperationId) -> Result<About>;
    /// Puts a claimed operation back, untouched, to be looked at at `next_at`.
    async fn release(&self, tenant: &str, id: OperationId, next_at: Ms) -> Result<()>;
    /// Decides what only time decides: expiry of what is held or ready, the end of an unresolved operation's hold.
    async fn lapse(&self, tenant: &str, id: OperationId, now: Ms) -> Result<()>;
    /// Ends what became too old while it was held or ready, however its lane is; a bounded number. Says how many.
    async fn expire_due(&self, now: Ms) -> Result<usize>;
    /// When the next operation is due, if any waits.
    async fn next_due(&self) -> Result<Option<Ms>>;
    /// The lane of an adapter.
    async fn lane(&self, tenant: &str, adapter: &str) -> Result<Option<LaneRow>>;

    // ---- webhooks

    /// The tenant and adapter of a path token, by its hash.
    async fn webhook_token(&self, token_hash: [u8; 32]) -> Result<Option<(String, String)>>;
    /// Stores a path token's hash.
    async fn put_webhook_token(&self, tenant: &str, adapter: &str, token_hash: [u8; 32]) -> Result<()>;
    /// The attempt that a callback's path names.
    async fn attempt(&self, attempt: Uuid) -> Result<Option<AttemptRow>>;
    /// Stores a verified webhook with its events, before it is answered. Events whose id is known already are left out.
    async fn store_webhook(&self, webhook: WebhookRow, events: Vec<WebhookEventRow>) -> Result<Vec<WebhookEventRow>>;
    /// Stored webhooks of which nothing was settled, with their ids, oldest first, after this one.
    async fn unsettled_webhooks(
        &self,
        tenant: &str,
        adapter: Option<String>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, WebhookRow)>>;
    /// Replaces the events of a stored webhook of which nothing was settled; as [`Store::store_webhook`].
    async fn replace_webhook_events(&self, webhook: i64, events: Vec<WebhookEventRow>) -> Result<Vec<WebhookEventRow>>;
    /// The newest events that are not settled yet, the oldest of them first.
    async fn open_events(&self, limit: u32) -> Result<Vec<WebhookEventRow>>;
    /// Events that are not settled yet and came before then, oldest first, after this one.
    async fn open_events_after(&self, after: i64, before: Ms, limit: u32) -> Result<Vec<WebhookEventRow>>;
    /// Open events that are about this operation: by attempt, reference or, while its outcome is unknown, correlation.
    async fn events_for(&self, tenant: &str, id: OperationId) -> Result<Vec<WebhookEventRow>>;
    /// What an event claims is on record with its operation; it stays open until that has ended.
    async fn note_event(&self, id: i64) -> Result<()>;
    /// Marks an event.
    async fn mark_event(&self, id: i64, state: EventState) -> Result<()>;
    /// The operation that a provider's reference names.
    async fn operation_by_reference(&self, tenant: &str, adapter: &str, reference: &str) -> Result<Option<OperationRow>>;
    /// The one operation of unknown outcome with this among its correlations; `None` if there is none or more than one.
    async fn ambiguous_by_correlation(&self, tenant: &str, adapter: &str, correlation: &str) -> Result<Option<OperationRow>>;

    /// The one operation whose lost answer a delivery report made up for, and whose recipient of this correlation has no id yet.
    async fn adopted_by_correlation(&self, tenant: &str, adapter: &str, correlation: &str) -> Result<Option<OperationRow>>;

    // ---- reading

    /// One operation; also by an id that was a duplicate of it.
    async fn operation(&self, tenant: &str, id: OperationId) -> Result<Option<OperationRow>>;
    /// Operations, newest first.
    async fn operations(&self, filter: OperationFilter) -> Result<Vec<OperationRow>>;
    /// What was answered about an id that never became an operation.
    async fn verdict(&self, tenant: &str, id: OperationId) -> Result<Option<VerdictRow>>;
    /// What the messages of one adapter cost since then: each cost as it is written, and how often it is.
    async fn message_costs(&self, tenant: &str, adapter: &str, since: Ms) -> Result<Vec<(Option<String>, u64)>>;
    /// Attempts, newest first: the log.
    async fn attempts(&self, filter: AttemptFilter) -> Result<Vec<AttemptRow>>;

    /// The operation that this receipt of the provider is booked for.
    async fn operation_by_receipt(&self, tenant: &str, adapter: &str, receipt: &str) -> Result<Option<OperationRow>>;
    /// Operations that succeeded with a receipt and ended since then: the books, for a comparison with the provider's.
    async fn booked(&self, tenant: &str, adapter: &str, action: &str, since: Ms) -> Result<Vec<OperationRow>>;

    // ---- what happened

    /// Adds to the log of what a tenant's backend may want to know; false if the fact is known.
    async fn record_event(&self, event: EventRow) -> Result<bool>;
    /// What happened after a cursor, in order.
    async fn events_after(&self, tenant: &str, cursor: Option<String>, limit: u32) -> Result<EventPage>;
    /// The event of this number.
    async fn event(&self, tenant: &str, seq: u64) -> Result<Option<EventRow>>;
    /// What happened of one kind since a time, in order.
    async fn events_of_kind(&self, tenant: &str, kind: &str, since: Ms) -> Result<Vec<EventRow>>;

    // ---- who is told of it

    /// Adds a subscription; false if the tenant has `most` already.
    async fn create_subscription(&self, row: SubscriptionRow, most: u32) -> Result<bool>;
    /// A tenant's subscriptions, oldest first.
    async fn subscriptions(&self, tenant: &str) -> Result<Vec<SubscriptionRow>>;
    /// One of them.
    async fn subscription(&self, tenant: &str, id: &str) -> Result<Option<SubscriptionRow>>;
    /// Replaces what signs, if it is still `old`.
    async fn reseal_subscription(&self, tenant: &str, id: &str, old: Vec<u8>, new: Vec<u8>) -> Result<bool>;
    /// Removes one; what it was still to be told ends as its turn comes. False if there is none.
    async fn delete_subscription(&self, tenant: &str, id: &str) -> Result<bool>;

    // ---- operators

    /// Puts a dead letter back to be executed as a new effect, at the tail of its key; false if it is none.
    async fn redrive(&self, tenant: &str, id: OperationId, who: String, now: Ms) -> Result<bool>;
    /// Clears a lane's breaker and waits.
    async fn reset_lane(&self, tenant: &str, adapter: &str) -> Result<()>;

    // ---- the notification chain

    /// Stores what a tenant decided about a type of notification.
    async fn put_notification_type(&self, row: TypeRow) -> Result<()>;
    /// One type of notification.
    async fn notification_type(&self, tenant: &str, name: &str) -> Result<Option<TypeRow>>;
    /// Stores the texts of a type.
    async fn put_notification_template(&self, row: TemplateRow) -> Result<()>;
    /// The texts of a type.
    async fn notification_template(&self, tenant: &str, name: &str) -> Result<Option<TemplateRow>>;
    /// Stores a person of the address book; what was learnt of an address that changed is forgotten.
    async fn put_recipient(&self, row: RecipientRow) -> Result<()>;
    /// One person.
    async fn recipient(&self, tenant: &str, account: &str) -> Result<Option<RecipientRow>>;
    /// Forgets a person; false if nobody knew them.
    async fn delete_recipient(&self, tenant: &str, account: &str) -> Result<bool>;
    /// Stores a list of people.
    async fn put_list(&self, row: ListRow) -> Result<()>;
    /// One list.
    async fn list(&self, tenant: &str, name: &str) -> Result<Option<ListRow>>;
    /// Forgets a type of notification; false if there was none. Chains that have begun go on.
    async fn delete_notification_type(&self, tenant: &str, name: &str) -> Result<bool>;
    /// Forgets the texts of a type; false if there were none.
    async fn delete_notification_template(&self, tenant: &str, name: &str) -> Result<bool>;
    /// Forgets a list; false if there was none.
    async fn delete_list(&self, tenant: &str, name: &str) -> Result<bool>;
    /// Sets what a tenant's notifications may be booked at in a day (UTC).
    async fn put_notification_caps(&self, tenant: &str, caps: DailyCaps) -> Result<()>;
    /// Those caps.
    async fn notification_caps(&self, tenant: &str) -> Result<DailyCaps>;
    /// What is booked today (UTC) in a currency, of all or of one channel, in millionths.
    async fn booked_today(&self, tenant: &str, channel: Option<Channel>, currency: &str, now: Ms) -> Result<i64>;
    /// Begins chains of a `notify` whose turn has come, a bounded number.
    async fn spread_notification(&self, tenant: &str, id: OperationId, now: Ms) -> Result<()>;
    /// Moves the chains whose wait is over, a bounded number. Says how many.
    async fn advance_chains(&self, now: Ms) -> Result<usize>;
    /// A step cannot be called (its channel is switched off): its chain goes on without it.
    async fn give_up_step(&self, tenant: &str, id: OperationId, now: Ms) -> Result<()>;
    /// One person's chain, of whichever tenant.
    async fn notification(&self, id: Uuid) -> Result<Option<NotificationRow>>;
    /// The chains of one `notify`, by account, after one.
    async fn notifications(
        &self,
        tenant: &str,
        operation: OperationId,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<NotificationRow>>;
    /// How many of the people of one `notify` stand how.
    async fn notification_counts(&self, tenant: &str, operation: OperationId) -> Result<BTreeMap<String, u64>>;
    /// The channels of one chain so far.
    async fn deliveries(&self, tenant: &str, notification: Uuid) -> Result<Vec<DeliveryRow>>;
    /// Somebody says something of a notification; false if there is none.
    async fn signal_notification(&self, tenant: &str, id: Uuid, signal: Signal, now: Ms) -> Result<bool>;
    /// What became of notifications since a time, by type and channel.
    async fn notification_figures(&self, tenant: &str, kind: Option<String>, since: Ms) -> Result<Vec<ChainFigures>>;
    /// What they cost against an SMS to everybody, by type and currency.
    async fn notification_savings(&self, tenant: &str, kind: Option<String>, since: Ms) -> Result<Vec<ChainSavings>>;
}
