//! The link against a server that counts what it hears.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

use super::shape::{Fate, retransmission};
use super::{Link, LinkProfile};

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers every 100 bytes with 50, and counts.
async fn server() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut request = [0; 100];
                while stream.read_exact(&mut request).await.is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                    if stream.write_all(&[7; 50]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, heard)
}

async fn ask(phone: &mut TcpStream) -> std::io::Result<()> {
    phone.write_all(&[1; 100]).await?;
    timeout(PATIENCE, phone.read_exact(&mut [0; 50])).await.expect("an answer or an end")?;
    Ok(())
}

async fn connect(link: &Link) -> TcpStream {
    TcpStream::connect(link.addr()).await.unwrap()
}

async fn until(what: impl Fn() -> bool) {
    timeout(PATIENCE, async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("it happens in time");
}

#[tokio::test]
async fn a_clean_link_carries_both_ways_and_counts() {
    let (target, heard) = server().await;
    let link = Link::start(target, LinkProfile::clean());
    let mut phone = connect(&link).await;
    ask(&mut phone).await.unwrap();
    ask(&mut phone).await.unwrap();
    assert_eq!((link.bytes_up(), link.bytes_down(), link.connections()), (200, 100, 1));
    assert_eq!((link.cuts(), link.repeats(), heard.load(Ordering::SeqCst)), (0, 0, 2));
}

#[tokio::test]
async fn a_far_and_narrow_link_takes_its_time() {
    let (target, _) = server().await;
    let scale = 0.1;
    let link = Link::start(target, LinkProfile { loss: 0.0, cut: 0.0, ..LinkProfile::kenya_2g().time_scale(scale) });
    let start = Instant::now();
    let mut phone = connect(&link).await;
    ask(&mut phone).await.unwrap();
    // Two round trips, and 150 bytes at 30 kbit/s.
    assert!(start.elapsed() >= Duration::from_millis(1_240).mul_f64(scale), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_link_that_is_down_closes_and_refuses_until_it_is_up() {
    let (target, heard) = server().await;
    let link = Link::start(target, LinkProfile::clean());
    let mut phone = connect(&link).await;
    ask(&mut phone).await.unwrap();
    link.down();
    assert!(ask(&mut phone).await.is_err());
    assert!(ask(&mut connect(&link).await).await.is_err());
    link.up();
    ask(&mut connect(&link).await).await.unwrap();
    assert_eq!((heard.load(Ordering::SeqCst), link.connections()), (2, 2));
}

#[tokio::test]
async fn a_dropped_answer_is_of_a_request_that_arrived() {
    let (target, heard) = server().await;
    let link = Link::start(target, LinkProfile::clean().cut_response(1.0));
    assert!(ask(&mut connect(&link).await).await.is_err());
    until(|| link.cuts() == 1).await;
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_repeated_request_arrives_twice_and_is_answered_once() {
    let (target, heard) = server().await;
    let link = Link::start(target, LinkProfile::clean().repeat(1.0).time_scale(0.001));
    let mut phone = connect(&link).await;
    ask(&mut phone).await.unwrap();
    ask(&mut phone).await.unwrap();
    until(|| link.repeats() == 2).await;
    assert_eq!((heard.load(Ordering::SeqCst), link.bytes_down(), link.connections()), (4, 100, 1));
}

#[tokio::test]
async fn a_cut_falls_within_the_first_bytes() {
    let (target, _) = server().await;
    let link = Link::start(target, LinkProfile::clean().cut(1.0));
    let mut phone = connect(&link).await;
    let mut asked = 0;
    while ask(&mut phone).await.is_ok() {
        asked += 1;
    }
    assert!(asked <= 2_000 / 150);
    until(|| link.cuts() == 1).await;
}

#[tokio::test]
async fn a_link_can_lead_to_another_server() {
    let ((first, _), (second, heard)) = (server().await, server().await);
    let link = Link::start(first, LinkProfile::clean());
    link.set_target(second);
    ask(&mut connect(&link).await).await.unwrap();
    assert_eq!(heard.load(Ordering::SeqCst), 1);
}

#[test]
fn the_same_seed_has_the_same_fate_and_the_promised_odds() {
    let fates = |seed| {
        let profile = LinkProfile::kenya_2g().seed(seed);
        (0..20_000).map(|number| Fate::of(number, &profile).cut_after).collect::<Vec<_>>()
    };
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
    let cuts = fates(1).iter().flatten().count();
    assert!((60..=140).contains(&cuts), "0.5 % of 20,000 is 100, not {cuts}");
}

#[test]
fn three_chunks_in_a_hundred_wait_one_second_or_more() {
    let profile = LinkProfile::kenya_2g();
    let mut rng = StdRng::seed_from_u64(3);
    let waits: Vec<_> = (0..20_000).map(|_| retransmission(&mut rng, &profile)).filter(|wait| !wait.is_zero()).collect();
    assert!((500..=700).contains(&waits.len()), "{}", waits.len());
    assert!(waits.contains(&Duration::from_secs(1)) && waits.contains(&Duration::from_secs(3)));
}
