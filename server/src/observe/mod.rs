//! What an operator sees from outside: metrics and logs.

mod logging;
mod metrics;

pub use self::{
    logging::{LogFormat, init as init_logging, init_into as init_logging_into},
    metrics::Metrics,
};
