//! `--sort-by`.

use std::borrow::Cow;
use std::cmp::Ordering;

use anyhow::{Result, bail};
use corvette_api::quantity::Quantity;
use serde_json::Value;

use crate::output::Expression;

/// Sorts objects by what a path finds in each.
///
/// # Errors
/// For a path that does not parse or finds nothing anywhere.
pub fn objects(objects: &mut Vec<Value>, path: &str) -> Result<()> {
    let expression = Expression::parse(path)?;
    let keys: Result<Vec<_>> = objects.iter().map(|object| key(object, &expression)).collect();
    reorder(objects, keys?, path)
}

/// Sorts the rows of a table by what a path finds in their objects.
///
/// # Errors
/// As [`objects`].
pub fn rows(table: &mut Value, path: &str) -> Result<()> {
    let Some(rows) = table.get_mut("rows").and_then(Value::as_array_mut) else { return Ok(()) };
    let expression = Expression::parse(path)?;
    let keys: Result<Vec<_>> =
        rows.iter().map(|row| key(row.get("object").unwrap_or(&Value::Null), &expression)).collect();
    reorder(rows, keys?, path)
}

fn reorder(values: &mut Vec<Value>, keys: Vec<Option<Value>>, path: &str) -> Result<()> {
    if !keys.is_empty() && keys.iter().all(Option::is_none) {
        bail!("couldn't find any field with path \"{path}\" in the list of objects");
    }
    let mut pairs: Vec<(Option<Value>, Value)> = keys.into_iter().zip(std::mem::take(values)).collect();
    pairs.sort_by(|(a, _), (b, _)| compare(a.as_ref(), b.as_ref()));
    values.extend(pairs.into_iter().map(|(_, value)| value));
    Ok(())
}

fn key(object: &Value, path: &Expression) -> Result<Option<Value>> {
    Ok(path.find(object)?.into_iter().next().map(Cow::into_owned))
}

/// Missing values first; numbers and quantities by value, text with the numbers inside it by value.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64().partial_cmp(&y.as_f64()).unwrap_or(Ordering::Equal),
        (Value::String(x), Value::String(y)) => match (Quantity::parse(x), Quantity::parse(y)) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            _ => natural(x, y),
        },
        (x, y) => x.to_string().cmp(&y.to_string()),
    }
}

fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (x, y) = (digits(a), digits(b));
        if !x.is_empty() && !y.is_empty() {
            let by_value = |d: &str| (d.trim_start_matches('0').len(), d.trim_start_matches('0').to_owned());
            match by_value(x).cmp(&by_value(y)) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
            (a, b) = (a.get(x.len()..).unwrap_or_default(), b.get(y.len()..).unwrap_or_default());
            continue;
        }
        let (mut rest_a, mut rest_b) = (a.chars(), b.chars());
        match (rest_a.next(), rest_b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) if x != y => return x.cmp(&y),
            _ => (a, b) = (rest_a.as_str(), rest_b.as_str()),
        }
    }
}

fn digits(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::objects;

    #[test]
    fn values_sort_as_people_expect() {
        let rows = [
            (json!([3, 10, 2]), json!([2, 3, 10])),
            (json!(["pod-10", "pod-9", "a"]), json!(["a", "pod-9", "pod-10"])),
            (json!(["1Gi", "500Mi", "2Ki"]), json!(["2Ki", "500Mi", "1Gi"])),
            (json!(["b", null, "a"]), json!([null, "a", "b"])),
        ];
        for (given, expected) in rows {
            let wrap = |v: &Value| if v.is_null() { json!({}) } else { json!({ "k": v }) };
            let mut values: Vec<Value> = given.as_array().unwrap().iter().map(wrap).collect();
            objects(&mut values, "{.k}").unwrap();
            let expected: Vec<Value> = expected.as_array().unwrap().iter().map(wrap).collect();
            assert_eq!(values, expected);
        }
        assert!(objects(&mut vec![json!({})], ".k").is_err());
    }
}
