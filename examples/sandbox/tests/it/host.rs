//! An organisation: a client of the providers, and a listener for their webhooks.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tarishi_sandbox::{Sandbox, SandboxOptions, credentials};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One webhook as it arrived.
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

pub(crate) struct Host {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    pub(crate) url: String,
    hooks: mpsc::UnboundedReceiver<Hook>,
}

pub(crate) fn quick() -> SandboxOptions {
    let soon = Duration::from_millis(5);
    SandboxOptions { mpesa_delay: soon, sms_delay: soon, ..SandboxOptions::default() }
}

#[expect(clippy::disallowed_methods, reason = "the one client of these tests")]
fn client() -> Client {
    Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
}

impl Host {
    pub(crate) async fn new() -> Self {
        Self::with(quick()).await
    }

    pub(crate) async fn with(options: SandboxOptions) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, hooks) = mpsc::unbounded_channel();
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let body = String::from_utf8(body.to_vec()).unwrap();
            sender.send(Hook { path: uri.path().to_owned(), headers, body }).unwrap();
            StatusCode::OK
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { sandbox, client: client(), url, hooks }
    }

    /// The next webhook.
    pub(crate) async fn hook(&mut self) -> Hook {
        timeout(PATIENCE, self.hooks.recv()).await.expect("a webhook comes").unwrap()
    }

    pub(crate) fn no_hook(&mut self) -> bool {
        self.hooks.try_recv().is_err()
    }

    pub(crate) async fn control(&self, path: &str, body: &Value) -> Response {
        self.client.post(format!("{}/_sandbox/{path}", self.sandbox.url())).json(body).send().await.unwrap()
    }

    pub(crate) async fn token(&self) -> String {
        let answer: Value = self.token_request(credentials::MPESA_CONSUMER_SECRET).send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn token_request(&self, secret: &str) -> RequestBuilder {
        self.client
            .get(format!("{}/mpesa/oauth/v1/generate?grant_type=client_credentials", self.sandbox.url()))
            .basic_auth(credentials::MPESA_CONSUMER_KEY, Some(secret))
    }

    pub(crate) fn mpesa(&self, path: &str, token: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}/mpesa/mpesa/{path}", self.sandbox.url())).bearer_auth(token).json(body)
    }

    /// A correct charge.
    pub(crate) fn charge_body(&self, phone: &str, amount: u64) -> Value {
        let mut body = json!({
            "TransactionType": "CustomerPayBillOnline",
            "Amount": amount.to_string(),
            "PartyA": phone,
            "PartyB": credentials::MPESA_SHORTCODE,
            "PhoneNumber": phone,
            "CallBackURL": format!("{}/k/1/abc", self.url),
            "AccountReference": "7K3QX9M2RTBW",
            "TransactionDesc": "Order 4411",
        });
        sign(&mut body);
        body
    }

    pub(crate) async fn charge(&self, token: &str, phone: &str, amount: u64) -> Value {
        let body = self.charge_body(phone, amount);
        self.mpesa("stkpush/v1/processrequest", token, &body).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn query(&self, token: &str, charge: &Value) -> Value {
        let mut body = json!({ "CheckoutRequestID": charge["CheckoutRequestID"] });
        sign(&mut body);
        self.mpesa("stkpushquery/v1/query", token, &body).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) fn reversal_body(&self, receipt: &str, amount: u64) -> Value {
        json!({
            "Initiator": credentials::MPESA_INITIATOR,
            "SecurityCredential": credentials::MPESA_SECURITY_CREDENTIAL,
            "CommandID": "TransactionReversal",
            "TransactionID": receipt,
            "Amount": amount,
            "ReceiverParty": credentials::MPESA_SHORTCODE,
            "RecieverIdentifierType": "11",
            "ResultURL": format!("{}/k/2/result", self.url),
            "QueueTimeOutURL": format!("{}/k/2/timeout", self.url),
            "Remarks": "Returned goods",
        })
    }

    pub(crate) fn sms(&self, to: &str, text: &str) -> RequestBuilder {
        self.client
            .post(format!("{}/sms/version1/messaging", self.sandbox.url()))
            .header("apiKey", credentials::SMS_API_KEY)
            .form(&[("username", credentials::SMS_USERNAME), ("to", to), ("message", text), ("bulkSMSMode", "1")])
    }
}

/// Adds what proves the passkey.
pub(crate) fn sign(body: &mut Value) {
    let (shortcode, passkey) = (credentials::MPESA_SHORTCODE, credentials::MPESA_PASSKEY);
    let timestamp = "20261124101500";
    body["BusinessShortCode"] = shortcode.into();
    body["Timestamp"] = timestamp.into();
    body["Password"] = STANDARD.encode(format!("{shortcode}{passkey}{timestamp}")).into();
}

pub(crate) fn metadata(body: &Value, name: &str) -> Value {
    let items = body["Body"]["stkCallback"]["CallbackMetadata"]["Item"].as_array().unwrap();
    items.iter().find(|item| item["Name"] == name).unwrap()["Value"].clone()
}
