use proptest::prelude::*;
use serde_json::json;
use tarishi_protocol::{Code, Problem, check_payload, limits};

use super::*;

fn read(texts: &Value) -> Texts {
    serde_json::from_value(texts.clone()).unwrap()
}

fn map(data: &Value) -> Map<String, Value> {
    data.as_object().unwrap().clone()
}

fn refused(texts: &Value) -> (String, String) {
    let problem = read(texts).check().expect_err(&texts.to_string());
    (problem.field.unwrap(), problem.detail)
}

fn field(texts: &Value) -> String {
    refused(texts).0
}

fn sms(text: &str) -> Value {
    json!({ "sms": { "en": { "text": text } } })
}

fn sent(text: &str, data: &Value) -> Result<Rendered, Problem> {
    read(&sms(text)).render(Channel::Sms, None, &map(data))
}

fn fees() -> Value {
    json!({
        "push": {
            "en": { "title": "Fees: {{ student.name }}", "body": "KES {{ sum }} received.", "data": { "screen": "fees", "id": "{{ id }}" } },
            "sw": { "title": "Ada: {{ student.name }}", "body": "KES {{ sum }} zimepokelewa." },
        },
        "whatsapp": {
            "en": { "template": "fees_received", "language": "en_US", "params": ["{{ student.name }}", "{{ sum }}"] },
            "sw": { "text": "KES {{ sum }} zimepokelewa{{ thanks|default('.') }}" },
        },
        "sms": { "en": { "text": "KES {{ sum }} for {{ student.name }}. Asante!" }, "sw-KE": { "text": "KES {{ sum }} – {{ student.name }}" } },
        "sample": { "student": { "name": "Amina" }, "sum": 1500, "id": "f-1" },
    })
}

#[test]
fn good_texts_pass_and_are_written_as_they_were_read() {
    let texts = read(&fees());
    assert_eq!(texts.check(), Ok(()));
    let mut written = fees();
    written["fallback_locale"] = json!("en");
    assert_eq!(serde_json::to_value(&texts).unwrap(), written);
    assert!(serde_json::from_value::<Texts>(json!({ "email": {} })).is_err());
    assert!(Channel::ALL.into_iter().all(|channel| texts.has(channel)) && !Texts::default().has(Channel::Sms));
}

#[test]
fn a_person_gets_their_locale_or_their_language_or_the_fallback() {
    let texts = read(&fees());
    for (channel, wanted, given) in [
        (Channel::Sms, Some("sw-KE"), "sw-KE"),
        (Channel::Sms, Some("sw"), "en"),
        (Channel::Push, Some("sw-KE"), "sw"),
        (Channel::Push, Some("sw_TZ"), "sw"),
        (Channel::Push, Some("fr"), "en"),
        (Channel::Push, Some(""), "en"),
        (Channel::Push, None, "en"),
    ] {
        assert_eq!(texts.pick(channel, wanted), given, "{wanted:?}");
    }
}

#[test]
fn each_channel_gets_what_it_takes() {
    let texts = read(&fees());
    let render = |channel, locale| texts.render(channel, Some(locale), &texts.sample).unwrap();
    let data = [("id", "f-1"), ("screen", "fees")].map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let push = Rendered::Push { title: "Fees: Amina".to_owned(), body: "KES 1500 received.".to_owned(), data };
    assert_eq!(render(Channel::Push, "en"), push);
    let template = json!({ "template": { "name": "fees_received", "language": "en_US", "params": ["Amina", "1500"] } });
    assert_eq!(render(Channel::Whatsapp, "en"), Rendered::Whatsapp(template));
    assert_eq!(render(Channel::Whatsapp, "sw"), Rendered::Whatsapp(json!({ "message": "KES 1500 zimepokelewa." })));
    assert_eq!(render(Channel::Sms, "en"), Rendered::Sms { text: "KES 1500 for Amina. Asante!".to_owned(), parts: 1 });
}

#[test]
fn what_comes_out_is_what_the_protocol_takes() {
    for preview in read(&fees()).preview() {
        let mut payload = match preview.rendered.unwrap() {
            Rendered::Push { title, body, data } => json!({ "title": title, "body": body, "data": data }),
            Rendered::Whatsapp(fields) => fields,
            Rendered::Sms { text, .. } => json!({ "message": text }),
        };
        payload["to"] = if preview.channel == Channel::Push { json!({ "user": "u" }) } else { json!("+254712345678") };
        let taken = check_payload(preview.channel.as_str(), "send", 1, &payload.to_string());
        assert!(taken.is_ok(), "{taken:?}");
    }
}

#[test]
fn a_template_s_language_is_its_locale_as_meta_writes_it() {
    let texts = read(&json!({ "fallback_locale": "pt-BR", "whatsapp": { "pt-BR": { "template": "t" } } }));
    assert_eq!(texts.check(), Ok(()));
    let template = json!({ "template": { "name": "t", "language": "pt_BR", "params": [] } });
    assert_eq!(texts.render(Channel::Whatsapp, None, &Map::new()), Ok(Rendered::Whatsapp(template)));
}

#[test]
fn a_preview_shows_every_text_and_what_an_sms_costs() {
    let previews = read(&fees()).preview();
    let shown = |index: usize| serde_json::to_value(&previews[index]).unwrap();
    assert_eq!(previews.len(), 6);
    assert_eq!(
        shown(4),
        json!({ "channel": "sms", "locale": "en", "encoding": "GSM-7", "rendered": { "text": "KES 1500 for Amina. Asante!", "parts": 1 } })
    );
    assert_eq!((shown(5)["encoding"].as_str(), shown(5)["locale"].as_str()), (Some("UCS-2"), Some("sw-KE")));
    let without = Texts { sample: Map::new(), ..read(&fees()) };
    assert_eq!(without.check(), Ok(()));
    assert_eq!(without.preview()[4].problem.as_ref().unwrap().field.as_deref(), Some("sms.en.text"));
}

#[test]
fn what_is_missing_is_told_before_anything_is_sent() {
    let texts = read(&fees());
    let missing = |data: Value| texts.missing(&Channel::ALL, &map(&data));
    assert_eq!(missing(json!({ "student": { "name": "A" }, "sum": 1, "id": 7 })), None);
    assert_eq!(missing(json!({ "student": {}, "sum": 1, "id": 7 })).as_deref(), Some("student.name"));
    assert_eq!(missing(json!({ "student": { "name": "A" }, "sum": null, "id": 7 })).as_deref(), Some("sum"));
    assert_eq!(missing(json!({ "student": { "name": "A" }, "sum": 1 })).as_deref(), Some("id"));
    assert_eq!(texts.missing(&[Channel::Sms], &map(&json!({ "student": { "name": "A" }, "sum": 1 }))), None);
    let names = |channels: &[Channel]| texts.variables(channels).into_iter().collect::<Vec<_>>();
    assert_eq!(names(&[Channel::Sms]), ["student", "sum"]);
    assert_eq!(names(&Channel::ALL), ["id", "student", "sum", "thanks"]);
}

#[test]
fn a_channel_with_texts_has_the_fallback_locale() {
    assert_eq!(field(&json!({})), "push");
    assert_eq!(field(&json!({ "sms": { "sw": { "text": "a" } } })), "sms.en");
    assert_eq!(field(&json!({ "fallback_locale": "Swahili", "sms": { "sw": { "text": "a" } } })), "fallback_locale");
    assert_eq!(field(&json!({ "sms": { "en": { "text": "a" }, "+254712345678": { "text": "b" } } })), "sms");
}

#[test]
fn every_text_s_syntax_is_checked_and_the_fault_is_named() {
    let wrong = |text: &str| refused(&sms(text));
    assert_eq!(wrong("a\n{{ x + }}"), ("sms.en.text".to_owned(), "syntax error in line 2".to_owned()));
    assert_eq!(wrong("{% if x %}").1, "syntax error in line 1");
    assert!(wrong("{{ x|uper }}").1.starts_with("there is no filter `uper`"));
    assert_eq!(wrong(" \n").1, "is empty");
    let push = |body: &str, data: &str| json!({ "push": { "en": { "title": "t", "body": body, "data": { "a": data } } } });
    assert_eq!(field(&push("{{", "")), "push.en.body");
    assert_eq!(field(&push("b", "{{")), "push.en.data.a");
    assert_eq!(read(&push("b", "")).check(), Ok(()));
    assert_eq!(field(&json!({ "whatsapp": { "en": { "template": "t", "params": ["a", "{{"] } } })), "whatsapp.en.params[1]");
}

#[test]
fn a_whatsapp_text_is_a_template_or_a_text() {
    let of = |text: Value| json!({ "whatsapp": { "en": text } });
    for (text, name) in [
        (json!({}), "template"),
        (json!({ "template": "t", "text": "x" }), "text"),
        (json!({ "text": "x", "language": "en" }), "language"),
        (json!({ "text": "x", "params": ["a"] }), "params"),
        (json!({ "template": "Order Update" }), "template"),
        (json!({ "template": "" }), "template"),
        (json!({ "template": "t", "language": "English" }), "language"),
    ] {
        assert_eq!(field(&of(text)), format!("whatsapp.en.{name}"));
    }
}

#[test]
fn names_that_the_providers_keep_are_refused_in_a_push_s_data() {
    let push = |name: &str| json!({ "push": { "en": { "title": "t", "body": "b", "data": { name: "x" } } } });
    for bad in ["aps", "from", "google.x", "gcm_x", "ntf", "", "a b", &"a".repeat(limits::NAME_BYTES_MAX + 1)] {
        assert!(field(&push(bad)).starts_with("push.en.data"), "{bad}");
    }
    assert_eq!(read(&push(&"a".repeat(limits::NAME_BYTES_MAX))).check(), Ok(()));
}

#[test]
fn stored_texts_are_bounded() {
    assert_eq!(read(&sms(&format!("{{# {} #}}x", "y".repeat(TAG_BYTES_MAX - 2)))).check(), Ok(()));
    let text = |bytes: usize| Texts { sample: Map::new(), ..read(&sms(&"x".repeat(bytes))) };
    assert_eq!(text(TEXT_BYTES_MAX).check(), Ok(()));
    assert_eq!(text(TEXT_BYTES_MAX + 1).check().unwrap_err().field.as_deref(), Some("sms.en.text"));

    let locales = |count: usize| {
        let others = (0..count - 1).map(|index| (format!("sw-{index:02}"), json!({ "text": "a" })));
        json!({ "sms": others.chain([("en".to_owned(), json!({ "text": "a" }))]).collect::<Map<_, _>>() })
    };
    assert_eq!(read(&locales(LOCALES_MAX)).check(), Ok(()));
    assert_eq!(field(&locales(LOCALES_MAX + 1)), "sms");

    let variables = |count: usize| sms(&(0..count).map(|index| format!("{{{{ v{index} }}}}")).collect::<String>());
    assert_eq!(read(&variables(VARIABLES_MAX)).check(), Ok(()));
    assert_eq!(field(&variables(VARIABLES_MAX + 1)), "sms.en.text");

    let params = |count: usize| json!({ "whatsapp": { "en": { "template": "t", "params": vec!["a"; count] } } });
    assert_eq!(read(&params(PARAMS_MAX)).check(), Ok(()));
    assert_eq!(field(&params(PARAMS_MAX + 1)), "whatsapp.en.params");

    let name = |bytes: usize| json!({ "whatsapp": { "en": { "template": "a".repeat(bytes) } } });
    assert_eq!(read(&name(WHATSAPP_NAME_BYTES_MAX)).check(), Ok(()));
    assert_eq!(field(&name(WHATSAPP_NAME_BYTES_MAX + 1)), "whatsapp.en.template");

    let data = |count: usize| {
        let data: Map<_, _> = (0..count).map(|index| (format!("a{index}"), json!("x"))).collect();
        json!({ "push": { "en": { "title": "t", "body": "b", "data": data } } })
    };
    assert_eq!(read(&data(PUSH_DATA_MAX)).check(), Ok(()));
    assert_eq!(field(&data(PUSH_DATA_MAX + 1)), "push.en.data");

    let sample = |bytes: usize| json!({ "sms": { "en": { "text": "a" } }, "sample": { "a": "x".repeat(bytes - 8) } });
    assert_eq!(read(&sample(SAMPLE_BYTES_MAX)).check(), Ok(()));
    assert_eq!(field(&sample(SAMPLE_BYTES_MAX + 1)), "sample");
}

#[test]
fn the_example_data_must_do_for_every_text() {
    let with = |text: &str, sample: Value| {
        let mut texts = sms(text);
        texts["sample"] = sample;
        texts
    };
    assert_eq!(read(&with("{{ a }}", json!({ "a": 1 }))).check(), Ok(()));
    assert_eq!(field(&with("{{ a }}", json!({ "b": 1 }))), "sample.a");
    assert_eq!(field(&with("{{ a.b }}", json!({ "a": {} }))), "sample.a.b");
    assert_eq!(field(&with("{{ a }}", json!({ "a": [] }))), "sms.en.text");
    assert_eq!(field(&with("{{ a }}", json!({ "a": " " }))), "sms.en.text");
    assert_eq!(field(&with("{{ a[1] }}", json!({ "a": [1] }))), "sms.en.text");
}

#[test]
fn an_sms_has_at_most_ten_parts() {
    let long = |letters: usize| sent("{{ a }}", &json!({ "a": "x".repeat(letters) }));
    assert!(matches!(long(SMS_PARTS_MAX * 153), Ok(Rendered::Sms { parts: SMS_PARTS_MAX, .. })));
    let problem = long(SMS_PARTS_MAX * 153 + 1).unwrap_err();
    assert_eq!(problem.to_string(), "invalid_value (sms.en.text): takes 11 parts, at most 10 are allowed");
}

#[test]
fn a_push_leaves_room_for_what_is_added_to_it() {
    let texts = read(&json!({ "push": { "en": { "title": "t", "body": "{{ a }}" } } }));
    let bare = json!({ "title": "t", "body": "", "data": {} }).to_string().len();
    let long = |letters: usize| texts.render(Channel::Push, None, &map(&json!({ "a": "x".repeat(letters) })));
    let most = limits::PUSH_BYTES_MAX - PUSH_ROOM - bare;
    assert!(long(most).is_ok());
    assert_eq!(long(most + 1).unwrap_err().field.as_deref(), Some("push.en"));
}

#[test]
fn whatsapp_texts_and_parameters_have_their_edges() {
    let texts = read(&json!({
        "fallback_locale": "sw",
        "whatsapp": { "en": { "template": "t", "params": ["{{ a }}"] }, "sw": { "text": "{{ a }}" } },
    }));
    for (locale, most, name) in
        [("en", PARAM_CHARS_MAX, "whatsapp.en.params[0]"), ("sw", limits::MESSAGE_CHARS_MAX, "whatsapp.sw.text")]
    {
        let long = |letters: usize| texts.render(Channel::Whatsapp, Some(locale), &map(&json!({ "a": "é".repeat(letters) })));
        assert!(long(most).is_ok());
        assert_eq!(long(most + 1).unwrap_err().field.as_deref(), Some(name));
    }
}

#[test]
fn a_parameter_s_gaps_are_single_spaces() {
    let texts = read(&json!({ "whatsapp": { "en": { "template": "t", "params": ["{{ a }}"] } } }));
    let data = map(&json!({ "a": " Form\t2\r\nEast      wing \n" }));
    let Ok(Rendered::Whatsapp(fields)) = texts.render(Channel::Whatsapp, None, &data) else { panic!("not rendered") };
    assert_eq!(fields["template"]["params"], json!(["Form 2 East wing"]));
    let blank = texts.render(Channel::Whatsapp, None, &map(&json!({ "a": "\n\t" })));
    assert_eq!(blank.unwrap_err().field.as_deref(), Some("whatsapp.en.params[0]"));
}

#[test]
fn the_only_control_characters_of_a_text_are_line_breaks() {
    let text = |a: &str| sent("x{{ a }}y", &json!({ "a": a }));
    assert_eq!(text("1\r\n2\r3\t4"), Ok(Rendered::Sms { text: "x1\n2\n3 4y".to_owned(), parts: 1 }));
    for bad in ["\0", "\u{1b}", "\u{7f}", "\u{85}"] {
        assert_eq!(text(bad).unwrap_err().detail, "a control character, a list or an object is printed");
    }
    assert!(sent("{{ 'a' ~ a }}", &json!({ "a": { "b": "secret" } })).is_err());
}

#[test]
fn a_problem_names_variables_and_never_shows_a_value() {
    let secret = "0712345678";
    let data = json!({ "a": secret, "o": { "k": secret }, "l": [secret] });
    for text in [
        "{{ b }}",
        "{{ o }}",
        "{{ l }}",
        "{{ a + 1 }}",
        "{{ a.x.y }}",
        "{{ o[a] }}",
        "{{ a() }}",
        "{{ a|round }}",
        "{{ -a }}",
        "{% for x, y in l %}{% endfor %}",
    ] {
        let problem = sent(text, &data).unwrap_err();
        assert!(!format!("{problem:?}").contains(secret) && problem.field.as_deref() == Some("sms.en.text"), "{problem:?}");
    }
    let problem = sent("a\n{{ b }}", &data).unwrap_err();
    assert!(problem.is(Code::MissingField) && problem.detail == "needs `b`, which the data lack", "{problem}");
}

/// Pieces of templates, put together at random.
fn templateish() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-",
        "+",
        "*",
        "**",
        "/",
        "//",
        "%",
        "~",
        "|",
        ".",
        ",",
        "(",
        ")",
        "[",
        "]",
        ":",
        "==",
        "<",
        " ",
        "\n",
        "'",
        "\"",
        "\\",
        "a",
        "b",
        "o",
        "l",
        "k",
        "loop",
        "if ",
        "elif ",
        "else",
        "endif",
        "for ",
        " in ",
        "endfor",
        "set ",
        " is ",
        " not ",
        " and ",
        "defined",
        "default",
        "join",
        "length",
        "lower",
        "replace",
        "round",
        "title",
        "trim",
        "upper",
        "1",
        "-1",
        "9223372036854775807",
        "1e308",
        "0.5",
        "none",
        "true",
        "é",
        "😀",
        "{{ a }}",
        "{{ o.k|upper }}",
        "{% if a %}",
        "{% endif %}",
        "{% for x in l %}",
        "{% endfor %}",
        "{{ a|round(",
        "{{ a[",
        "{{ l|join(",
        "{{ a|replace(a, ",
        ") }}",
        "recursive",
    ]);
    prop_oneof![proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()), "\\PC{0,60}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_panics_and_what_comes_out_is_clean(text in templateish(), a in prop_oneof![Just(json!("x")), Just(json!(-3)), Just(json!(1e300)), Just(Value::Null)]) {
        let data = map(&json!({ "a": a, "b": true, "o": { "k": "v" }, "l": [1, "y", [2], { "k": 3 }] }));
        let texts = Texts { sample: data.clone(), ..read(&sms(&text)) };
        let (checked, rendered) = (texts.check(), texts.render(Channel::Sms, None, &data));
        let _ = (texts.variables(&Channel::ALL), texts.missing(&Channel::ALL, &data), texts.preview());
        prop_assert!(checked.is_err() || rendered.is_ok());
        prop_assert_eq!(&rendered, &texts.render(Channel::Sms, None, &data));
        if let Ok(Rendered::Sms { text, parts }) = rendered {
            prop_assert!(!text.is_empty() && parts <= SMS_PARTS_MAX);
            prop_assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'));
        }
    }
}
