//! When a person is not to be disturbed: by the clock on their wall, over midnight, over a change to summer time. Pure.

use chrono::{DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tarishi_protocol::{Code, Problem};

use crate::store::Ms;

/// The zone of people and routes that name none.
pub const ZONE_DEFAULT: &str = "Africa/Nairobi";
/// The last moment that is reckoned with: the end of the year 9999.
const MOMENT_MAX: Ms = 253_402_300_799_999;
/// Minutes after a time that a clock leaps over in which it goes on: a day, which Samoa once left out, and an hour.
const LEAP_MINUTES_MAX: i64 = 25 * 60;

/// What quiet hours do to a notification.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiet {
    /// It waits for their end; its deadline waits with it.
    #[default]
    Defer,
    /// It is not sent.
    Drop,
    /// It is sent all the same.
    Bypass,
}

/// When a person is not to be disturbed.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// The first quiet minute, `HH:MM` on a clock of 24 hours.
    #[serde(default = "evening")]
    pub from: String,
    /// The first minute that is quiet no more; before `from`, it is that of the next day.
    #[serde(default = "morning")]
    pub until: String,
    /// What they do.
    #[serde(default)]
    pub rule: Quiet,
    /// The IANA name of the time zone of people whose own is not known; Africa/Nairobi if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

fn evening() -> String {
    "21:00".to_owned()
}

fn morning() -> String {
    "06:30".to_owned()
}

impl Default for QuietHours {
    fn default() -> Self {
        Self { from: evening(), until: morning(), rule: Quiet::default(), time_zone: None }
    }
}

/// Is it the IANA name of a time zone?
#[must_use]
pub fn is_zone(name: &str) -> bool {
    name.parse::<Tz>().is_ok()
}

impl QuietHours {
    /// Checks what a route says of them.
    ///
    /// # Errors
    /// Names the field that cannot be.
    pub fn check(&self) -> Result<(), Problem> {
        let invalid =
            |name: &str, detail: &str| Err(Problem::new(Code::InvalidValue, detail).with_field(format!("quiet_hours.{name}")));
        const SHAPE: &str = "must be a time from 00:00 to 23:59";
        let Some(from) = clock(&self.from) else { return invalid("from", SHAPE) };
        let Some(until) = clock(&self.until) else { return invalid("until", SHAPE) };
        if from == until {
            return invalid("until", "must be another time than from");
        }
        if self.time_zone.as_deref().is_some_and(|zone| !is_zone(zone)) {
            return invalid("time_zone", "must be the IANA name of a time zone, such as Africa/Nairobi");
        }
        Ok(())
    }

    /// The moment at which the quiet hours that hold at `now` end, whatever their rule; none outside them.
    ///
    /// `zone` is the person's own; one that is unknown counts as none. A clock that is set back within quiet hours does not
    /// interrupt them, and an end that a clock leaps over is where it goes on.
    #[must_use]
    pub fn ends(&self, zone: Option<&str>, now: Ms) -> Option<Ms> {
        let zone = self.zone(zone);
        let (from, until) = (clock(&self.from)?, clock(&self.until)?);
        let wall = on_the_wall(zone, now)?;
        let day = day_of_end(wall, from, until)?;
        let end = moment(zone, day.and_time(until), now)?;
        // Where a clock leaps over the end, it may go on within the quiet hours of another day.
        Some(self.ends(Some(zone.name()), end).unwrap_or(end))
    }

    fn zone(&self, own: Option<&str>) -> Tz {
        let known = |name: &str| name.parse::<Tz>().ok();
        own.and_then(known).or_else(|| self.time_zone.as_deref().and_then(known)).unwrap_or(Tz::Africa__Nairobi)
    }
}

/// Reads `HH:MM`.
fn clock(text: &str) -> Option<NaiveTime> {
    let (hours, minutes) = text.split_once(':')?;
    let number =
        |part: &str| (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse().ok()).flatten();
    NaiveTime::from_hms_opt(number(hours)?, number(minutes)?, 0)
}

/// What the clock on the wall shows.
fn on_the_wall(zone: Tz, now: Ms) -> Option<NaiveDateTime> {
    let now = DateTime::from_timestamp_millis(now).filter(|_| (0..=MOMENT_MAX).contains(&now))?.naive_utc();
    let east = zone.offset_from_utc_datetime(&now).fix().local_minus_utc();
    now.checked_add_signed(TimeDelta::seconds(east.into()))
}

/// The day on which the quiet hours end that hold at this time; none if none hold.
fn day_of_end(wall: NaiveDateTime, from: NaiveTime, until: NaiveTime) -> Option<NaiveDate> {
    let (day, time) = (wall.date(), wall.time());
    if from < until {
        return (from <= time && time < until).then_some(day);
    }
    if from > until && time >= from {
        return day.checked_add_days(Days::new(1));
    }
    (from > until && time < until).then_some(day)
}

/// The first moment after `now` at which the clock on the wall shows this, or has leapt over it.
fn moment(zone: Tz, wall: NaiveDateTime, now: Ms) -> Option<Ms> {
    (0..=LEAP_MINUTES_MAX).find_map(|minutes| {
        let wall = wall.checked_add_signed(TimeDelta::minutes(minutes))?;
        let found = match zone.from_local_datetime(&wall) {
            LocalResult::Single(one) => [Some(one), None],
            LocalResult::Ambiguous(first, second) => [Some(first), Some(second)],
            LocalResult::None => [None, None],
        };
        found.into_iter().flatten().map(|moment| moment.timestamp_millis()).find(|moment| *moment > now)
    })
}

#[cfg(test)]
mod tests {
    use chrono::Timelike as _;
    use proptest::prelude::*;

    use super::*;

    const CAIRO: Option<&str> = Some("Africa/Cairo");

    fn quiet(from: &str, until: &str) -> QuietHours {
        QuietHours { from: from.to_owned(), until: until.to_owned(), ..QuietHours::default() }
    }

    fn at(moment: &str) -> Ms {
        DateTime::parse_from_rfc3339(moment).unwrap().timestamp_millis()
    }

    fn ends(quiet: &QuietHours, zone: Option<&str>, now: &str) -> Option<String> {
        let end = quiet.ends(zone, at(now))?;
        Some(DateTime::from_timestamp_millis(end).unwrap().format("%Y-%m-%dT%H:%MZ").to_string())
    }

    #[test]
    fn they_wrap_midnight_and_hold_from_their_first_minute_until_before_their_last() {
        let night = quiet("21:00", "06:30");
        for (now, end) in [
            ("2026-03-10T20:59:59.999+03:00", None),
            ("2026-03-10T21:00:00+03:00", Some("2026-03-11T03:30Z")),
            ("2026-03-10T23:59:59+03:00", Some("2026-03-11T03:30Z")),
            ("2026-03-11T00:00:00+03:00", Some("2026-03-11T03:30Z")),
            ("2026-03-11T06:29:59.999+03:00", Some("2026-03-11T03:30Z")),
            ("2026-03-11T06:30:00+03:00", None),
            ("2026-12-31T22:00:00+03:00", Some("2027-01-01T03:30Z")),
        ] {
            assert_eq!(ends(&night, None, now).as_deref(), end, "{now}");
        }
    }

    #[test]
    fn they_may_lie_within_a_day_or_end_at_midnight() {
        let lessons = quiet("08:00", "16:00");
        assert_eq!(ends(&lessons, None, "2026-03-10T07:59:59+03:00"), None);
        assert_eq!(ends(&lessons, None, "2026-03-10T08:00:00+03:00").as_deref(), Some("2026-03-10T13:00Z"));
        assert_eq!(ends(&lessons, None, "2026-03-10T16:00:00+03:00"), None);
        let evening = quiet("22:00", "00:00");
        assert_eq!(ends(&evening, None, "2026-03-10T23:00:00+03:00").as_deref(), Some("2026-03-10T21:00Z"));
        assert_eq!(ends(&evening, None, "2026-03-11T00:00:00+03:00"), None);
    }

    #[test]
    fn the_person_s_zone_goes_before_the_route_s_and_that_before_nairobi() {
        let now = "2026-01-10T18:30:00Z";
        let lagos = QuietHours { time_zone: Some("Africa/Lagos".to_owned()), ..quiet("21:00", "06:30") };
        assert_eq!(ends(&quiet("21:00", "06:30"), None, now).as_deref(), Some("2026-01-11T03:30Z"));
        assert_eq!(ends(&lagos, None, now), None);
        assert_eq!(ends(&lagos, Some("Africa/Nairobi"), now).as_deref(), Some("2026-01-11T03:30Z"));
        assert_eq!(ends(&lagos, Some("Mars/Olympus"), now), None);
        assert!(is_zone(ZONE_DEFAULT) && !is_zone("Mars/Olympus") && !is_zone(""));
    }

    // Cairo, 2026: at 00:00 on 24 April clocks go on to 01:00; at 24:00 on 29 October they go back to 23:00.

    #[test]
    fn a_night_in_which_the_clock_is_set_is_an_hour_shorter_or_longer() {
        let night = quiet("21:00", "06:30");
        assert_eq!(ends(&night, CAIRO, "2026-04-23T20:00:00Z").as_deref(), Some("2026-04-24T03:30Z"));
        assert_eq!(ends(&night, CAIRO, "2026-10-29T20:00:00Z").as_deref(), Some("2026-10-30T04:30Z"));
    }

    #[test]
    fn an_end_that_the_clock_leaps_over_is_where_it_goes_on() {
        let evening = quiet("21:00", "00:30");
        assert_eq!(ends(&evening, CAIRO, "2026-04-23T21:59:59Z").as_deref(), Some("2026-04-23T22:00Z"));
        assert_eq!(ends(&evening, CAIRO, "2026-04-23T22:00:00Z"), None);
        // Samoa had no 30 December 2011: the night that would have ended on it goes on until the next morning.
        let night = quiet("21:00", "06:30");
        let apia = Some("Pacific/Apia");
        assert_eq!(ends(&night, apia, "2011-12-30T08:00:00Z").as_deref(), Some("2011-12-30T16:30Z"));
    }

    #[test]
    fn an_end_that_comes_twice_is_the_first_one_still_to_come() {
        let evening = quiet("20:00", "23:30");
        assert_eq!(ends(&evening, CAIRO, "2026-10-29T20:10:00Z").as_deref(), Some("2026-10-29T20:30Z"));
        assert_eq!(ends(&evening, CAIRO, "2026-10-29T20:40:00Z"), None);
        assert_eq!(ends(&evening, CAIRO, "2026-10-29T21:10:00Z").as_deref(), Some("2026-10-29T21:30Z"));
    }

    #[test]
    fn what_cannot_be_is_named() {
        let field = |quiet: &QuietHours| quiet.check().unwrap_err().field.unwrap();
        for bad in ["", "24:00", "21:60", "9:00", "21:00:00", "+1:00", "21.00", "ab:cd", "２１:00"] {
            assert_eq!(field(&quiet(bad, "06:30")), "quiet_hours.from", "{bad}");
            assert_eq!(field(&quiet("21:00", bad)), "quiet_hours.until", "{bad}");
            assert_eq!(ends(&quiet(bad, "06:30"), None, "2026-03-10T23:00:00Z"), None);
        }
        assert_eq!(field(&quiet("06:30", "06:30")), "quiet_hours.until");
        assert_eq!(ends(&quiet("06:30", "06:30"), None, "2026-03-10T03:30:00Z"), None);
        let zone = |name: &str| QuietHours { time_zone: Some(name.to_owned()), ..QuietHours::default() };
        assert_eq!(field(&zone("EAT")), "quiet_hours.time_zone");
        assert!(zone("Africa/Cairo").check().is_ok() && quiet("00:00", "23:59").check().is_ok());
    }

    #[test]
    fn what_is_not_said_is_the_night_and_to_wait() {
        let read = |text: &str| serde_json::from_str::<QuietHours>(text);
        assert_eq!(read("{}").unwrap(), quiet("21:00", "06:30"));
        assert_eq!(read(r#"{"rule":"drop"}"#).unwrap().rule, Quiet::Drop);
        assert!(read(r#"{"to":"06:30"}"#).is_err());
    }

    #[test]
    fn moments_outside_the_years_1970_to_9999_are_not_quiet() {
        let always = |now| quiet("00:01", "00:00").ends(Some("UTC"), now);
        assert!(always(60_000).is_some() && always(MOMENT_MAX).is_some());
        assert!([-1, MOMENT_MAX + 1, Ms::MIN, Ms::MAX].into_iter().all(|now| always(now).is_none()));
    }

    proptest! {
        #[test]
        fn an_end_lies_ahead_within_two_days_and_is_not_quiet(
            (from, until) in (0..1_440_u32, 0..1_440_u32),
            zone in proptest::sample::select(vec!["Africa/Nairobi", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu"]),
            now in 0..4_000_000_000_000_i64,
        ) {
            let hhmm = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
            let quiet = quiet(&hhmm(from), &hhmm(until));
            if let Some(end) = quiet.ends(Some(zone), now) {
                prop_assert!(now < end && end - now <= 2 * 86_400_000);
                prop_assert_eq!(quiet.ends(Some(zone), end), None);
                prop_assert_eq!(quiet.ends(Some(zone), end - 1), Some(end));
                let wall = on_the_wall(zone.parse().unwrap(), end).unwrap();
                prop_assert_eq!(wall.second(), 0);
            }
        }
    }
}
