//! Protobuf and JSON say the same: fixtures of the wire contract, bodies of real clients, generated objects, arbitrary bytes.

use corvette_api::protobuf::{self, Error};
use corvette_api::schema::{self, Def, Gvk, Shape, Type};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Reads hexadecimal digits; spaces and line ends between them do not count.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
    digits.chunks(2).map(|pair| byte(pair).expect("the text holds digits")).collect()
}

/// Bodies that kubectl 1.32 sends: they mean the object, and the object encodes to the same bytes.
fn check(body: &str, object: &Value) {
    let body = hex(body);
    assert_eq!(protobuf::decode(&body, ("", "")).as_ref(), Ok(object));
    assert_eq!(protobuf::encode(object), Ok(body));
}

#[test]
fn kubectl_creates_a_config_map() {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "y"}});
    check(
        "6b3873000a0f0a0276311209436f6e6669674d6170121b0a110a016112001a0022002a0032003800420012060a01781201791a002200",
        &object,
    );
}

#[test]
fn kubectl_creates_a_secret() {
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"p": "cQ=="}});
    check(
        "6b3873000a0c0a0276311206536563726574121d0a110a017312001a0022002a0032003800420012060a01701201711a001a002200",
        &object,
    );
}

#[test]
fn kubectl_creates_a_deployment_without_replicas() {
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "nginx", "image": "nginx", "resources": {}}]},
            },
            "strategy": {},
        },
        "status": {},
    });
    check(
        "6b3873000a150a07617070732f7631120a4465706c6f796d656e7412ab010a1f0a0377656212001a0022002a003200380042005a0a0a03617070
         1203776562127a0800120c0a0a0a0361707012037765621a600a1c0a0012001a0022002a003200380042005a0a0a036170701203776562124012
         220a056e67696e7812056e67696e782a0042006a007200800100880100900100a201001a00320042004a0052005800600068008201008a01009a
         0100c2010022020a00280038001a0c0800100018002000280038001a002200",
        &object,
    );
}

#[test]
fn kubectl_creates_a_service() {
    let object = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "c", "labels": {"app": "c"}},
        "spec": {
            "ports": [{"name": "80", "protocol": "TCP", "port": 80, "targetPort": 80}],
            "selector": {"app": "c"},
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    });
    check(
        "6b3873000a0d0a027631120753657276696365125d0a1b0a016312001a0022002a003200380042005a080a03617070120163123a0a150a023830
         120354435018502206080010501a00280012080a036170701201631a002209436c757374657249503a00420052005a00600068001a020a001a00
         2200",
        &object,
    );
}

#[test]
fn kubectl_creates_a_job() {
    let object = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": {
            "metadata": {},
            "spec": {"containers": [{"name": "j", "image": "b", "resources": {}}], "restartPolicy": "Never"},
        }},
        "status": {},
    });
    check(
        "6b3873000a0f0a0862617463682f763112034a6f6212720a110a016a12001a0022002a00320038004200125332510a100a0012001a0022002a00
         320038004200123d121a0a016a1201622a0042006a007200800100880100900100a201001a054e65766572320042004a00520058006000680082
         01008a01009a0100c201001a082000280030003a001a002200",
        &object,
    );
}

#[test]
fn kubectl_asks_for_access_and_tokens() {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}},
        "status": {"allowed": false},
    });
    check(
        "6b3873000a320a17617574686f72697a6174696f6e2e6b38732e696f2f7631121753656c665375626a656374416363657373526576696577123c
         0a100a0012001a0022002a00320038004200121e0a1c0a0764656661756c7412036765741a0022002a04706f647332003a001a08080012001a00
         20001a002200",
        &review,
    );
    let token = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "metadata": {}, "spec": {}, "status": {},
    });
    check(
        "6b3873000a280a1861757468656e7469636174696f6e2e6b38732e696f2f7631120c546f6b656e52657175657374121a0a100a0012001a002200
         2a0032003800420012001a040a0012001a002200",
        &token,
    );
}

#[test]
fn options_belong_to_every_group() {
    let options = json!({"apiVersion": "apps/v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
        "propagationPolicy": "Foreground", "preconditions": {"uid": "u"}, "dryRun": ["All"]});
    assert_eq!(protobuf::decode(&protobuf::encode(&options).unwrap(), ("", "")), Ok(options));
}

#[test]
fn the_kind_of_an_envelope_without_one_is_the_expected_one() {
    let bytes = hex("6b387300 12 05 0a03 0a0161");
    let expected = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    assert_eq!(protobuf::decode(&bytes, ("v1", "ConfigMap")), Ok(expected));
    assert!(matches!(protobuf::decode(&bytes, ("", "")), Err(Error::UnknownKind { .. })));
}

#[test]
fn malformed_bytes_say_what_is_wrong() {
    let decode = |bytes: &str| protobuf::decode(&hex(bytes), ("v1", "ConfigMap"));
    assert_eq!(decode("7b7d"), Err(Error::NoEnvelope));
    assert_eq!(decode("6b387300 12 09 0a"), Err(Error::Truncated));
    assert_eq!(decode("6b387300 12 02 0801"), Err(Error::WrongWireType { field: "metadata", wire: 0 }));
    assert_eq!(decode("6b387300 12 02 0001"), Err(Error::IllegalTag(0)));
    // An unknown field is skipped.
    assert!(decode("6b387300 12 03 f80701").is_ok());
}

#[test]
fn nesting_is_bounded_as_in_json() {
    let message = |number: u8, content: &[u8]| {
        let mut out = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(content);
        out
    };
    // A list in a list in a list: each is the raw bytes of the other's item.
    let mut bytes = hex("6b387300 0a0a 0a027631 12044c697374");
    for _ in 0..100 {
        let mut outer = hex("6b387300 0a0a 0a027631 12044c697374");
        outer.extend(message(2, &message(2, &message(1, &bytes))));
        bytes = outer;
    }
    assert_eq!(protobuf::decode(&bytes, ("", "")), Err(Error::TooDeep));
    // JSON within bytes counts as well.
    let json = format!("{}{}", "[".repeat(126), "]".repeat(126));
    let mut revision = hex("6b387300 0a1d 0a 07 617070732f7631 12 12 436f6e74726f6c6c65725265766973696f6e");
    revision.extend(message(2, &message(2, &message(1, json.as_bytes()))));
    assert!(protobuf::decode(&revision, ("", "")).is_ok());
    let deeper = format!("[{json}]");
    let mut revision = hex("6b387300 0a1d 0a 07 617070732f7631 12 12 436f6e74726f6c6c65725265766973696f6e");
    revision.extend(message(2, &message(2, &message(1, deeper.as_bytes()))));
    assert_eq!(protobuf::decode(&revision, ("", "")), Err(Error::TooDeep));
}

#[test]
fn custom_resource_definitions_keep_the_forms_of_their_schemas() {
    let schema = json!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true, "$ref": "", "minimum": 0, "maximum": 1.5,
        "default": {"a": [1, null]}, "enum": ["a", 1],
        "items": [{"type": "string"}, {"type": "integer"}],
        "additionalItems": false,
        "additionalProperties": {"type": "string"},
        "dependencies": {"a": ["b"], "c": {"type": "object"}},
        "x-kubernetes-validations": [{"rule": "self.a > 1", "optionalOldSelf": false}],
    });
    let object = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": false, "schema": {"openAPIV3Schema": schema}}],
        },
        "status": {"acceptedNames": {"plural": "", "kind": ""}},
    });
    let decoded = protobuf::decode(&protobuf::encode(&object).unwrap(), ("", "")).unwrap();
    assert_eq!(decoded.pointer("/spec/versions"), object.pointer("/spec/versions"));
    assert_eq!(protobuf::encode(&decoded), protobuf::encode(&object));
}

#[test]
fn frames_hold_an_event_and_its_length() {
    let object =
        protobuf::encode(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})).unwrap();
    let frame = protobuf::frame("ADDED", &object);
    let (length, event) = frame.split_at(4);
    assert_eq!(u32::from_be_bytes(length.try_into().unwrap()) as usize, event.len());
    let mut expected = hex("0a05 4144444544");
    expected.extend([0x12, u8::try_from(object.len() + 2).unwrap(), 0x0a, u8::try_from(object.len()).unwrap()]);
    expected.extend(&object);
    assert_eq!(event, expected);
}

/// Numbers out of a seed, enough to make objects of.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        let sides = u64::try_from(among.len()).expect("a few");
        usize::try_from(self.roll(sides)).ok().and_then(|at| among.get(at)).copied().expect("the roll is in range")
    }

    fn word(&mut self) -> String {
        let long = "long enough that its length takes two bytes on the wire: ".repeat(3);
        self.pick(&["a", "web", "ü", "x/y", "10.0.0.1", &long]).to_owned()
    }

    fn value(&mut self, ty: &Type, depth: usize) -> Value {
        match ty {
            Type::String => self.word().into(),
            Type::Bytes => self.pick(&["cQ==", "AAEC/w=="]).into(),
            Type::Int32 => (self.roll(100_000).cast_signed() - 50_000).into(),
            Type::Int64 => (self.roll(1 << 30).cast_signed() * 4_000_000_000 + 1).into(),
            Type::Bool => (self.roll(2) == 0).into(),
            Type::Double => 1.25.into(),
            Type::List(item) => (0..=self.roll(2)).map(|_| self.value(item, depth)).collect(),
            Type::Map(item) => {
                Value::Object((0..=self.roll(2)).map(|n| (format!("k{n}"), self.value(item, depth))).collect())
            }
            Type::Ref(_) => self.object(ty.def().expect("a reference leads to a definition"), depth),
        }
    }

    fn object(&mut self, def: &Def, depth: usize) -> Value {
        match def.shape() {
            Shape::Quantity => self.pick(&["100m", "1Gi", "0"]).into(),
            Shape::IntOrString => {
                if self.roll(2) == 0 {
                    json!(0)
                } else {
                    json!("50%")
                }
            }
            Shape::Time => "2024-05-01T10:00:00Z".into(),
            Shape::MicroTime => "1969-12-31T23:59:59.000001Z".into(),
            Shape::Object => json!({"f:a": {"b": [1, null, "c"]}}),
            Shape::Any if def.short_name().ends_with("StringArray") => json!(["a"]),
            Shape::Any if def.short_name().ends_with("Array") => json!([{"type": "string"}]),
            Shape::Any => json!(true),
            Shape::Struct => {
                let mut fields = serde_json::Map::new();
                for field in def.fields() {
                    // Only the outermost object says what it is.
                    let is_type = !def.gvks().is_empty() && ["apiVersion", "kind"].contains(&field.name());
                    if depth > 0 && !is_type && self.roll(3) > 0 {
                        fields.insert(field.name().to_owned(), self.value(field.ty(), depth - 1));
                    }
                }
                Value::Object(fields)
            }
        }
    }
}

/// Tells whether everything in `part` that is not zero is in `whole` too.
fn is_within(part: &Value, whole: Option<&Value>) -> bool {
    match (part, whole) {
        (Value::Object(fields), Some(Value::Object(whole))) => fields.iter().all(|(k, v)| is_within(v, whole.get(k))),
        (Value::Array(items), Some(Value::Array(whole))) => {
            items.len() == whole.len() && items.iter().zip(whole).all(|(part, whole)| is_within(part, Some(whole)))
        }
        (part, Some(whole)) => part == whole,
        (Value::Bool(false), None) => true,
        (Value::Number(number), None) => number.as_i64() == Some(0),
        (Value::String(text), None) => text.is_empty(),
        (_, None) => false,
    }
}

fn kinds() -> Vec<(Gvk<'static>, &'static Def)> {
    let defs = schema::definitions().iter().filter(|def| def.gvks().len() == 1);
    defs.flat_map(|def| def.gvks().iter().map(move |gvk| (*gvk, def))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(seed in any::<u64>(), pick in any::<prop::sample::Index>(), depth in 2_usize..9) {
        let kinds = kinds();
        let (gvk, def) = *pick.get(&kinds);
        let mut object = Dice(seed).object(def, depth);
        let api_version = corvette_api::gvk::join_api_version(gvk.group, gvk.version);
        corvette_api::meta::set_gvk(&mut object, &api_version, gvk.kind);
        let bytes = protobuf::encode(&object).unwrap();
        let read = protobuf::decode(&bytes, ("", "")).unwrap();
        prop_assert!(is_within(&object, Some(&read)), "{object:#}\n{read:#}");
        prop_assert_eq!(protobuf::encode(&read).unwrap(), bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), pick in any::<prop::sample::Index>()) {
        let kinds = kinds();
        let (gvk, _) = *pick.get(&kinds);
        let api_version = corvette_api::gvk::join_api_version(gvk.group, gvk.version);
        let _ = protobuf::decode(&bytes, (&api_version, gvk.kind));
        let mut raw = protobuf::MAGIC.to_vec();
        raw.extend(&bytes);
        let _ = protobuf::decode(&raw, (&api_version, gvk.kind));
        let mut enveloped = protobuf::MAGIC.to_vec();
        enveloped.extend([0x12, u8::try_from(bytes.len() & 0x7f).unwrap() | 0x80, u8::try_from(bytes.len() >> 7).unwrap()]);
        enveloped.extend(&bytes);
        if let Ok(object) = protobuf::decode(&enveloped, (&api_version, gvk.kind)) {
            let _ = protobuf::encode(&object);
        }
    }

    #[test]
    fn damaged_objects_are_read_or_refused(seed in any::<u64>(), pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let kinds = kinds();
        let (gvk, def) = *pick.get(&kinds);
        let mut object = Dice(seed).object(def, 6);
        corvette_api::meta::set_gvk(&mut object, &corvette_api::gvk::join_api_version(gvk.group, gvk.version), gvk.kind);
        let mut bytes = protobuf::encode(&object).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(object) = protobuf::decode(&bytes, ("", "")) {
            let _ = protobuf::encode(&object);
        }
        let _ = protobuf::decode(&bytes[..at], ("", ""));
    }
}
