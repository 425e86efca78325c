//! YAML as kubectl reads and writes it.
//!
//! Reading follows YAML 1.1 (`0644` is 420, `yes` is true), because that is what manifests were written for; writing gives the
//! layout of `kubectl -o yaml`: sorted keys, lists not indented below their key. The parser beneath is that of `serde-saphyr`.

mod emit;
mod parse;
mod scalar;

use crate::decode::Parsed;

pub use emit::to_string;

/// YAML that cannot be read. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("yaml: line {line}, column {column}: {message}")]
pub struct Error {
    /// Line of the mistake.
    pub line: usize,
    /// Column of the mistake.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// One document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The line on which it starts.
    pub line: usize,
    /// Its value, and the keys that occur twice. An empty document is null.
    pub parsed: Parsed,
}

/// Reads all documents of a stream. A stream without any document gives none.
///
/// # Errors
/// [`Error`] for the first mistake.
pub fn documents(text: &str) -> Result<Vec<Document>, Error> {
    parse::documents(text)
}

/// Reads a stream of one document; an empty stream is null.
///
/// # Errors
/// [`Error`] for the first mistake, or when a second document begins.
pub fn parse(text: &str) -> Result<Parsed, Error> {
    let mut documents = parse::documents(text)?.into_iter();
    let first = documents.next().map(|d| d.parsed).unwrap_or_default();
    match documents.next() {
        None => Ok(first),
        Some(second) => Err(Error { line: second.line, column: 1, message: "expected a single document".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn value(text: &str) -> Value {
        parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).value
    }

    #[test]
    fn scalars_follow_yaml_1_1() {
        for (text, wanted) in [
            ("0644", json!(420)),
            ("0x1F", json!(31)),
            ("0b11", json!(3)),
            ("0o17", json!(15)),
            ("1_000", json!(1000)),
            ("-5", json!(-5)),
            ("08", json!(8)),
            ("1e3", json!(1000)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.0", json!(1)),
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!(true)),
            ("~", json!(null)),
            ("", json!(null)),
            ("null", json!(null)),
            ("\"yes\"", json!("yes")),
            ("'0644'", json!("0644")),
            ("2024-01-01", json!("2024-01-01")),
            ("1.2.3", json!("1.2.3")),
            ("12:30:45", json!("12:30:45")),
            ("!!str 12", json!("12")),
            ("!!int \"12\"", json!(12)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615u64)),
            ("!!binary aGk=", json!("hi")),
            ("yEs", json!("yEs")),
            ("1e", json!("1e")),
            ("0x", json!("0x")),
            ("--1", json!("--1")),
            ("9e400", json!("9e400")),
        ] {
            assert_eq!(value(&format!("a: {text}")), json!({"a": wanted}), "{text}");
        }
    }

    #[test]
    fn structures_anchors_and_merges_are_read() {
        assert_eq!(value("a:\n- 1\n- b: c\n  d: [x, {w: z}]\n"), json!({"a": [1, {"b": "c", "d": ["x", {"w": "z"}]}]}));
        assert_eq!(
            value("base: &b {x: 1, w: 2}\nd:\n  <<: *b\n  w: 3\n"),
            json!({"base": {"x": 1, "w": 2}, "d": {"x": 1, "w": 3}})
        );
        assert_eq!(value("a: |\n  x\n  y\nb: >-\n  x\n  y\n"), json!({"a": "x\ny\n", "b": "x y"}));
        assert_eq!(value("1: a\ntrue: b\n1.5: c\n"), json!({"1": "a", "true": "b", "1.5": "c"}));
        let documents = documents("a: 1\n---\n---\nb: 2\n").unwrap();
        assert_eq!(
            documents.iter().map(|d| d.parsed.value.clone()).collect::<Vec<_>>(),
            [json!({"a": 1}), json!(null), json!({"b": 2})]
        );
        assert_eq!(super::documents("").unwrap(), []);
        assert_eq!(
            parse("a: 1\nb:\n  c: 1\n  c: 2\n").unwrap().strict,
            ["yaml: unmarshal errors:\n  line 4: key \"c\" already set in map"]
        );
    }

    #[test]
    fn mistakes_have_line_and_column() {
        for (text, line) in [
            ("a: b: c\n", 1),
            ("a: 1\n  b: 2\n", 2),
            ("a:\n\t- b\n", 2),
            ("a: [1, 2\nb: 3\n", 2),
            ("a: *nope\n", 1),
            ("x: \"abc\n", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.line >= line && error.column >= 1, "{text}: {error}");
            assert!(error.to_string().starts_with("yaml: line "), "{error}");
        }
        assert!(parse(&"[".repeat(1000)).is_err());
        let bomb: String = std::iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned())
            .chain((1..12).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "))))
            .collect();
        assert!(parse(&bomb).unwrap_err().message.contains("excessive aliasing"));
    }

    #[test]
    fn output_has_kubectls_layout() {
        let object = json!({"b": [{"x": 1, "y": []}, "s"], "a": {"empty": {}, "null": null, "on": "on", "n": "1", "t": true}, "k10": "a: b", "k2": "x\ny\n",
            "s": "", "sp": " x", "hash": "a #b", "star": "*", "tail": "x\ny", "tab": "a\tb", "date": "2024-01-01T00:00:00Z", "long": "w ".repeat(60) + "w", "quoted": "it's: ".to_owned() + &"w ".repeat(50) + "w", "words": ["w".repeat(80) + " x  y z", "\t".to_owned() + &"w ".repeat(40) + " x y"]});
        assert_eq!(
            to_string(&object),
            "a:\n  empty: {}\n  \"n\": \"1\"\n  \"null\": null\n  \"on\": \"on\"\n  t: true\nb:\n- x: 1\n  \"y\": []\n- s\ndate: \"2024-01-01T00:00:00Z\"\n\
             hash: 'a #b'\nk2: |\n  x\n  y\nk10: 'a: b'\nlong: "
                .to_owned()
                + &"w ".repeat(37)
                + "w\n  "
                + &"w ".repeat(22)
                + "w\nquoted: 'it''s: "
                + &"w ".repeat(32)
                + "w\n  "
                + &"w ".repeat(17)
                + "w'\ns: \"\"\nsp: ' x'\nstar: '*'\ntab: \"a\\tb\"\ntail: |-\n  x\n  y\nwords:\n- "
                + &"w".repeat(80)
                + "\n  x  y z\n- \"\\t"
                + &"w ".repeat(38)
                + "w\n  w  x y\"\n"
        );
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[a-zA-Z0-9 :#'\"\\\\\n\t*&!|>%@`{}\\[\\],?~.<=-]{0,10}",
            "[a: #'\"\\\\\t-]{70,200}",
            Just("yes".to_owned()),
            Just("0644".to_owned()),
            Just("1:30".to_owned()),
            Just("null".to_owned()),
            Just("<<".to_owned()),
            Just("\u{85}\u{2028}é\u{0}\u{feff}".to_owned()),
            Just("---".to_owned()),
            Just("2024-01-01".to_owned()),
            Just(".inf".to_owned()),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
            (-1000i32..1000).prop_map(|n| Value::from(f64::from(n) + 0.5))
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(text.clone(), inner, 0..4).prop_map(|m| m.into_iter().collect())
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_written_reads_the_same(value in any_value()) {
            let text = to_string(&value);
            prop_assert_eq!(parse(&text).map(|p| p.value), Ok(value), "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a-c0-2:\\-\\[\\]{}&*!|>'\"#%, \n]{0,30}") {
            let _ = documents(&text);
        }
    }
}
