//! Reads the table's text. `data/README.md` describes it.
//!
//! The text is part of the program, so a mistake in it is ours: reading panics, and a test reads all of it.

use super::types::{Def, DefId, Extra, Field, Gvk, ListType, MapType, PatchStrategy, Shape, Type, Union};

pub(super) fn load(text: &'static str) -> Vec<Def> {
    let mut defs: Vec<Def> = Vec::with_capacity(1024);
    for line in text.lines() {
        if let Some(line) = line.strip_prefix('=') {
            let id = DefId(u16::try_from(defs.len()).expect("the schema holds fewer than 65,536 definitions"));
            defs.push(definition(id, line));
        } else {
            defs.last_mut().expect("the schema starts with a definition").fields.push(field(line));
        }
    }
    for def in &mut defs {
        def.fields.shrink_to_fit();
    }
    defs.shrink_to_fit();
    defs
}

fn definition(id: DefId, line: &'static str) -> Def {
    let mut parts = line.split('\t');
    let name = parts.next().unwrap_or_default();
    let mut def = Def {
        id,
        name,
        shape: Shape::Struct,
        map_type: None,
        fields: Vec::new(),
        gvks: Vec::new(),
        unions: Vec::new(),
    };
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key {
            "shape" => def.shape = shape(value),
            "map" => def.map_type = Some(map_type(value)),
            "gvk" => def.gvks.push(gvk(value)),
            "union" => def.unions.push(union(value)),
            _ => panic!("the schema says {key} about {name}"),
        }
    }
    def.gvks.shrink_to_fit();
    def
}

fn field(line: &'static str) -> Field {
    let mut parts = line.split('\t');
    let name = parts.next().unwrap_or_default();
    let ty = ty(parts.next().unwrap_or_default());
    let mut field = Field { name, ty, required: false, extra: None };
    for part in parts {
        if part == "!" {
            field.required = true;
            continue;
        }
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let extra: &mut Extra = field.extra.get_or_insert_default();
        match key {
            "list" => extra.list_type = Some(list_type(value)),
            "map" => extra.map_type = Some(map_type(value)),
            "keys" => extra.map_keys = value.split(',').collect(),
            "patch" => {
                let has = |strategy| value.split(',').any(|s| s == strategy);
                extra.patch_strategy = PatchStrategy { merge: has("merge"), retain_keys: has("retainKeys") };
            }
            "merge" => extra.patch_merge_key = Some(value),
            "default" => extra.default_json = Some(value),
            _ => panic!("the schema says {key} about {name}"),
        }
    }
    field
}

fn ty(text: &str) -> Type {
    let (kind, rest) = text.split_at_checked(1).unwrap_or((text, ""));
    match kind {
        "s" => Type::String,
        "y" => Type::Bytes,
        "i" => Type::Int32,
        "l" => Type::Int64,
        "b" => Type::Bool,
        "d" => Type::Double,
        "@" => Type::Ref(DefId(rest.parse().expect("the schema refers by number"))),
        "[" => Type::List(Box::new(ty(rest))),
        "{" => Type::Map(Box::new(ty(rest))),
        _ => panic!("the schema holds the type {text}"),
    }
}

fn shape(text: &str) -> Shape {
    match text {
        "quantity" => Shape::Quantity,
        "intstr" => Shape::IntOrString,
        "time" => Shape::Time,
        "microtime" => Shape::MicroTime,
        "object" => Shape::Object,
        "any" => Shape::Any,
        _ => panic!("the schema holds the shape {text}"),
    }
}

fn list_type(text: &str) -> ListType {
    match text {
        "atomic" => ListType::Atomic,
        "set" => ListType::Set,
        "map" => ListType::Map,
        _ => panic!("the schema holds the list type {text}"),
    }
}

fn map_type(text: &str) -> MapType {
    match text {
        "atomic" => MapType::Atomic,
        "granular" => MapType::Granular,
        _ => panic!("the schema holds the map type {text}"),
    }
}

fn gvk(text: &'static str) -> Gvk<'static> {
    let mut parts = text.split('/');
    let mut next = || parts.next().unwrap_or_default();
    Gvk { group: next(), version: next(), kind: next() }
}

fn union(text: &'static str) -> Union {
    let (discriminator, members) = text.split_once(';').unwrap_or((text, ""));
    Union { discriminator, members: members.split(',').filter_map(|m| m.split_once(':')).collect() }
}
