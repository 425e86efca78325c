//! What claims of storage use.

use serde_json::Value;

use super::{Amounts, ONE};
use crate::kinds::podspec::resources::totals;
use crate::meta;
use crate::quantity::{Format, Quantity};

const NAMES: [&str; 2] = ["persistentvolumeclaims", "requests.storage"];
/// Between the name of a class and what is limited of it.
const OF_CLASS: &str = ".storageclass.storage.k8s.io/";
/// Where the class stood before it was a field.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// Says whether claims use what `name` limits.
pub fn uses(name: &str) -> bool {
    NAMES.contains(&name.split_once(OF_CLASS).map_or(name, |(_, name)| name))
}

/// Adds what a claim uses, in all and of its class.
pub fn usage(claim: &Value, used: &mut Amounts) {
    let field = claim.pointer("/spec/storageClassName").and_then(Value::as_str);
    let class = meta::annotation(claim, CLASS_ANNOTATION).or(field).filter(|class| !class.is_empty());
    let requested = totals(claim, "/spec/resources/requests").remove("storage");
    let allocated = totals(claim, "/status/allocatedResources").remove("storage");
    let storage = requested.map(|requested| whole(allocated.map_or(requested, |allocated| allocated.max(requested))));
    for (name, amount) in NAMES.into_iter().zip([Some(ONE), storage]) {
        let Some(amount) = amount else { continue };
        used.insert(name.to_owned(), amount);
        if let Some(class) = class {
            used.insert(format!("{class}{OF_CLASS}{name}"), amount);
        }
    }
}

fn whole(amount: Quantity) -> Quantity {
    if amount.is_whole() { amount } else { Quantity::new(amount.value(), Format::DecimalSi) }
}
