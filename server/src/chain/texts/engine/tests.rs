//! Texts come out as people expect, name what they lack and no value, and cannot work for ever.

use serde_json::{Value as Json, json};

use super::*;

fn filled(text: &str, data: &Json) -> Result<String, Fault> {
    fill(text, data.as_object().unwrap())
}

fn detail(text: &str, data: &Json) -> String {
    filled(text, data).unwrap_err().detail
}

#[test]
fn the_filters_do_what_people_expect() {
    let data = json!({ "name": " amina OTIENO ", "sum": 1500.75, "whole": 15.0, "list": ["a", 2], "nothing": null, "s": { "n": "x" } });
    for (text, expected) in [
        ("{{ name|trim|title }}", "Amina Otieno"),
        ("{{ name|trim|upper }}{{ name|trim|lower }}", "AMINA OTIENOamina otieno"),
        ("{{ nothing|default('-') }}{{ other|default('-') }}{{ s.m|default('-') }}", "---"),
        ("{{ name|trim|replace('amina', 'A.') }}", "A. OTIENO"),
        ("{{ sum|round }} {{ sum|round(1) }} {{ whole|round }} {{ 1.25|round(1) }}", "1501 1500.8 15 1.2"),
        ("{{ list|length }} {{ list|join(', ') }} {{ s.n }} {{ list[1] }}", "2 a, 2 x 2"),
        ("{% for one in list %}{{ loop.index }}{{ one }};{% endfor %}", "1a;22;"),
        ("{% if s.m is defined %}a{% elif sum > 1000 %}b{% endif %}", "b"),
        ("<{{ '<' }}> {% set x = 'y' %}{{ x ~ x }}", "<<> yy"),
    ] {
        assert_eq!(filled(text, &data).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_the_data_lack_is_named_and_no_value_ever_is() {
    let data = json!({ "s": { "secret": "0712345678" }, "key": "0712345678", "list": [1], "nothing": null });
    for (text, name) in [
        ("{{ name }}", "name"),
        ("{{ nothing }}", "nothing"),
        ("{{ s.name }}", "s.name"),
        ("{{ a.b }}", "a"),
        ("{{ x|default(1) }}{{ y|upper }}", "y"),
        ("{{ x|length }}", "x"),
        ("{{ x|round }}", "x"),
        ("{{ x|join(',') }}", "x"),
        ("{{ 'a' ~ x }}", "x"),
        ("{% if x %}{% endif %}", "x"),
        ("{% for a in x %}{% endfor %}", "x"),
        ("{{ s[key] }}", "s"),
    ] {
        assert_eq!(filled(text, &data).unwrap_err().lacks.as_deref(), Some(name), "{text}");
    }
    assert_eq!(filled("{{ x|default(1) }}{{ list[9] }}", &data).unwrap_err().lacks, None);
    for text in ["{{ key + 1 }}", "{{ key|round }}", "{{ s }}", "{{ key() }}", "{{ key.x() }}", "{{ s[key] }}", "{{ list[9] }}"]
    {
        assert!(!detail(text, &data).contains("0712"), "{text}");
    }
}

#[test]
fn only_text_and_numbers_are_printed() {
    let data = json!({ "o": { "secret": "x" }, "l": ["x"], "ll": [["x"], null], "yes": true });
    for text in ["{{ o }}", "{{ l }}", "{{ yes }}", "{{ [1] }}", "{{ ll[1] }}", "a\n{{ none }}"] {
        assert!(detail(text, &data).starts_with("only text and numbers can be printed in line "), "{text}");
    }
    for text in ["{{ 'a' ~ o }}", "{{ ll|join }}", "{{ l|upper }}", "{{ o|trim }}", "{{ l|replace('a', 'b') }}"] {
        let told = filled(text, &data).unwrap_or_else(|fault| fault.detail);
        assert!(told.contains('\0') || told.starts_with("invalid operation"), "{text}: {told}");
    }
}

#[test]
fn work_is_bounded() {
    let list = |items: usize| json!({ "list": vec![1; items] });
    let loops = "{% for a in list %}{% for b in list %}{% endfor %}{% endfor %}";
    assert!(filled(loops, &list(50)).is_ok());
    assert_eq!(detail(loops, &list(100)), "is too much work in line 1");
    for text in [
        "{{ 'x' * 100000000 }}",
        "{{ 'xxxxxxxx'|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx')|replace('x', 'xxxxxxxx') }}",
        "{{ ('x' * 100000)|join('x' * 100) }}",
    ] {
        assert_eq!(detail(text, &json!({})), "is too much work in line 1", "{text}");
    }
}

#[test]
fn a_text_that_is_kept_comes_out_as_it_did_the_first_time_whatever_it_ends_in() {
    let text = "<{{ name }}> {{ whole|default('-') }}.html";
    for name in ["a & b", "c"] {
        assert_eq!(filled(text, &json!({ "name": name })).unwrap(), format!("<{name}> -.html"));
    }
    let lacks = || filled(text, &json!({})).unwrap_err();
    assert_eq!((lacks().lacks.as_deref(), lacks().detail), (Some("name"), "needs `name`, which the data lack".to_owned()));
}

#[test]
fn more_texts_than_are_kept_come_out_all_the_same() {
    for round in 0..2 {
        for number in 0..=KEPT_MAX {
            assert_eq!(filled(&format!("{number} {{{{ x }}}}"), &json!({ "x": round })).unwrap(), format!("{number} {round}"));
        }
    }
}

#[test]
fn fuel_ends_to_the_unit() {
    // Raw text is one step and its bytes: 64 a step.
    let text = |steps: u64| "x".repeat(usize::try_from((steps - 2) * 64).unwrap());
    assert!(filled(&text(FUEL), &json!({})).is_ok());
    assert_eq!(detail(&text(FUEL + 1), &json!({})), "is too much work");
}

#[test]
fn the_engine_is_deeper_than_any_tag_that_passes() {
    let half = tags::TAG_BYTES_MAX / 2;
    for text in [
        format!("{{{{{}1}}}}", "-".repeat(2 * half - 1)),
        format!("{{{{{}1{}}}}}", "(".repeat(half - 1), ")".repeat(half - 1)),
        format!("{{{{{}1}}}}", "1+".repeat(half - 1)),
        format!("{{{{ {}1 }}}}", "not ".repeat(60)),
        format!("{{{{ x{} }}}}", "|trim".repeat(50)),
        format!("{{{{ x{} }}}}", "[0]".repeat(80)),
        "{% if x %}".repeat(50) + &"{% endif %}".repeat(50),
        "{% if x %}".to_owned() + &"{% elif x %}".repeat(98) + "{% endif %}",
        "{% for x in x %}".repeat(50) + &"{% endfor %}".repeat(50),
        "{% for x in y recursive %}{{ loop(y) }}{% endfor %}".to_owned(),
    ] {
        let _ = (check(&text), variables(&text), filled(&text, &json!({ "x": "a", "y": [1] })));
    }
}
