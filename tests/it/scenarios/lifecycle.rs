//! Processes, clocks, sign-out. Findings 12, 20, 30, 34, 35, 50.

use std::{fs::File, sync::Arc, time::Duration};

use tarishi_core::{Client, Clock, DeviceState, Error, Logout, SystemClock};
use tarishi_server::{Config, Server, StartError, store};

use super::world::{SOON, World, ended, enqueue, through};

/// A phone whose wall clock is wrong by this much.
#[derive(Debug)]
struct Wrong(i64);

impl Clock for Wrong {
    fn wall_ms(&self) -> i64 {
        SystemClock.wall_ms() + self.0
    }

    fn boot_ms(&self) -> u64 {
        SystemClock.boot_ms()
    }

    fn boot_id(&self) -> Option<String> {
        SystemClock.boot_id()
    }
}

/// Finding 20.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_whose_clock_is_off_by_a_day_is_served_like_any_other() {
    let mut world = World::start().await;
    for (name, days) in [("fast", 1), ("slow", -1), ("decade", 3_650), ("epoch", -20_000)] {
        let intent = world.intents.text();
        let token = world.token(name, &["*:*"]).await;
        let clock = Arc::new(Wrong(days * 86_400_000));
        let phone = Client::open(world.options(name, token).with_clock(clock)).unwrap();
        let record = enqueue(&phone, intent.operation().with_ttl(Duration::from_secs(60))).await;

        assert_eq!(ended(&phone, record.id).await.state, DeviceState::Succeeded, "{name}");
        assert_eq!(world.ledger_of(&intent).len(), 1);
    }
}

/// Finding 30: the lock of another process, which here is another open file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_process_has_open_is_refused_until_it_is_closed() {
    let world = World::start().await;
    let token = world.token("amina", &["*:*"]).await;
    let other = File::create(world.folder.path().join("phone.db.lock")).unwrap();
    other.lock().unwrap();

    assert!(matches!(Client::open(world.options("phone", token.clone())), Err(Error::AlreadyOpen)));

    drop(other);
    Client::open(world.options("phone", token)).unwrap();
}

/// Finding 34: the person is told apart what never left, what may have left, and what runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_counts_what_never_left_apart_from_what_may_be_running() {
    let mut world = World::start().await;
    let token = world.token("amina", &["*:*"]).await;
    let lost = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let loses = Arc::clone(&lost);
    let phone = through(&world, "phone", token, move |request| {
        let answer = tarishi_core::TransportResponse {
            status: 503,
            headers: vec![("retry-after".to_owned(), "60".to_owned())],
            body: Vec::new(),
        };
        (loses.load(std::sync::atomic::Ordering::SeqCst) && request.path.ends_with("/sync")).then_some(answer)
    });
    world
        .hosted
        .sandbox
        .add_fault(tarishi_sandbox::Fault::on(tarishi_sandbox::Adapter::Sms, tarishi_sandbox::Call::Send).delay_ms(20_000));
    let running = world.intents.text();
    let maybe = world.intents.text();
    let never = world.intents.text();
    enqueue(&phone, running.operation()).await;
    phone.sync(SOON, None).await.unwrap();
    lost.store(true, std::sync::atomic::Ordering::SeqCst);
    enqueue(&phone, maybe.operation()).await;
    phone.sync(Duration::from_millis(500), None).await.unwrap();
    enqueue(&phone, never.operation()).await;

    let report = phone.logout(Logout::Keep).await.unwrap();

    assert_eq!((report.never_sent, report.maybe_sent, report.running), (1, 1, 1));
    assert!(world.ledger_of(&never).is_empty() && world.ledger_of(&maybe).is_empty());
}

/// Finding 35: the next server of a rolling restart waits for the one before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_waits_until_the_first_has_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let config = |wait| Config { lock_wait_ms: wait, ..Config::for_tests(folder.path(), "http://127.0.0.1:9") };
    let first = Server::start(config(0)).await.unwrap();

    let refused = Server::start(config(100)).await;
    assert!(matches!(refused, Err(StartError::Store(store::Error::Locked))));
    let second = tokio::spawn(Server::start(config(20_000)));
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    first.stop().await;

    second.await.unwrap().unwrap().stop().await;
}

/// Finding 12: the server is put back from a backup. What it accepted since then is recovered, not paid twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_accepted_after_the_backup_is_not_made_again_after_the_restore() {
    let mut world = World::start().await;
    let intent = world.intents.charge();
    let phone = world.phone("phone", "amina").await;
    let database = world.hosted.server.app().config.database.clone();
    let backup = world.folder.path().join("backup.db");
    rusqlite::Connection::open(&database).unwrap().execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    let fault = tarishi_sandbox::Fault::on(tarishi_sandbox::Adapter::Mpesa, tarishi_sandbox::Call::Charge);
    world.hosted.sandbox.add_fault(fault.callback(tarishi_sandbox::CallbackFault::Late).delay_ms(600_000));
    let query = tarishi_sandbox::Fault::on(tarishi_sandbox::Adapter::Mpesa, tarishi_sandbox::Call::Query);
    world.hosted.sandbox.add_fault(query.status(503));
    let record = enqueue(&phone, intent.operation()).await;
    super::world::until(&phone, record.id, |state| state == DeviceState::Waiting).await;
    super::world::eventually("the payer pays", async || world.ledger_of(&intent).len() == 1).await;

    let World { hosted, folder, http, intents } = world;
    let restore = async |hosted: tarishi_tests::harness::Hosted| {
        let app = Arc::clone(hosted.server.app());
        hosted
            .restart_after(async || {
                for suffix in ["", "-wal", "-shm"] {
                    let mut name = app.config.database.clone().into_os_string();
                    name.push(suffix);
                    let _ = std::fs::remove_file(name);
                }
                std::fs::copy(&backup, &app.config.database).unwrap();
                let store = store::sqlite::SqliteStore::open(&app.config.database).unwrap();
                store::Store::renew_store_id(&store).await.unwrap();
                store::Store::close(&store).await;
            })
            .await
            .unwrap()
    };
    let hosted = restore(hosted).await;
    let world = World { hosted, folder, http, intents };

    let unresolved = super::world::until(&phone, record.id, |state| state == DeviceState::Unresolved).await;

    assert_eq!(unresolved.problem.unwrap().code, "outcome_unknown");
    assert_eq!(world.ledger_of(&intent).len(), 1);
}

/// Finding 50: a sync without time for everything never says that it is complete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_ran_out_of_time_does_not_say_that_it_is_complete() {
    let mut world = World::start().await;
    let phone = world.phone("phone", "amina").await;
    for _ in 0..40 {
        enqueue(&phone, world.intents.text().operation()).await;
    }

    let cut = phone.sync(Duration::ZERO, None).await.unwrap();
    assert!(!cut.complete && cut.pending > 0, "{cut:?}");
    let whole = phone.sync(SOON, None).await.unwrap();
    assert!(whole.complete && whole.pending == 0, "{whole:?}");
}
