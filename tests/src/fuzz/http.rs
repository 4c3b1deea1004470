//! A whole server: whatever comes in is answered, and never by a failure of the server's.

use std::rc::Rc;

use reqwest::{Method, StatusCode};
use tarishi_server::{
    Config, Server,
    app::DEFAULT_TENANT,
    config::{
        FLUTTERWAVE_WEBHOOK_TOKEN, MPESA_WEBHOOK_TOKEN, PESAPAL_WEBHOOK_TOKEN, SMS_WEBHOOK_TOKEN, WHATSAPP_WEBHOOK_TOKEN,
    },
    store::Grants,
};
use tokio::runtime::Runtime;

use super::Target;
use crate::harness::Result;

/// What all targets of the server share.
struct Host {
    runtime: Runtime,
    http: reqwest::Client,
    server: Server,
    device: String,
    key: String,
    _folder: tempfile::TempDir,
}

/// What of a request the input is.
#[derive(Clone, Copy)]
enum Part {
    Body,
    Packed,
    Query,
}

struct Route {
    host: Rc<Host>,
    name: String,
    method: Method,
    path: String,
    part: Part,
    samples: Vec<Vec<u8>>,
}

pub(super) fn all(requests: &[Vec<u8>]) -> Result<Vec<Box<dyn Target>>> {
    let host = Rc::new(host()?);
    let query = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let callback =
        query(&["state=abc&code=4%2F0Aabc&scope=a%20b&iss=https%3A%2F%2Faccounts.google.com", "error=access_denied&state=x"]);
    let pages = query(&["limit=50&cursor=AAAA", "limit=1&state=ready,failed&adapter=sms", "cursor=MQ&limit=500"]);
    let send = query(&[
        r#"{"to":"+254712345678","message":"Dear parent"}"#,
        r#"{"to":["+254712345678"],"message":"x","from":"SCHOOL"}"#,
    ]);
    let change =
        query(&[r#"{"settings":{"username":"u"},"credentials":{"api_key":"k"},"enabled":false}"#, r#"{"paused":["send"]}"#]);
    let mut all: Vec<Box<dyn Target>> = Vec::new();
    let mut add = |name: &str, method, path: &str, part, samples| {
        let host = Rc::clone(&host);
        let target = Route { host, name: format!("server: {name}"), method, path: path.to_owned(), part, samples };
        all.push(Box::new(target));
    };
    add("sync", Method::POST, "/api/v2/sync", Part::Body, requests.to_vec());
    add("sync, packed", Method::POST, "/api/v2/sync", Part::Packed, requests.to_vec());
    add("execute", Method::POST, "/api/v2/integrations/sms/send?wait_secs=0", Part::Body, send);
    add("settings", Method::PUT, "/api/v2/integrations/sms", Part::Body, change);
    add("return of a consent", Method::GET, "/api/v2/integrations/google_drive/oauth/callback", Part::Query, callback);
    add("operations", Method::GET, "/api/v2/operations", Part::Query, pages.clone());
    add("logs", Method::GET, "/api/v2/integrations/logs", Part::Query, pages.clone());
    add("events", Method::GET, "/api/v2/events", Part::Query, pages);
    for (adapter, token, rest) in [
        ("mpesa", MPESA_WEBHOOK_TOKEN, "/c"),
        ("sms", SMS_WEBHOOK_TOKEN, "/dlr"),
        ("whatsapp", WHATSAPP_WEBHOOK_TOKEN, ""),
        ("flutterwave", FLUTTERWAVE_WEBHOOK_TOKEN, ""),
        ("pesapal", PESAPAL_WEBHOOK_TOKEN, "/ipn"),
    ] {
        let samples = super::samples::fixtures(adapter, &["webhook", "callback", "paybill", "status"])?;
        add(&format!("webhook of {adapter}"), Method::POST, &format!("/h/{token}{rest}"), Part::Body, samples);
    }
    Ok(all)
}

#[expect(clippy::disallowed_methods, reason = "a stranger at the door")]
fn host() -> Result<Host> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let config = Config::for_tests(folder.path(), "http://127.0.0.1:9");
    let (server, device, key) = runtime.block_on(async {
        let server = Server::start(config).await?;
        let grants = |scope: &str| Grants {
            scopes: vec![scope.to_owned(), "admin".to_owned(), "logs:read".to_owned()],
            ..Grants::default()
        };
        let device = server.app().enrol(DEFAULT_TENANT, "amina", grants("*:*")).await?.1;
        let key = server.app().make_api_key(DEFAULT_TENANT, "office", grants("*:*")).await?;
        Ok::<_, crate::harness::Error>((server, device, key))
    })?;
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    Ok(Host { runtime, http, server, device, key, _folder: folder })
}

impl Target for Route {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn samples(&self) -> &[Vec<u8>] {
        &self.samples
    }

    fn read(&mut self, input: &[u8]) -> std::result::Result<(), String> {
        let host = &self.host;
        let mut url = format!("{}{}", host.server.url(), self.path);
        if matches!(self.part, Part::Query) {
            // As it is, but for what ends a line of HTTP.
            let plain = |byte: &u8| {
                if byte.is_ascii_graphic() && *byte != b'#' { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
            };
            url.push('?');
            url.extend(input.iter().map(plain));
        }
        let token = if self.path.ends_with("/sync") { &host.device } else { &host.key };
        let request = host.http.request(self.method.clone(), url).header("Idempotency-Key", "fuzz");
        let request = if self.path.starts_with("/h/") { request } else { request.bearer_auth(token) };
        let request = match self.part {
            Part::Body => request.body(input.to_vec()),
            Part::Packed => request.header("Content-Encoding", "gzip").body(tarishi_protocol::codec::gzip(input)),
            Part::Query => request,
        };
        let answered = host.runtime.block_on(async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
        });
        let (status, body) = answered.map_err(|error| format!("not answered: {error:?}"))?;
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            return Err(format!("answered by {status}"));
        }
        let is_problem = serde_json::from_slice::<serde_json::Value>(&body).is_ok_and(|body| body["code"].is_string());
        if status.is_client_error() && !is_problem { Err(format!("{status} without a problem")) } else { Ok(()) }
    }
}
