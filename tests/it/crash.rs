//! Phones and servers die by kill -9 at random moments and named places. Longer: `tests/run crash --cycles N`.

use tarishi_tests::crash::{Plan, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_however_often_phones_and_servers_are_killed() {
    let plan = Plan { cycles: 40, audit_every: 20, seed: rand::random::<u32>().into() };

    let totals = run(plan, |line| println!("{line}")).await.unwrap();

    println!("{totals}");
    assert!(totals.audit.is_clean(), "{}", totals.audit);
    assert!(totals.phone_kills + totals.phone_failpoints > 0 && totals.server_kills + totals.server_failpoints > 0, "{totals}");
}
