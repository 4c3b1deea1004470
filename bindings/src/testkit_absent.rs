//! What stands for the test kit's server in a library that is shipped: 100 KB less on every phone, and no way to talk an app
//! into a server that is none.

use tarishi_protocol::{Code, Problem};

#[derive(Debug)]
pub(crate) struct ScriptedServer;

impl ScriptedServer {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn script(&self, _steps: &str) -> Result<(), Problem> {
        Err(self.absent())
    }

    pub(crate) fn requests(&self) -> String {
        "[]".to_owned()
    }

    pub(crate) fn set_unreachable(&self, _unreachable: bool) {}

    pub(crate) fn set_tokens(&self, _tokens: Option<Vec<String>>) {}

    pub(crate) fn absent(&self) -> Problem {
        Problem::new(Code::InvalidValue, "this library was built without its test kit").with_field("server")
    }
}
