//! Quantities: the canonical form of what is read means the same and stays.
#![no_main]

use corvette_api::quantity::Quantity;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(quantity) = Quantity::parse(text) else { return };
    let shown = quantity.to_string();
    let again = Quantity::parse(&shown).expect("the canonical form is a quantity");
    assert_eq!((again.nanos(), again.to_string()), (quantity.nanos(), shown), "{text}");
    let _ = (quantity.value(), quantity.millis(), quantity.as_f64(), quantity + again, quantity - again);
});
