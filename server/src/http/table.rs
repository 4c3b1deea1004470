//! Routes that can be counted: the router does not tell what is in it.

use std::sync::Arc;

use axum::{Router, routing::MethodRouter};

use crate::app::App;

/// A router and the paths of its routes.
#[derive(Default)]
pub(super) struct Table {
    pub(super) router: Router<Arc<App>>,
    pub(super) paths: Vec<&'static str>,
}

impl Table {
    pub(super) fn route(mut self, path: &'static str, methods: MethodRouter<Arc<App>>) -> Self {
        self.router = self.router.route(path, methods);
        self.paths.push(path);
        self
    }
}
