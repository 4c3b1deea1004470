use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tarishi_core::{
    Client, HttpTransport, Options, Tls, Transport, TransportError, TransportRequest,
    protocol::{Operation, SyncRequest, codec},
    transport::memory::friendly,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::sms;

/// Reads one request from a connection: head and body.
async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8_192];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            while bytes.len() < end + 4 + length {
                let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
                bytes.extend_from_slice(&chunk[..read]);
            }
            return Some((head, bytes[end + 4..].to_vec()));
        }
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A server that answers every request by a function of its head and body.
async fn serve(respond: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let respond = Arc::new(respond);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let respond = Arc::clone(&respond);
            tokio::spawn(async move {
                while let Some((head, body)) = read_request(&mut stream).await {
                    if stream.write_all(&respond(&head, &body)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

fn get(path: &str) -> TransportRequest {
    TransportRequest {
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn a_whole_sync_runs_over_real_http_compressed_both_ways() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let url = serve(move |head, body| {
        seen.lock().unwrap().push(head.to_owned());
        if head.starts_with("get /api/v2/devices/me ") {
            return answer("200 OK", "", br#"{"tenant":"t","device":"d","account":"acc_http","scopes":[]}"#);
        }
        let body = codec::decode(body.to_vec(), head.contains("content-encoding: gzip"), 1 << 20, 1 << 23).unwrap();
        let request: SyncRequest<Operation> = serde_json::from_slice(&body).unwrap();
        assert_eq!(request.account, "acc_http");
        let body = codec::encode(serde_json::to_vec(&friendly(&request)).unwrap());
        answer("200 OK", if body.gzip { "content-encoding: gzip\r\n" } else { "" }, &body.bytes)
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let client = Client::open(Options::new(folder.path().join("q.db"), format!("{url}/")).with_static_token("td_1")).unwrap();
    client.enqueue_many((0..100).map(|n| sms(&n.to_string())).collect()).await.unwrap();
    let report = client.sync(Duration::from_secs(20), None).await.unwrap();
    assert_eq!((report.accepted, report.complete), (100, true));
    assert!(report.bytes_up < 12_000, "{report:?}");
    let heads = heads.lock().unwrap();
    let post = heads.iter().find(|head| head.starts_with("post /api/v2/sync ")).unwrap();
    for line in
        ["authorization: bearer td_1", "content-encoding: gzip", "accept-encoding: gzip", "content-type: application/json"]
    {
        assert!(post.contains(line), "{line} in {post}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = serve(|_, _| panic!("followed")).await;
    let url = serve(move |_, _| answer("302 Found", &format!("location: {elsewhere}\r\n"), b"")).await;
    let transport = HttpTransport::new(&url, &Tls::default()).unwrap();
    assert_eq!(transport.send(get("/")).await.unwrap().status, 302);
}

#[tokio::test]
async fn a_refused_connection_is_unreachable_and_a_broken_one_is_interrupted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let transport = HttpTransport::new(&format!("http://{address}"), &Tls::default()).unwrap();
    let (result, ()) = tokio::join!(transport.send(get("/")), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        drop(stream);
    });
    assert_eq!(result.unwrap_err(), TransportError::Interrupted);
    drop(listener);
    assert_eq!(transport.send(get("/")).await.unwrap_err(), TransportError::Unreachable);
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_interrupted() {
    let url = serve(|_, _| b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nshort".to_vec()).await;
    // The server above keeps the connection: a time-out stands for the lost rest.
    let transport = HttpTransport::new(&url, &Tls::default()).unwrap();
    let error = transport.send(TransportRequest { timeout: Duration::from_millis(300), ..get("/") }).await.unwrap_err();
    assert!(matches!(error, TransportError::TimedOut | TransportError::Interrupted), "{error}");
}

#[tokio::test]
async fn an_endless_answer_stops_at_the_limit() {
    let url = serve(|_, _| answer("200 OK", "", &vec![b' '; 3 * 1024 * 1024])).await;
    let transport = HttpTransport::new(&url, &Tls::default()).unwrap();
    assert_eq!(transport.send(get("/")).await.unwrap_err(), TransportError::TooLarge);
}

/// A server that never answers `/held`; the paths that came, each with the number of its connection.
async fn holding() -> (String, Arc<Mutex<Vec<(String, usize)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let came: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let seen = Arc::clone(&came);
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            number += 1;
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                while let Some((head, _)) = read_request(&mut stream).await {
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    let is_held = path == "/held";
                    seen.lock().unwrap().push((path, number));
                    if !is_held && stream.write_all(&answer("200 OK", "", b"")).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, came)
}

/// Has a request held, and cuts it once it is there.
async fn hold_and_cut(transport: &HttpTransport, came: &Mutex<Vec<(String, usize)>>) {
    let held = || came.lock().unwrap().iter().filter(|(path, _)| path == "/held").count();
    let before = held();
    let there = async {
        while held() == before {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = transport.hold(get("/held")) => panic!("{answer:?}"),
        () = there => {}
    }
}

#[tokio::test]
async fn what_cuts_a_held_request_goes_by_the_connection_that_is_open_already() {
    let (url, came) = holding().await;
    let transport = HttpTransport::new(&url, &Tls::default()).unwrap();
    for _ in 0..3 {
        transport.send(get("/carries")).await.unwrap();
        hold_and_cut(&transport, &came).await;
    }
    transport.send(get("/carries")).await.unwrap();
    let came = came.lock().unwrap();
    let carrying: Vec<usize> = came.iter().filter(|(path, _)| path == "/carries").map(|(_, on)| *on).collect();
    assert_eq!(carrying, [1; 4], "one connection carried all");
}

#[tokio::test]
async fn a_connection_of_the_network_before_is_not_used_again() {
    let (url, came) = holding().await;
    let transport = HttpTransport::new(&url, &Tls::default()).unwrap();
    transport.send(get("/a")).await.unwrap();
    transport.send(get("/b")).await.unwrap();
    transport.network_changed();
    transport.send(get("/c")).await.unwrap();
    assert_eq!(*came.lock().unwrap(), [("/a".to_owned(), 1), ("/b".to_owned(), 1), ("/c".to_owned(), 2)]);
}
