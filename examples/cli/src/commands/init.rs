//! `init`: where this phone syncs, and as whom.

use clap::Args as ClapArgs;
use serde_json::json;

use crate::{
    exit::{Exit, Failure},
    phone::Phone,
    server::{SERVER, TOKEN},
};

/// Store the server and the device token; again for another token.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The companion server, like https://pay.example.org.
    #[arg(long, env = "TARISHI_SERVER", value_name = "URL")]
    server: String,
    /// The device token, as `tarishi-server device enrol` prints it.
    #[arg(long, env = "TARISHI_TOKEN", hide_env_values = true)]
    token: String,
}

/// The token stays out of logs.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("server", &self.server).finish_non_exhaustive()
    }
}

pub(crate) async fn run(args: Args, phone: &mut Phone) -> Result<Exit, Failure> {
    let server = server_url(&args.server).ok_or(Failure::ServerUrl)?;
    phone.client.store_value(SERVER, server).await?;
    phone.client.store_value(TOKEN, args.token.trim()).await?;
    phone.out.say(&json!({ "server": server }), &format!("this phone syncs with {server}"))?;
    Ok(Exit::Done)
}

/// The address without its last slash; `None` if it is none.
fn server_url(text: &str) -> Option<&str> {
    let url = text.trim().trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    (!host.is_empty() && !host.contains(char::is_whitespace)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_http_address() {
        assert_eq!(server_url("https://pay.example.org/"), Some("https://pay.example.org"));
        assert_eq!(server_url("http://127.0.0.1:8080"), Some("http://127.0.0.1:8080"));
        for bad in ["", "pay.example.org", "ftp://x", "https://", "http://a b"] {
            assert_eq!(server_url(bad), None, "{bad}");
        }
    }
}
