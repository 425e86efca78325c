//! From [`Node`]s and a value to what they find.

use std::borrow::Cow;
use std::cmp::Ordering;

use anyhow::{Result, bail};
use serde_json::Value;

use super::parse::{Node, Slice};
use crate::output::go;

/// A value that was found, or that stands in the expression itself.
pub type Found<'a> = Cow<'a, Value>;

/// What `nodes` find in `input`, one after another. Missing keys find nothing.
///
/// # Errors
/// Kubectl's, for what does not fit the value.
pub fn walk<'a>(nodes: &[Node], input: Vec<Found<'a>>) -> Result<Vec<Found<'a>>> {
    nodes.iter().try_fold(input, |input, node| step(node, input))
}

fn step<'a>(node: &Node, input: Vec<Found<'a>>) -> Result<Vec<Found<'a>>> {
    Ok(match node {
        Node::Text(text) => vec![Cow::Owned(text.as_str().into())],
        Node::Int(int) => constant(*int, input.len()),
        Node::Float(float) => constant(*float, input.len()),
        Node::Bool(flag) => constant(*flag, input.len()),
        Node::Identifier(name) if name == "end" => bail!("not in range, nothing to end"),
        Node::Identifier(name) => bail!("unrecognized identifier {name}"),
        Node::Field(name) if name.is_empty() => input,
        Node::Field(name) => input.iter().filter_map(|value| of_key(value, name)).collect(),
        Node::Wildcard => input.iter().flat_map(children).collect(),
        Node::Recursive => {
            let mut all = Vec::new();
            descend(input, &mut all);
            all
        }
        Node::Slice(slice) => {
            let mut found = Vec::new();
            for value in input.iter().filter(|value| !value.is_null()) {
                cut(value, *slice, &mut found)?;
            }
            found
        }
        Node::Filter(left, comparison) => {
            let mut found = Vec::new();
            for value in &input {
                let Value::Array(items) = value.as_ref() else {
                    bail!("{} is not array or slice and cannot be filtered", go::text(value));
                };
                for (i, item) in items.iter().enumerate() {
                    if passes(item, left, comparison.as_ref())? {
                        found.extend(of_index(value, i));
                    }
                }
            }
            found
        }
        Node::Union(parts) => {
            let found: Result<Vec<_>> = parts.iter().map(|part| walk(part, input.clone())).collect();
            found?.concat()
        }
    })
}

fn constant<'a>(value: impl Into<Value>, times: usize) -> Vec<Found<'a>> {
    vec![Cow::Owned(value.into()); times]
}

fn of_key<'a>(value: &Found<'a>, key: &str) -> Option<Found<'a>> {
    match value {
        Cow::Borrowed(value) => value.as_object()?.get(key).map(Cow::Borrowed),
        Cow::Owned(value) => value.as_object()?.get(key).cloned().map(Cow::Owned),
    }
}

fn of_index<'a>(value: &Found<'a>, index: usize) -> Option<Found<'a>> {
    match value {
        Cow::Borrowed(value) => value.get(index).map(Cow::Borrowed),
        Cow::Owned(value) => value.get(index).cloned().map(Cow::Owned),
    }
}

fn children<'a>(value: &Found<'a>) -> Vec<Found<'a>> {
    match value.as_ref() {
        Value::Array(items) => (0..items.len()).filter_map(|i| of_index(value, i)).collect(),
        Value::Object(map) => map.keys().filter_map(|key| of_key(value, key)).collect(),
        _ => Vec::new(),
    }
}

/// Everything that has something in it, from the outside in; texts have letters.
fn descend<'a>(input: Vec<Found<'a>>, all: &mut Vec<Found<'a>>) {
    for value in input {
        let children = children(&value);
        if children.is_empty() && value.as_str().is_none_or(str::is_empty) {
            continue;
        }
        all.push(value);
        descend(children, all);
    }
}

fn cut<'a>(value: &Found<'a>, slice: Slice, found: &mut Vec<Found<'a>>) -> Result<()> {
    let Value::Array(items) = value.as_ref() else {
        bail!("{} is not array or slice", go::kind(value));
    };
    let length = i64::try_from(items.len())?;
    let from = slice.from.unwrap_or(0);
    let from = if from < 0 { from.saturating_add(length) } else { from };
    let to = slice.to.unwrap_or(length);
    let to = if to < 0 || (to == 0 && slice.derived) { to.saturating_add(length) } else { to };
    if from == to {
        return Ok(());
    }
    for (bound, index) in [(from >= length || from < 0, from), (to > length || to < 0, to.saturating_sub(1))] {
        if bound {
            bail!("array index out of bounds: index {index}, length {length}");
        }
    }
    if from > to {
        bail!("starting index {from} is greater than ending index {to}");
    }
    let step = slice.step.unwrap_or(1);
    if step <= 0 {
        bail!("step must be > 0");
    }
    let indices = (usize::try_from(from)?..usize::try_from(to)?).step_by(usize::try_from(step)?);
    found.extend(indices.filter_map(|i| of_index(value, i)));
    Ok(())
}

fn passes(item: &Value, left: &[Node], comparison: Option<&(String, Vec<Node>)>) -> Result<bool> {
    let left = walk(left, vec![Cow::Borrowed(item)]);
    let Some((operator, right)) = comparison else { return Ok(left.is_ok_and(|found| !found.is_empty())) };
    let (left, right) = (left?, walk(right, vec![Cow::Borrowed(item)])?);
    let (left, right) = match (left.as_slice(), right.as_slice()) {
        ([], _) | (_, []) => return Ok(false),
        ([left], [right]) => (left, right),
        _ => bail!("can only compare one element at a time"),
    };
    Ok(match operator.as_str() {
        "==" => compare(left, right)? == Ordering::Equal,
        "!=" => compare(left, right)? != Ordering::Equal,
        "<" => compare(left, right)? == Ordering::Less,
        "<=" => compare(left, right)? != Ordering::Greater,
        ">" => compare(left, right)? == Ordering::Greater,
        ">=" => compare(left, right)? != Ordering::Less,
        other => bail!("unrecognized filter operator {other}"),
    })
}

fn compare(left: &Value, right: &Value) -> Result<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Ok(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Ok(left.cmp(&right)),
            (None, None) => Ok(left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)),
            _ => bail!("incompatible types for comparison"),
        },
        (Value::Array(_) | Value::Object(_) | Value::Null, _)
        | (_, Value::Array(_) | Value::Object(_) | Value::Null) => {
            bail!("invalid type for comparison")
        }
        _ => bail!("incompatible types for comparison"),
    }
}
