//! [`Store`], each method handed on to the writer or to a reader.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::Connection;
use tarishi_protocol::{Audience, Cancellation, OperationId, Receipt, SyncResponse};
use uuid::Uuid;

use super::{
    SqliteStore, accounts, chain, dispatch, events, exchange, feed, integrations, oauth, push, read, sealed, settle,
    subscriptions, upkeep, webhooks,
};
use crate::chain::{Channel, DailyCaps, caps::Scope};
use crate::store::{
    About, ApiKeyRow, AttemptFilter, AttemptRow, AuthTokenRow, ChainFigures, ChainSavings, DeliveryRow, DeviceRow, EventPage,
    EventRow, EventState, ExchangeOutcome, Figures, GrantStatus, Intake, IntegrationRow, LaneRow, Lease, ListRow,
    MESSAGE_RECEIVED, Ms, NotificationRow, OAuthGrantRow, OAuthStateRow, Offered, Open, Opened, OperationFilter, OperationRow,
    PushTokenRow, RecipientRow, Result, Retention, SealedRow, Settle, Settled, Signal, Store, Submission, SubscriptionRow,
    TemplateRow, TenantRow, TokenRow, TypeRow, VerdictRow, WebhookEventRow, WebhookRow,
};

#[async_trait]
impl Store for SqliteStore {
    fn store_id(&self) -> String {
        self.current_id()
    }

    async fn renew_store_id(&self) -> Result<String> {
        let id = self.writer.write(upkeep::renew_store_id).await?;
        if let Ok(mut current) = self.id.lock() {
            current.clone_from(&id);
        }
        Ok(id)
    }

    async fn close(&self) {
        self.writer.close();
    }

    async fn doctor(&self, now: Ms) -> Result<Vec<String>> {
        self.read(|conn| upkeep::doctor(conn, now)).await
    }

    async fn sweep(&self, now: Ms, keep: Retention) -> Result<bool> {
        self.writer.write(move |conn| upkeep::sweep(conn, now, keep)).await
    }

    async fn figures(&self, now: Ms) -> Result<Figures> {
        self.read(|conn| upkeep::figures(conn, now)).await
    }

    async fn create_tenant(&self, tenant: TenantRow) -> Result<bool> {
        self.writer.write(move |conn| accounts::create_tenant(conn, &tenant)).await
    }

    async fn tenants(&self) -> Result<Vec<TenantRow>> {
        self.read(accounts::tenants).await
    }

    async fn tenant(&self, tenant: &str) -> Result<Option<TenantRow>> {
        self.read(|conn| accounts::tenant(conn, tenant)).await
    }

    async fn create_device(&self, device: DeviceRow) -> Result<()> {
        self.writer.write(move |conn| accounts::create_device(conn, &device)).await
    }

    async fn device(&self, tenant: &str, device: &str) -> Result<Option<DeviceRow>> {
        self.read(|conn| accounts::device(conn, tenant, device)).await
    }

    async fn devices(&self, tenant: &str, after: Option<String>, limit: u32) -> Result<Vec<DeviceRow>> {
        self.read(|conn| accounts::devices(conn, tenant, after.as_deref(), limit)).await
    }

    async fn revoke_device(&self, tenant: &str, device: &str, now: Ms) -> Result<bool> {
        let (tenant, device) = (tenant.to_owned(), device.to_owned());
        self.writer.write(move |conn| accounts::revoke_device(conn, &tenant, &device, now)).await
    }

    async fn rotate_device_token(&self, tenant: &str, device: &str, new: TokenRow, old_until: Ms) -> Result<()> {
        let (tenant, device) = (tenant.to_owned(), device.to_owned());
        self.writer.write(move |conn| accounts::rotate_device_token(conn, &tenant, &device, &new, old_until)).await
    }

    async fn touch_devices(&self, seen: Vec<(String, String, Ms)>, expires_at: Ms) -> Result<()> {
        self.writer.write(move |conn| accounts::touch_devices(conn, &seen, expires_at)).await
    }

    async fn create_api_key(&self, key: ApiKeyRow) -> Result<()> {
        self.writer.write(move |conn| accounts::create_api_key(conn, &key)).await
    }

    async fn api_key(&self, tenant: &str, key: &str) -> Result<Option<ApiKeyRow>> {
        self.read(|conn| accounts::api_key(conn, tenant, key)).await
    }

    async fn revoke_api_key(&self, tenant: &str, key: &str, now: Ms) -> Result<bool> {
        let (tenant, key) = (tenant.to_owned(), key.to_owned());
        self.writer.write(move |conn| accounts::revoke_api_key(conn, &tenant, &key, now)).await
    }

    async fn integration(&self, tenant: &str, adapter: &str) -> Result<Option<IntegrationRow>> {
        self.read(|conn| integrations::integration(conn, tenant, adapter)).await
    }

    async fn integrations(&self, tenant: &str) -> Result<Vec<IntegrationRow>> {
        self.read(|conn| integrations::integrations(conn, tenant)).await
    }

    async fn put_integration(&self, row: IntegrationRow) -> Result<()> {
        self.writer.write(move |conn| integrations::put_integration(conn, &row)).await
    }

    async fn auth_token(&self, tenant: &str, adapter: &str) -> Result<Option<AuthTokenRow>> {
        self.read(|conn| integrations::auth_token(conn, tenant, adapter)).await
    }

    async fn put_auth_token(&self, row: AuthTokenRow) -> Result<()> {
        self.writer.write(move |conn| integrations::put_auth_token(conn, &row)).await
    }

    async fn put_oauth_state(&self, row: OAuthStateRow, now: Ms) -> Result<()> {
        self.writer.write(move |conn| oauth::put_state(conn, &row, now)).await
    }

    async fn take_oauth_state(
        &self,
        adapter: &str,
        state_hash: [u8; 32],
        browser_hash: Option<[u8; 32]>,
        now: Ms,
    ) -> Result<Option<OAuthStateRow>> {
        let adapter = adapter.to_owned();
        self.writer.write(move |conn| oauth::take_state(conn, &adapter, state_hash, browser_hash, now)).await
    }

    async fn oauth_grant(&self, tenant: &str, adapter: &str) -> Result<Option<OAuthGrantRow>> {
        self.read(|conn| oauth::grant(conn, tenant, adapter)).await
    }

    async fn oauth_grants(&self, status: GrantStatus, limit: u32) -> Result<Vec<OAuthGrantRow>> {
        self.read(|conn| oauth::grants(conn, status, limit)).await
    }

    async fn put_oauth_grant(&self, row: OAuthGrantRow, if_version: Option<i64>) -> Result<bool> {
        self.writer.write(move |conn| oauth::put_grant(conn, &row, if_version)).await
    }

    async fn take_lease(&self, lease: Lease, now: Ms, until: Ms) -> Result<bool> {
        self.writer.write(move |conn| oauth::take_lease(conn, &lease, now, until)).await
    }

    async fn end_lease(&self, lease: Lease) -> Result<()> {
        self.writer.write(move |conn| oauth::end_lease(conn, &lease)).await
    }

    async fn provider_name(
        &self,
        tenant: &str,
        adapter: &str,
        name: &str,
        value: &str,
        instead_of: Option<&str>,
    ) -> Result<String> {
        let [tenant, adapter, name, value] = [tenant, adapter, name, value].map(str::to_owned);
        let instead_of = instead_of.map(str::to_owned);
        self.writer.write(move |conn| oauth::provider_name(conn, &tenant, &adapter, &name, &value, instead_of.as_deref())).await
    }

    async fn put_push_token(&self, row: PushTokenRow) -> Result<()> {
        self.writer.write(move |conn| push::put(conn, &row)).await
    }

    async fn remove_push_token(&self, tenant: &str, device: &str) -> Result<bool> {
        let (tenant, device) = (tenant.to_owned(), device.to_owned());
        self.writer.write(move |conn| push::remove(conn, &tenant, &device)).await
    }

    async fn push_tokens(&self, tenant: &str, to: &Audience) -> Result<Vec<PushTokenRow>> {
        self.read(|conn| push::targets(conn, tenant, to)).await
    }

    async fn forget_push_token(&self, dead: PushTokenRow) -> Result<bool> {
        self.writer.write(move |conn| push::forget(conn, &dead)).await
    }

    async fn sealed_root(&self) -> Result<Option<Vec<u8>>> {
        self.read(sealed::root).await
    }

    async fn keep_root(&self, root: Vec<u8>) -> Result<Vec<u8>> {
        self.writer.write(move |conn| sealed::keep_root(conn, &root)).await
    }

    async fn reseal_root(&self, old: Vec<u8>, new: Vec<u8>) -> Result<bool> {
        self.writer.write(move |conn| sealed::reseal_root(conn, &old, &new)).await
    }

    async fn require_key(&self, id: u8) -> Result<()> {
        self.writer.write(move |conn| sealed::require_key(conn, id)).await
    }

    async fn sealed_otherwise(&self, id: u8, after: Option<SealedRow>, limit: u32) -> Result<Vec<SealedRow>> {
        self.read(|conn| sealed::otherwise(conn, id, after.as_ref(), limit)).await
    }

    async fn reseal(&self, rows: Vec<(SealedRow, Vec<u8>)>) -> Result<usize> {
        self.writer.write(move |conn| sealed::reseal(conn, &rows)).await
    }

    async fn note_serving_keys(&self, ids: Vec<u8>) -> Result<()> {
        self.writer.write(move |conn| sealed::note_serving(conn, &ids)).await
    }

    async fn serving_keys(&self) -> Result<Vec<u8>> {
        self.read(sealed::serving).await
    }

    fn rouse(&self) {
        self.writer.rouse();
    }

    async fn exchange(&self, intake: Intake, offered: Offered) -> Result<ExchangeOutcome> {
        let id = self.current_id();
        let work = move |conn: &Connection| {
            let outcome = exchange::exchange(conn, &id, &intake)?;
            dispatch::open_alone(conn, offered)?;
            Ok(outcome)
        };
        self.writer.write(work).await
    }

    async fn poll_feed(&self, tenant: &str, device: &str, cursor: Option<String>, now: Ms) -> Result<SyncResponse> {
        let id = self.current_id();
        self.read(|conn| feed::answer(conn, &id, tenant, device, cursor.as_deref(), now)).await
    }

    async fn acknowledge(&self, tenant: &str, device: &str, seq: u64) -> Result<()> {
        let (tenant, device) = (tenant.to_owned(), device.to_owned());
        self.writer.write(move |conn| exchange::acknowledge(conn, &tenant, &device, seq)).await
    }

    async fn feed_heads(&self, devices: Vec<(String, String)>) -> Result<Vec<u64>> {
        self.read(|conn| feed::heads(conn, &devices)).await
    }

    async fn submit(&self, submission: Submission, offered: Offered) -> Result<Receipt> {
        let work = move |conn: &Connection| {
            let receipt = exchange::submit(conn, &submission)?;
            dispatch::open_alone(conn, offered)?;
            Ok(receipt)
        };
        self.writer.write(work).await
    }

    async fn cancel(&self, tenant: &str, account: Option<String>, id: OperationId, now: Ms) -> Result<Option<Cancellation>> {
        let tenant = tenant.to_owned();
        self.writer.write(move |conn| exchange::cancel_by_operator(conn, &tenant, account.as_deref(), id, now)).await
    }

    async fn due_lanes(&self, now: Ms, limit: u32) -> Result<Vec<LaneRow>> {
        self.read(|conn| dispatch::due_lanes(conn, now, limit)).await
    }

    async fn claim(&self, tenant: &str, adapter: &str, now: Ms, lease_until: Ms, limit: u32) -> Result<Vec<OperationRow>> {
        let (tenant, adapter) = (tenant.to_owned(), adapter.to_owned());
        // The power takes the claimant too.
        self.writer.write_for_now(move |conn| dispatch::claim(conn, &tenant, &adapter, now, lease_until, limit)).await
    }

    async fn open_attempt(&self, open: Open) -> Result<Opened> {
        self.writer.write(move |conn| dispatch::open_attempt(conn, &open)).await
    }

    async fn settle(&self, settle: Settle) -> Result<Settled> {
        self.writer.write(move |conn| settle::settle(conn, &settle)).await
    }

    async fn about(&self, tenant: &str, id: OperationId) -> Result<About> {
        self.read(|conn| dispatch::about_of(conn, tenant, id)).await
    }

    async fn release(&self, tenant: &str, id: OperationId, next_at: Ms) -> Result<()> {
        let tenant = tenant.to_owned();
        self.writer.write(move |conn| dispatch::release(conn, &tenant, id, next_at)).await
    }

    async fn lapse(&self, tenant: &str, id: OperationId, now: Ms) -> Result<()> {
        let tenant = tenant.to_owned();
        self.writer.write(move |conn| settle::lapse(conn, &tenant, id, now)).await
    }

    async fn expire_due(&self, now: Ms) -> Result<usize> {
        // Most rounds find nothing too old: a look costs no commit.
        if self.read(settle::next_expiry).await?.is_none_or(|expires| expires > now) {
            return Ok(0);
        }
        self.writer.write(move |conn| settle::expire_due(conn, now)).await
    }

    async fn next_due(&self) -> Result<Option<Ms>> {
        self.read(dispatch::next_due).await
    }

    async fn lane(&self, tenant: &str, adapter: &str) -> Result<Option<LaneRow>> {
        self.read(|conn| dispatch::lane(conn, tenant, adapter)).await
    }

    async fn webhook_token(&self, token_hash: [u8; 32]) -> Result<Option<(String, String)>> {
        self.read(|conn| webhooks::token(conn, token_hash)).await
    }

    async fn put_webhook_token(&self, tenant: &str, adapter: &str, token_hash: [u8; 32]) -> Result<()> {
        let (tenant, adapter) = (tenant.to_owned(), adapter.to_owned());
        self.writer.write(move |conn| webhooks::put_token(conn, &tenant, &adapter, token_hash)).await
    }

    async fn attempt(&self, attempt: Uuid) -> Result<Option<AttemptRow>> {
        self.read(|conn| read::attempt(conn, attempt)).await
    }

    async fn store_webhook(&self, webhook: WebhookRow, events: Vec<WebhookEventRow>) -> Result<Vec<WebhookEventRow>> {
        self.writer.write(move |conn| webhooks::store(conn, &webhook, events)).await
    }

    async fn unsettled_webhooks(
        &self,
        tenant: &str,
        adapter: Option<String>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, WebhookRow)>> {
        self.read(|conn| webhooks::unsettled(conn, tenant, adapter.as_deref(), after, limit)).await
    }

    async fn replace_webhook_events(&self, webhook: i64, events: Vec<WebhookEventRow>) -> Result<Vec<WebhookEventRow>> {
        self.writer.write(move |conn| webhooks::replace(conn, webhook, events)).await
    }

    async fn open_events(&self, limit: u32) -> Result<Vec<WebhookEventRow>> {
        self.read(|conn| webhooks::open(conn, limit)).await
    }

    async fn open_events_after(&self, after: i64, before: Ms, limit: u32) -> Result<Vec<WebhookEventRow>> {
        self.read(|conn| webhooks::open_after(conn, after, before, limit)).await
    }

    async fn events_for(&self, tenant: &str, id: OperationId) -> Result<Vec<WebhookEventRow>> {
        self.read(|conn| webhooks::events_for(conn, tenant, id)).await
    }

    async fn note_event(&self, id: i64) -> Result<()> {
        self.writer.write(move |conn| webhooks::note(conn, id)).await
    }

    async fn mark_event(&self, id: i64, state: EventState) -> Result<()> {
        self.writer.write(move |conn| webhooks::mark(conn, id, state)).await
    }

    async fn operation_by_reference(&self, tenant: &str, adapter: &str, reference: &str) -> Result<Option<OperationRow>> {
        self.read(|conn| read::operation_by_reference(conn, tenant, adapter, reference)).await
    }

    async fn adopted_by_correlation(&self, tenant: &str, adapter: &str, correlation: &str) -> Result<Option<OperationRow>> {
        self.read(|conn| read::adopted_by_correlation(conn, tenant, adapter, correlation)).await
    }

    async fn ambiguous_by_correlation(&self, tenant: &str, adapter: &str, correlation: &str) -> Result<Option<OperationRow>> {
        self.read(|conn| read::ambiguous_by_correlation(conn, tenant, adapter, correlation)).await
    }

    async fn operation(&self, tenant: &str, id: OperationId) -> Result<Option<OperationRow>> {
        self.read(|conn| read::operation_or_duplicate(conn, tenant, id)).await
    }

    async fn operations(&self, filter: OperationFilter) -> Result<Vec<OperationRow>> {
        self.read(|conn| read::operations(conn, &filter)).await
    }

    async fn verdict(&self, tenant: &str, id: OperationId) -> Result<Option<VerdictRow>> {
        self.read(|conn| read::verdict(conn, tenant, id)).await
    }

    async fn message_costs(&self, tenant: &str, adapter: &str, since: Ms) -> Result<Vec<(Option<String>, u64)>> {
        let (tenant, adapter) = (tenant.to_owned(), adapter.to_owned());
        self.read(move |conn| read::message_costs(conn, &tenant, &adapter, since)).await
    }

    async fn attempts(&self, filter: AttemptFilter) -> Result<Vec<AttemptRow>> {
        self.read(|conn| read::attempts(conn, &filter)).await
    }

    async fn record_event(&self, event: EventRow) -> Result<bool> {
        self.writer
            .write(move |conn| {
                let new = events::record(conn, &event)?;
                let text = |name: &str| event.data[name].as_str();
                if new
                    && event.kind == MESSAGE_RECEIVED
                    && let (Some(adapter), Some(from)) = (text("adapter"), text("from"))
                {
                    chain::replied(conn, &event.tenant, adapter, from, event.at)?;
                }
                Ok(new)
            })
            .await
    }

    async fn events_after(&self, tenant: &str, cursor: Option<String>, limit: u32) -> Result<EventPage> {
        let id = self.current_id();
        self.read(|conn| events::page(conn, &id, tenant, cursor.as_deref(), limit)).await
    }

    async fn event(&self, tenant: &str, seq: u64) -> Result<Option<EventRow>> {
        self.read(|conn| events::one(conn, tenant, seq)).await
    }

    async fn create_subscription(&self, row: SubscriptionRow, most: u32) -> Result<bool> {
        self.writer.write(move |conn| subscriptions::create(conn, &row, most)).await
    }

    async fn subscriptions(&self, tenant: &str) -> Result<Vec<SubscriptionRow>> {
        self.read(|conn| subscriptions::all(conn, tenant)).await
    }

    async fn subscription(&self, tenant: &str, id: &str) -> Result<Option<SubscriptionRow>> {
        self.read(|conn| subscriptions::one(conn, tenant, id)).await
    }

    async fn reseal_subscription(&self, tenant: &str, id: &str, old: Vec<u8>, new: Vec<u8>) -> Result<bool> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        self.writer.write(move |conn| subscriptions::replace_sealed(conn, &tenant, &id, &old, &new)).await
    }

    async fn delete_subscription(&self, tenant: &str, id: &str) -> Result<bool> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        self.writer.write(move |conn| subscriptions::delete(conn, &tenant, &id)).await
    }

    async fn events_of_kind(&self, tenant: &str, kind: &str, since: Ms) -> Result<Vec<EventRow>> {
        self.read(|conn| events::of_kind(conn, tenant, kind, since)).await
    }

    async fn operation_by_receipt(&self, tenant: &str, adapter: &str, receipt: &str) -> Result<Option<OperationRow>> {
        self.read(|conn| read::operation_by_receipt(conn, tenant, adapter, receipt)).await
    }

    async fn booked(&self, tenant: &str, adapter: &str, action: &str, since: Ms) -> Result<Vec<OperationRow>> {
        self.read(|conn| read::booked(conn, tenant, adapter, action, since)).await
    }

    async fn redrive(&self, tenant: &str, id: OperationId, who: String, now: Ms) -> Result<bool> {
        let tenant = tenant.to_owned();
        self.writer.write(move |conn| settle::redrive(conn, &tenant, id, &who, now)).await
    }

    async fn reset_lane(&self, tenant: &str, adapter: &str) -> Result<()> {
        let (tenant, adapter) = (tenant.to_owned(), adapter.to_owned());
        self.writer.write(move |conn| dispatch::reset_lane(conn, &tenant, &adapter)).await
    }

    async fn put_notification_type(&self, row: TypeRow) -> Result<()> {
        self.writer.write(move |conn| chain::put_type(conn, &row)).await
    }

    async fn notification_type(&self, tenant: &str, name: &str) -> Result<Option<TypeRow>> {
        self.read(|conn| chain::notification_type(conn, tenant, name)).await
    }

    async fn put_notification_template(&self, row: TemplateRow) -> Result<()> {
        self.writer.write(move |conn| chain::put_template(conn, &row)).await
    }

    async fn notification_template(&self, tenant: &str, name: &str) -> Result<Option<TemplateRow>> {
        self.read(|conn| chain::template(conn, tenant, name)).await
    }

    async fn put_recipient(&self, row: RecipientRow) -> Result<()> {
        self.writer.write(move |conn| chain::put_recipient(conn, &row)).await
    }

    async fn recipient(&self, tenant: &str, account: &str) -> Result<Option<RecipientRow>> {
        self.read(|conn| chain::recipient(conn, tenant, account)).await
    }

    async fn delete_recipient(&self, tenant: &str, account: &str) -> Result<bool> {
        let (tenant, account) = (tenant.to_owned(), account.to_owned());
        self.writer.write(move |conn| chain::delete_recipient(conn, &tenant, &account)).await
    }

    async fn put_list(&self, row: ListRow) -> Result<()> {
        self.writer.write(move |conn| chain::put_list(conn, &row)).await
    }

    async fn list(&self, tenant: &str, name: &str) -> Result<Option<ListRow>> {
        self.read(|conn| chain::list(conn, tenant, name)).await
    }

    async fn delete_notification_type(&self, tenant: &str, name: &str) -> Result<bool> {
        let (tenant, name) = (tenant.to_owned(), name.to_owned());
        self.writer.write(move |conn| chain::delete_type(conn, &tenant, &name)).await
    }

    async fn delete_notification_template(&self, tenant: &str, name: &str) -> Result<bool> {
        let (tenant, name) = (tenant.to_owned(), name.to_owned());
        self.writer.write(move |conn| chain::delete_template(conn, &tenant, &name)).await
    }

    async fn delete_list(&self, tenant: &str, name: &str) -> Result<bool> {
        let (tenant, name) = (tenant.to_owned(), name.to_owned());
        self.writer.write(move |conn| chain::delete_list(conn, &tenant, &name)).await
    }

    async fn put_notification_caps(&self, tenant: &str, caps: DailyCaps) -> Result<()> {
        let tenant = tenant.to_owned();
        self.writer.write(move |conn| chain::put_caps(conn, &tenant, &caps)).await
    }

    async fn notification_caps(&self, tenant: &str) -> Result<DailyCaps> {
        self.read(|conn| chain::caps(conn, tenant)).await
    }

    async fn booked_today(&self, tenant: &str, channel: Option<Channel>, currency: &str, now: Ms) -> Result<i64> {
        let scope = channel.map_or(Scope::All, Scope::Channel);
        self.read(|conn| chain::booked_today(conn, tenant, scope, currency, now)).await
    }

    async fn spread_notification(&self, tenant: &str, id: OperationId, now: Ms) -> Result<()> {
        let tenant = tenant.to_owned();
        self.writer.write(move |conn| chain::spread(conn, &tenant, id, now)).await
    }

    async fn advance_chains(&self, now: Ms) -> Result<usize> {
        // Most rounds find nothing due: a look costs no commit.
        if self.read(chain::next_due).await?.is_none_or(|due| due > now) {
            return Ok(0);
        }
        self.writer.write(move |conn| chain::due(conn, now)).await
    }

    async fn give_up_step(&self, tenant: &str, id: OperationId, now: Ms) -> Result<()> {
        let tenant = tenant.to_owned();
        self.writer.write(move |conn| chain::given_up(conn, &tenant, id, now)).await
    }

    async fn notification(&self, id: Uuid) -> Result<Option<NotificationRow>> {
        self.read(|conn| chain::notification_of_any(conn, id)).await
    }

    async fn notifications(
        &self,
        tenant: &str,
        operation: OperationId,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<NotificationRow>> {
        self.read(|conn| chain::notifications_of(conn, tenant, operation, after.as_deref(), limit)).await
    }

    async fn notification_counts(&self, tenant: &str, operation: OperationId) -> Result<BTreeMap<String, u64>> {
        self.read(|conn| chain::counts(conn, tenant, operation)).await
    }

    async fn deliveries(&self, tenant: &str, notification: Uuid) -> Result<Vec<DeliveryRow>> {
        self.read(|conn| chain::deliveries(conn, tenant, notification)).await
    }

    async fn signal_notification(&self, tenant: &str, id: Uuid, signal: Signal, now: Ms) -> Result<bool> {
        let tenant = tenant.to_owned();
        self.writer.write(move |conn| chain::signal(conn, &tenant, id, None, signal, now)).await
    }

    async fn notification_figures(&self, tenant: &str, kind: Option<String>, since: Ms) -> Result<Vec<ChainFigures>> {
        self.read(|conn| chain::figures(conn, tenant, kind.as_deref(), since)).await
    }

    async fn notification_savings(&self, tenant: &str, kind: Option<String>, since: Ms) -> Result<Vec<ChainSavings>> {
        self.read(|conn| chain::savings(conn, tenant, kind.as_deref(), since)).await
    }
}
