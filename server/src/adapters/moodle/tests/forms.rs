//! The bodies of requests: brackets, percent signs, and never more than the site reads.

use proptest::prelude::*;

use super::super::form::{FIXED_VARS, Form, items};
use super::TOKEN;

#[test]
fn the_worked_example_of_an_enrolment_is_written_as_documented() {
    let form = Form::new("enrol_manual_enrol_users")
        .with("enrolments[0][roleid]", 5)
        .with("enrolments[0][userid]", 5)
        .with("enrolments[0][courseid]", 2)
        .with("enrolments[0][timestart]", 1_704_067_200)
        .with("enrolments[0][timeend]", 0)
        .with_flag("enrolments[0][suspend]", false);
    let expected = "&wsfunction=enrol_manual_enrol_users&moodlewsrestformat=json&enrolments%5B0%5D%5Broleid%5D=5\
                    &enrolments%5B0%5D%5Buserid%5D=5&enrolments%5B0%5D%5Bcourseid%5D=2\
                    &enrolments%5B0%5D%5Btimestart%5D=1704067200&enrolments%5B0%5D%5Btimeend%5D=0&enrolments%5B0%5D%5Bsuspend%5D=0";
    assert_eq!(form.encode(TOKEN, 900).unwrap(), format!("wstoken={TOKEN}{expected}"));
}

#[test]
fn a_request_with_more_variables_than_the_site_reads_is_never_made() {
    let mut form = Form::new("f");
    for place in 0..(900 - FIXED_VARS) {
        form = form.with(format!("values[{place}]"), place);
    }
    assert_eq!((form.variables(), form.encode(TOKEN, 900).is_ok()), (900, true));
    let form = form.with("one[more]", 1);
    let error = form.encode(TOKEN, 900).unwrap_err();
    assert!(error.message.contains("max_vars") && !error.message.contains(TOKEN), "{}", error.message);
}

#[test]
fn debug_of_a_form_shows_no_value() {
    let shown = format!("{:?}", Form::new("f").with("values[0]", "amina@school.example"));
    assert!(!shown.contains("amina") && shown.contains("variables"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_encoded_is_read_back_whole(values in proptest::collection::vec(any::<String>(), 0..40)) {
        let mut form = Form::new("core_user_get_users_by_field");
        for (place, value) in values.iter().enumerate() {
            form = form.with(format!("values[{place}]"), value);
        }
        let body = form.encode(TOKEN, 900).unwrap();
        prop_assert!(body.bytes().all(|byte| byte.is_ascii_graphic()), "nothing but ASCII travels");
        let read: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        prop_assert_eq!(read.len(), form.variables());
        for (place, value) in values.iter().enumerate() {
            prop_assert_eq!(&read[FIXED_VARS + place], &(format!("values[{place}]"), value.clone()));
        }
    }

    #[test]
    fn a_part_of_a_list_always_fits(max in 40_usize..5_000, others in 0_usize..20, each in 1_usize..8) {
        let part = items(max, others, each);
        prop_assert!((1..=100).contains(&part));
        prop_assert!(FIXED_VARS + others + part * each <= max);
    }
}
