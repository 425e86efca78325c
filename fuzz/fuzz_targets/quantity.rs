//! Quantities: the canonical form of what is read means the same, and stays once it is read again. Not at once: as
//! upstream writes it, 62.5Ki becomes 64000, which without its unit is read as a decimal number and becomes 64k.
#![no_main]

use corvette_api::quantity::Quantity;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(quantity) = Quantity::parse(text) else { return };
    let read = |shown: String| Quantity::parse(&shown).expect("the canonical form is a quantity");
    let again = read(quantity.to_string());
    assert_eq!(again.nanos(), quantity.nanos(), "{text}");
    let last = read(again.to_string());
    assert_eq!((last.nanos(), last.to_string()), (again.nanos(), again.to_string()), "{text}");
    let _ = (quantity.value(), quantity.millis(), quantity.as_f64(), quantity + again, quantity - again);
});
