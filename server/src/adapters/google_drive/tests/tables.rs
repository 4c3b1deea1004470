//! Every row of the tables: errors, sessions, names.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tarishi_protocol::Code;

use super::super::super::{Disposition, contract::Stage};
use super::super::{
    config, errors,
    session::{self, Stands},
    wire,
};
use super::{http, list, settings, upload, whole};

fn error(reason: &str) -> String {
    include_str!("../fixtures/error.json").replace("REASON", reason)
}

#[test]
fn every_error_of_the_table_allows_what_it_says() {
    use Disposition::{Ambiguous, Misconfigured, RateLimited, Rejected, Transient, Unauthorized};
    let rows: &[(u16, &str, Disposition)] = &[
        (400, "badRequest", Rejected),
        (400, "invalidParameter", Rejected),
        (401, "authError", Unauthorized),
        (403, "rateLimitExceeded", RateLimited),
        (403, "userRateLimitExceeded", RateLimited),
        (403, "sharingRateLimitExceeded", RateLimited),
        (403, "dailyLimitExceeded", RateLimited),
        (403, "downloadQuotaExceeded", RateLimited),
        (403, "storageQuotaExceeded", Rejected),
        (403, "quotaExceeded", Rejected),
        (403, "teamDriveFileLimitExceeded", Rejected),
        (403, "numChildrenInNonRootLimitExceeded", Rejected),
        (403, "activeItemCreationLimitExceeded", Rejected),
        (403, "teamDriveHierarchyTooDeep", Rejected),
        (403, "insufficientFilePermissions", Rejected),
        (403, "insufficientParentPermissions", Rejected),
        (403, "appNotAuthorizedToFile", Rejected),
        (403, "domainPolicy", Rejected),
        (403, "forbidden", Rejected),
        (403, "insufficientPermissions", Misconfigured),
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", Misconfigured),
        (403, "accessNotConfigured", Misconfigured),
        (403, "fileNotDownloadable", Rejected),
        (403, "exportSizeLimitExceeded", Rejected),
        (403, "cannotDownloadAbusiveFile", Rejected),
        (403, "parentNotAFolder", Transient),
        (403, "aNewReason", Rejected),
        (404, "notFound", Rejected),
        (409, "fileIdInUse", Rejected),
        (412, "conditionNotMet", Rejected),
        (416, "requestedRangeNotSatisfiable", Rejected),
        (408, "x", Ambiguous),
        (429, "x", RateLimited),
        (500, "backendError", Ambiguous),
        (502, "x", Ambiguous),
        (503, "x", Ambiguous),
        (504, "x", Ambiguous),
        (302, "x", Ambiguous),
        (418, "x", Ambiguous),
    ];
    for (status, reason, disposition) in rows {
        let read = errors::read(&http(*status, &error(reason)));
        assert_eq!((read.disposition, read.code.as_deref()), (*disposition, Some(*reason)), "{status} {reason}");
        assert!(!read.message.contains("a text"), "the provider's text is not passed on");
    }
    assert_eq!(errors::read(&http(403, "<html>")).disposition, Rejected, "Google's own client does not retry it either");
    assert_eq!(errors::read(&http(404, "")).problem, Some(Code::NotFound));
    assert_eq!(errors::read(&http(403, &error("dailyLimitExceeded"))).retry_after.unwrap().as_secs(), 3_600);
}

#[test]
fn the_reason_is_looked_for_in_the_order_of_google_s_client() {
    let code = |body: &str| errors::read(&http(403, body)).code;
    let all = r#"{"error":{"errors":[{"reason":"first"}],"details":[{},{"reason":"SECOND"}],"status":"THIRD"}}"#;
    assert_eq!(code(all).as_deref(), Some("first"));
    assert_eq!(code(&all.replace("errors", "x")).as_deref(), Some("SECOND"));
    assert_eq!(code(&all.replace("errors", "x").replace("details", "y")).as_deref(), Some("THIRD"));
    assert_eq!(code(r#"{"error":{"status":"a text, not a word"}}"#), None);
    assert_eq!(code(r#"{"error":"x"}"#), None);
}

#[test]
fn a_refusal_says_nothing_of_what_was_done_before() {
    for (status, reason, wanted) in [
        (403, "forbidden", Disposition::Ambiguous),
        (403, "accessNotConfigured", Disposition::Ambiguous),
        (403, "rateLimitExceeded", Disposition::RateLimited),
        (401, "authError", Disposition::Unauthorized),
        (500, "backendError", Disposition::Ambiguous),
    ] {
        assert_eq!(errors::in_doubt(errors::read(&http(status, &error(reason)))).disposition, wanted, "{reason}");
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn a_session_s_answers_are_read() {
    let wants = |from, moved: Option<&str>| Stands::Wants { from, moved: moved.map(str::to_owned) };
    let read = |status, pairs: &[(&'static str, &str)], body: &str| session::read(&http(status, body), &headers(pairs));
    assert_eq!(read(308, &[("range", "bytes=0-786431")], "").unwrap(), wants(786_432, None));
    assert_eq!(read(308, &[("range", "0-41")], "").unwrap(), wants(42, None));
    assert_eq!(read(308, &[], "").unwrap(), wants(0, None));
    assert_eq!(
        read(308, &[("location", "https://x.googleapis.com/u")], "").unwrap(),
        wants(0, Some("https://x.googleapis.com/u"))
    );
    for status in [200, 201] {
        assert!(matches!(read(status, &[], &whole("F1")).unwrap(), Stands::Whole(file) if file.id == "F1"));
        assert_eq!(read(status, &[], "{}").unwrap_err().disposition, Disposition::Ambiguous);
    }
    for status in [404, 410] {
        assert_eq!(read(status, &[], "").unwrap(), Stands::Gone);
    }
    for bad in ["bytes=1-5", "bytes=0-", "nonsense", "bytes=0-18446744073709551615", "bytes=0--1"] {
        assert_eq!(read(308, &[("range", bad)], "").unwrap_err().disposition, Disposition::Ambiguous, "{bad}");
    }
    for (status, wanted) in [(500, Disposition::Ambiguous), (401, Disposition::Unauthorized), (429, Disposition::RateLimited)] {
        assert_eq!(read(status, &[], "").unwrap_err().disposition, wanted);
    }
}

#[test]
fn chunks_are_of_whole_units_but_for_the_last_and_an_empty_file_has_no_range() {
    let unit = config::CHUNK_UNIT;
    assert_eq!(session::next_chunk(0, 1_000_000, unit), (262_144, Some("bytes 0-262143/1000000".to_owned())));
    assert_eq!(session::next_chunk(786_432, 1_000_000, unit), (1_000_000, Some("bytes 786432-999999/1000000".to_owned())));
    assert_eq!(session::next_chunk(0, 5, unit), (5, Some("bytes 0-4/5".to_owned())));
    assert_eq!(session::next_chunk(0, 0, unit), (0, None));
    assert_eq!(session::question(5), "bytes */5");
}

#[test]
fn our_token_goes_to_no_stranger() {
    let base = "http://127.0.0.1:9/google_drive";
    for good in ["http://127.0.0.1:9/upload?upload_id=1", "https://www.googleapis.com/upload"] {
        assert!(session::is_trusted(good, base), "{good}");
    }
    for bad in [
        "http://127.0.0.1:8/upload",
        "https://127.0.0.1:9/x",
        "http://www.googleapis.com/upload",
        "https://evilgoogleapis.com/",
        "https://www.googleapis.com.evil.org/",
        "/upload",
        "",
    ] {
        assert!(!session::is_trusted(bad, base), "{bad}");
    }
}

#[test]
fn a_session_s_address_opens_for_its_own_effect_alone() {
    let stage = Stage::new(upload("a"), settings());
    let call = stage.call("upload");
    let sealed = session::seal(&call, "https://x/upload?upload_id=secret").unwrap();
    assert!(!sealed.contains("secret"));
    assert_eq!(session::open(&call, &sealed).as_deref(), Some("https://x/upload?upload_id=secret"));
    assert_eq!(session::open(&super::super::Call { effect_key: "another", ..call }, &sealed), None);
    for bad in ["", "gone", "AAAA", &sealed[1..]] {
        assert_eq!(session::open(&call, bad), None);
    }
}

#[test]
fn names_are_quoted_and_the_shared_drive_is_named_in_full() {
    let mut settings = settings();
    let query = |settings: &super::Settings| {
        let config = config::Config::read(settings).unwrap();
        wire::find_folder(&config, config.root, "O'Neil\\s").into_iter().collect::<std::collections::BTreeMap<_, _>>()
    };
    let mine = query(&settings);
    let q =
        "'root' in parents and name = 'O\\'Neil\\\\s' and mimeType = 'application/vnd.google-apps.folder' and trashed = false";
    assert_eq!((mine["q"].as_str(), mine["fields"].as_str()), (q, "nextPageToken,incompleteSearch,files(id,name,createdTime)"));
    assert!(!mine.contains_key("corpora"));
    settings.0.insert("shared_drive_id".to_owned(), "0ADrive".to_owned());
    let shared = query(&settings);
    for (name, value) in
        [("corpora", "drive"), ("driveId", "0ADrive"), ("includeItemsFromAllDrives", "true"), ("supportsAllDrives", "true")]
    {
        assert_eq!(shared[name], value);
    }
    assert!(shared["q"].starts_with("'0ADrive' in parents"));
}

#[test]
fn of_twins_everybody_takes_the_same() {
    let page = |files: &str| wire::read_page(&http(200, &format!(r#"{{"files":[{files}]}}"#))).unwrap();
    let file =
        |id: &str, name: &str, at: &str| format!(r#"{{"id":"{id}","name":"{name}","createdTime":"2026-01-0{at}T00:00:00Z"}}"#);
    let twins = [file("C", "a", "2"), file("B", "a", "1"), file("A", "a", "1"), file("0", "A", "0")].join(",");
    assert_eq!(wire::eldest(&page(&twins), "a").as_deref(), Some("A"));
    assert_eq!(wire::newest_first(page(&twins), "a"), ["C", "B", "A"]);
    assert_eq!(wire::eldest(&page(""), "a"), None);
}

#[test]
fn settings_that_do_not_work_are_named() {
    for (name, bad) in [
        ("upload_chunk_bytes", "1"),
        ("upload_chunk_bytes", "0"),
        ("upload_chunk_bytes", "x"),
        ("scope", "drive.everything"),
        ("root_folder_id", "a'b"),
        ("shared_drive_id", "../x"),
        ("base_url", "http://example.org"),
        ("token_url", "ftp://x"),
        ("auth_url", "x"),
        ("revoke_url", "http://example.org"),
    ] {
        let error = config::check(&settings().with(name, bad)).unwrap_err();
        assert_eq!(error.disposition, Disposition::Misconfigured);
        assert!(error.message.contains(name), "{}", error.message);
    }
    let oauth = config::oauth(&settings()).unwrap();
    assert_eq!(oauth.scopes, ["https://www.googleapis.com/auth/drive.file"]);
    assert!(
        oauth.authorize_params.contains(&("access_type", "offline")) && oauth.authorize_params.contains(&("prompt", "consent"))
    );
    assert!(!format!("{oauth:?}").contains("very-secret"));
}

#[test]
fn a_path_is_of_plain_names() {
    assert_eq!(wire::split("reports/2024/a b.pdf").unwrap(), (vec!["reports", "2024"], "a b.pdf"));
    assert_eq!(wire::split("a").unwrap(), (vec![], "a"));
    for bad in ["", "/a", "a/", "a//b", "../a", "a/./b", "a\\b", "a\nb"] {
        assert_eq!(wire::split(bad).unwrap_err().problem, Some(Code::InvalidPath), "{bad:?}");
    }
    assert!(wire::parts("").unwrap().is_empty());
    let _ = list("", None, None);
    for (asked, sent) in [
        (Some("text/plain"), "text/plain"),
        (None, "application/octet-stream"),
        (Some("a/b\r\nx: y"), "application/octet-stream"),
    ] {
        assert_eq!(wire::content_type(asked), sent);
    }
}
