//! The table of errors, the settings, the health check.

use serde_json::json;

use super::super::{
    super::{Disposition, http::HttpAnswer},
    FUNCTIONS,
    config::{Config, settle_after_or_default},
    judge_site,
    wire::{Stake, read, refusal},
};
use super::*;

const STAKES: [Stake; 3] = [Stake::Nothing, Stake::Repeatable, Stake::Once];

fn http(status: u16, retry_after: Option<u64>, body: &str) -> HttpAnswer {
    HttpAnswer { status, retry_after: retry_after.map(std::time::Duration::from_secs), body: body.as_bytes().to_vec() }
}

#[test]
fn every_error_code_allows_what_the_table_says() {
    use Disposition::{Ambiguous, Misconfigured, RateLimited, Rejected, Transient, Unsupported};
    let always = [
        ("sitemaintenance", RateLimited),
        ("invalidtoken", Misconfigured),
        ("accessexception", Misconfigured),
        ("wsaccessusersuspended", Misconfigured),
        ("wsaccessuserdeleted", Misconfigured),
        ("wsaccessuserunconfirmed", Misconfigured),
        ("wsaccessuserexpired", Misconfigured),
        ("wsaccessusernologin", Misconfigured),
        ("wsusercannotassign", Misconfigured),
        ("nopermissions", Misconfigured),
        ("requireloginerror", Misconfigured),
        ("invalidrecord", Unsupported),
        ("invalidrecordunknown", Unsupported),
        ("errorcoursecontextnotvalid", Rejected),
        ("errorcatcontextnotvalid", Rejected),
        ("invalidparameter", Rejected),
        ("errorinvalidparam", Rejected),
        ("codingerror", Rejected),
        ("shortnametaken", Rejected),
        ("courseidnumbertaken", Rejected),
        ("enddatebeforestartdate", Rejected),
        ("invaliduser", Rejected),
        ("wsnoinstance", Rejected),
        ("invalidcoursemodule", Rejected),
        ("nopermissiontoviewgrades", Rejected),
        ("notingroup", Rejected),
        ("never_heard_of", Rejected),
    ];
    for stake in STAKES {
        for (code, disposition) in always {
            let error = refusal(code, stake);
            assert_eq!((error.disposition, error.code.as_deref()), (disposition, Some(code)), "{code} {stake:?}");
            assert_eq!(error.retry_after.is_some(), code == "sitemaintenance");
        }
        for code in ["dmlreadexception", "dmlwriteexception", "dmltransactionexception"] {
            let expected = if stake == Stake::Once { Ambiguous } else { Transient };
            assert_eq!(refusal(code, stake).disposition, expected, "{code} {stake:?}");
        }
    }
}

#[test]
fn an_error_within_200_is_an_error_and_its_text_is_not_kept() {
    for exception in ["core\\exception\\moodle_exception", "moodle_exception"] {
        let body =
            json!({ "exception": exception, "errorcode": "shortnametaken", "message": "+254712000001", "debuginfo": "x" });
        let error = read(&http(200, None, &body.to_string()), Stake::Once).unwrap_err();
        assert_eq!((error.disposition, error.code.as_deref()), (Disposition::Rejected, Some("shortnametaken")));
        assert!(!error.message.contains("254712"));
    }
    let login = read(&http(200, None, r#"{"error":"x","errorcode":"invalidlogin"}"#), Stake::Once).unwrap_err();
    assert_eq!(login.code.as_deref(), Some("invalidlogin"));
    let odd = json!({ "exception": "e", "errorcode": format!("<b>{}</b>\n", "x".repeat(200)), "message": "" });
    let code = read(&http(200, None, &odd.to_string()), Stake::Once).unwrap_err().code.unwrap();
    assert!(code.len() == 64 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '/'), "{code}");
}

#[test]
fn an_answer_that_says_nothing_leaves_open_what_it_could_have_done() {
    let lost = |stake| if stake == Stake::Nothing { Disposition::Transient } else { Disposition::Ambiguous };
    for stake in STAKES {
        for (status, body) in [
            (200, ""),
            (200, "<html>Just a moment…</html>"),
            (200, "Coding error detected"),
            (200, r#"{"exception":"Error","message":"Call to a member function"}"#),
            (200, r#"{"exception":"Error","errorcode":null}"#),
            (500, "<html>"),
            (502, "<html>"),
            (504, "<html>"),
            (503, "<html>"),
        ] {
            assert_eq!(
                read(&http(status, None, body), stake).unwrap_err().disposition,
                lost(stake),
                "{status} {body} {stake:?}"
            );
        }
        let maintenance = read(&http(503, Some(300), "<html>"), stake).unwrap_err();
        let expected = if stake == Stake::Once { Disposition::Ambiguous } else { Disposition::RateLimited };
        assert_eq!((maintenance.disposition, maintenance.retry_after.map(|wait| wait.as_secs())), (expected, Some(300)));
        for (status, code) in [
            (403, None),
            (404, None),
            (401, None),
            (301, Some("MOODLE_BASE_URL_MISMATCH")),
            (303, Some("MOODLE_BASE_URL_MISMATCH")),
        ] {
            let error = read(&http(status, None, ""), stake).unwrap_err();
            assert_eq!((error.disposition, error.code.as_deref()), (Disposition::Misconfigured, code), "{status}");
        }
        assert_eq!(read(&http(429, None, ""), stake).unwrap_err().disposition, Disposition::RateLimited);
        assert_eq!(read(&http(200, None, "null"), stake).unwrap(), Value::Null);
    }
}

#[test]
fn settings_that_cannot_work_are_named() {
    for (name, value) in [
        ("base_url", "http://lms.school.example"),
        ("token", "a token"),
        ("student_role_id", "student"),
        ("role_ids", "teacher"),
        ("role_ids", "teacher=x"),
        ("default_category_id", "0"),
        ("user_field", "phone"),
        ("max_vars", "10"),
        ("max_vars", "many"),
        ("settle_after_ms", "soon"),
    ] {
        let error = Moodle::default().check_settings(&settings().with(name, value)).unwrap_err();
        assert!(error.message.contains(name.trim_end_matches("_ms")), "{name}: {}", error.message);
    }
    let settings = settings();
    let config = Config::read(&settings).unwrap();
    assert!(!format!("{config:?}").contains(TOKEN));
    assert_eq!((config.role(None), config.role(Some("student")), config.role(Some("teacher"))), (Some(5), Some(5), Some(4)));
    assert_eq!((config.role(Some("9")), config.role(Some("manager")), config.role(Some("-1"))), (Some(9), None, None));
    assert_eq!(settle_after_or_default(&settings).as_secs(), 180);
}

#[test]
fn health_says_what_is_wrong_with_the_site() {
    let functions: Vec<Value> = FUNCTIONS.iter().map(|name| json!({ "name": name })).collect();
    let ours = "https://lms.school.example/moodle";
    let info = |url: &str, functions: &[Value], admin: bool| json!({ "siteurl": url, "functions": functions, "userissiteadmin": admin });
    let judge = |info: Value| judge_site(&info, ours);
    assert!(!judge(info(ours, &functions, false)).unwrap().0);
    let (degraded, message) = judge(info(ours, &functions[1..], false)).unwrap();
    assert!(degraded && message.ends_with("core_course_create_courses"), "{message}");
    let (degraded, message) = judge(info(&format!("{ours}/"), &functions, true)).unwrap();
    assert!(degraded && message.contains("administrator"), "{message}");
    let error = judge(info("http://lms.school.example/moodle", &functions, false)).unwrap_err();
    assert_eq!((error.disposition, error.code.as_deref()), (Disposition::Misconfigured, Some("MOODLE_BASE_URL_MISMATCH")));
    assert!(judge(json!({})).is_err());
}

#[tokio::test]
async fn health_asks_once_and_shows_nobody_the_token() {
    let provider = Provider::start(vec![exception("invalidtoken")]).await;
    let stage = stage(Payload::Enroll(enroll()), provider.url());
    let health = Moodle::default().health(&stage.health()).await;
    assert!(!health.ok && !health.message.contains(TOKEN), "{}", health.message);
    let seen = provider.seen();
    assert_eq!((seen.len(), function(&seen[0]).as_str()), (1, "core_webservice_get_site_info"));
    assert_eq!((seen[0].path.as_str(), seen[0].query.as_str()), ("/webservice/rest/server.php", ""));
}
