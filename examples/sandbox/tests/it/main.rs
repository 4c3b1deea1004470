//! The sandbox from outside: real HTTP to it, real webhooks from it.

#[cfg(test)]
mod control;
#[cfg(test)]
mod host;
#[cfg(test)]
mod mpesa;
#[cfg(test)]
mod push;
#[cfg(test)]
mod sms;
