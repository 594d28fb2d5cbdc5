use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::*;

fn fault(body: &str) -> Fault {
    scan(body.as_bytes()).unwrap_err().fault
}

const EVENT: &str = r#"{"type":3,"data":{"source":1,"positions":[]},"timestamp":1700000000000}"#;

#[test]
fn what_a_body_holds_is_noticed_in_any_key_order() {
    let body = concat!(
        r#" [ {"timestamp": 20, "data": {"node": {"type": 0, "timestamp": "x"}}, "type": 2},"#,
        r#"{"data":{"payload":{},"tag":"hindsight.end"},"type":5,"timestamp":10.5} ] "#
    );
    let summary = scan(body.as_bytes()).unwrap();
    assert_eq!((summary.layout, summary.events), (Layout::JsonArray, 2));
    assert_eq!((summary.first_at_ms, summary.last_at_ms), (10, 20));
    assert!(summary.keyframe && summary.ended);
}

#[test]
fn lines_and_array_of_the_same_events_have_the_same_hash() {
    let array = scan(format!("[{EVENT}, {EVENT}]").as_bytes()).unwrap();
    let lines = scan(format!("{EVENT}\r\n\n  {EVENT}\n").as_bytes()).unwrap();
    assert_eq!(lines.layout, Layout::JsonLines);
    assert_eq!(array.content_sha256, lines.content_sha256);
}

#[test]
fn an_end_tag_elsewhere_ends_nothing() {
    for event in [
        r#"{"type":3,"data":{"tag":"hindsight.end"},"timestamp":1}"#,
        r#"{"type":5,"data":{"payload":{"tag":"hindsight.end"}},"timestamp":1}"#,
        r#"{"type":5,"data":{"tag":"hindsight.end","tag":"x"},"timestamp":1}"#,
    ] {
        assert!(!scan(event.as_bytes()).unwrap().ended, "{event}");
    }
}

#[test]
fn an_escaped_name_is_the_same_name() {
    assert_eq!(
        scan(br#"{"\u0074ype":4,"time\u0073tamp":5}"#)
            .unwrap()
            .first_at_ms,
        5
    );
}

#[test]
fn each_fault_has_its_name() {
    for (body, expected) in [
        ("", Fault::NoEvents),
        (" \n ", Fault::NoEvents),
        ("[]", Fault::NoEvents),
        ("hello", Fault::NotJson),
        ("[", Fault::NotJson),
        ("42", Fault::NotAnObject),
        ("[1]", Fault::NotAnObject),
        ("\"\0\"", Fault::NotJson),
        ("{}", Fault::NoType),
        (r#"{"type":8,"timestamp":1}"#, Fault::NoType),
        (r#"{"type":"3","timestamp":1}"#, Fault::NoType),
        (r#"{"type":3}"#, Fault::NoTimestamp),
        (r#"{"type":3,"timestamp":"1"}"#, Fault::NoTimestamp),
        ("{\"type\":3,\n\"timestamp\":1}", Fault::NotJson),
        (
            r#"{"type":3,"timestamp":1}{"type":3,"timestamp":1}"#,
            Fault::NotJson,
        ),
        (r#"[{"type":3,"timestamp":1}] x"#, Fault::NotJson),
        (r#"[{"type":3,"timestamp":1},]"#, Fault::NotJson),
        (r#"[,{"type":3,"timestamp":1}]"#, Fault::NotJson),
    ] {
        assert_eq!(fault(body), expected, "{body:?}");
    }
    assert_eq!(
        scan(b"[\"\xff\"]").unwrap_err(),
        ScanError {
            fault: Fault::NotUtf8,
            at: 2,
            event: 0
        }
    );
}

#[test]
fn depth_is_bounded_to_the_level() {
    let nested = |levels: usize| {
        format!(
            r#"{{"type":3,"timestamp":1,"data":{}{}}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    assert!(scan(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert_eq!(fault(&nested(MAX_DEPTH)), Fault::NestedTooDeep);
    assert_eq!(fault(&nested(20_000)), Fault::NestedTooDeep);
    assert_eq!(fault(&"[".repeat(20_000)), Fault::NestedTooDeep);
    assert_eq!(fault(&r#"{"a":"#.repeat(20_000)), Fault::NestedTooDeep);
}

fn value_passes(text: &str) -> bool {
    let mut cursor = cursor::Cursor::new(text.as_bytes(), MAX_DEPTH);
    cursor.value(0).is_ok() && cursor.next_token().is_none()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,12}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Text that is almost JSON: both must say the same.
    #[test]
    fn agrees_with_serde_json_on_fragments(parts in prop::collection::vec(prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\", "\\u00", "\\ud800", "1", "-", "0", ".5", "e+", "E9", "true",
        "nul", "null", " ", "\n", "\t", "\u{b}", "é", "\u{1f}", "\u{7f}", "/",
    ]), 0..12)) {
        let text = parts.concat();
        prop_assert_eq!(value_passes(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{:?}", text);
    }

    /// JSON with one byte changed or cut.
    #[test]
    fn agrees_with_serde_json_on_damaged_json(value in any_json(), at in any::<prop::sample::Index>(), byte in 0u8..128, cut in any::<bool>()) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        prop_assert!(value_passes(std::str::from_utf8(&bytes).unwrap()));
        let place = at.index(bytes.len());
        if cut { bytes.truncate(place) } else { bytes[place] = byte }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert_eq!(value_passes(text), serde_json::from_str::<IgnoredAny>(text).is_ok(), "{:?}", text);
        }
    }

    /// What is handed out is what was sent.
    #[test]
    fn texts_come_out_as_they_went_in(data in prop::collection::vec(any_json(), 1..8), lines in any::<bool>()) {
        let texts: Vec<String> = data.iter().map(|data| json!({"type": 3, "timestamp": 7, "data": data}).to_string()).collect();
        let body = if lines { texts.join("\n") } else { format!("[{}]", texts.join(" ,\n")) };
        let mut seen = vec![];
        events(body.as_bytes(), |event| seen.push(String::from_utf8(event.text.to_vec()).unwrap())).unwrap();
        prop_assert_eq!(seen, texts);
    }

    /// Never panics, whatever comes.
    #[test]
    fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan(&bytes);
    }
}
