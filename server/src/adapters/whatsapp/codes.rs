//! Meta's error codes and what each allows next. Pure.
//!
//! Decided on the code alone: the HTTP status is 400 even for limits, titles and sub-codes change. A code that is in no table is
//! unknown, never refused, unless the status says that the server failed.

use std::time::Duration;

/// What an error code allows next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// This message will never be taken.
    Refused,
    /// Nothing will be taken until the operator acts.
    Account,
    /// It was not taken now.
    Later(Option<Duration>),
    /// Nothing is taken for so long.
    Busy(Duration),
    /// Nobody knows.
    Unknown,
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The codes, their class and their meaning in our words: Meta's own may quote a number.
const CODES: &[(i64, Class, &str)] = &[
    (0, Class::Account, "the access token is not valid"),
    (190, Class::Account, "the access token is not valid or has ended"),
    (3, Class::Account, "the app lacks a capability"),
    (10, Class::Account, "the app lacks a permission"),
    (131_005, Class::Account, "the app lacks a permission"),
    (1, Class::Unknown, "unknown error or bad request"),
    (2, Class::Later(None), "temporary outage"),
    (4, Class::Busy(secs(120)), "the app's limit of calls is reached"),
    (80_007, Class::Busy(secs(120)), "the business account's limit of calls is reached"),
    (33, Class::Refused, "an id in the request does not exist"),
    (100, Class::Refused, "a parameter is not valid"),
    (368, Class::Account, "blocked for breaking a policy"),
    (131_031, Class::Account, "the account is locked"),
    (130_429, Class::Busy(secs(2)), "too many messages a second"),
    (131_048, Class::Refused, "the number is restricted for spam or low quality"),
    (131_056, Class::Later(Some(secs(6))), "too many messages to the same person"),
    (131_064, Class::Refused, "limited for wrongly classified templates"),
    (130_497, Class::Refused, "no messages are allowed to that country"),
    (130_472, Class::Refused, "the person is in an experiment of Meta"),
    (131_000, Class::Later(None), "unknown error at Meta"),
    (131_016, Class::Later(None), "the service is not available"),
    (131_008, Class::Refused, "a parameter is missing"),
    (131_009, Class::Refused, "a parameter's value is not valid"),
    (131_021, Class::Refused, "sender and recipient are the same"),
    (131_026, Class::Refused, "undeliverable: not on WhatsApp, an old app, or its terms are not accepted"),
    (131_030, Class::Refused, "the recipient is not among the test number's five"),
    (131_037, Class::Account, "the display name is not approved"),
    (131_042, Class::Account, "the account cannot pay"),
    (131_044, Class::Account, "the account cannot pay"),
    (131_045, Class::Account, "the number is not registered"),
    (133_010, Class::Account, "the number is not registered"),
    (131_047, Class::Refused, "more than 24 hours since the person wrote: send a template"),
    (131_049, Class::Refused, "not delivered to keep the person's messages few; not again for a day"),
    (131_050, Class::Refused, "the person has stopped marketing messages"),
    (131_051, Class::Refused, "the message's type is not supported"),
    (131_052, Class::Refused, "the media could not be fetched"),
    (131_053, Class::Refused, "the media could not be uploaded"),
    (131_057, Class::Busy(secs(60)), "the account is under maintenance"),
    (131_062, Class::Refused, "this kind of recipient is not supported"),
    (131_063, Class::Refused, "marketing templates are switched off"),
    (132_000, Class::Refused, "the template takes another number of parameters"),
    (132_001, Class::Refused, "there is no approved template of this name and language"),
    (132_005, Class::Refused, "the template is too long once filled in"),
    (132_007, Class::Refused, "the template breaks a policy"),
    (132_008, Class::Refused, "a template parameter's value is not allowed"),
    (132_012, Class::Refused, "a template parameter has the wrong format"),
    (132_015, Class::Refused, "the template is paused"),
    (132_016, Class::Refused, "the template is disabled"),
    (132_021, Class::Refused, "the template's name clashes"),
    (132_068, Class::Refused, "the flow is blocked"),
    (132_069, Class::Later(Some(secs(3_600))), "the flow is throttled"),
    (135_000, Class::Unknown, "unknown error"),
    (137_000, Class::Refused, "the person's identity key has changed"),
    (139_200, Class::Refused, "direct sending is blocked"),
];

/// The class of a code, and its meaning.
pub(super) fn class(code: i64, status: u16) -> (Class, &'static str) {
    if let Some((_, class, meaning)) = CODES.iter().find(|(known, ..)| *known == code) {
        return (*class, meaning);
    }
    match code {
        200..=299 => (Class::Account, "the app lacks a permission"),
        _ if status >= 500 => (Class::Later(None), "the provider failed"),
        _ => (Class::Unknown, "a code that is in no table"),
    }
}
