//! Does the whole keep its promises? Real servers, real files, simulated providers with a ledger, and bad networks.

mod crash;
mod import;
mod scenario_files;
mod scenarios;
mod simulation;
mod watch;
