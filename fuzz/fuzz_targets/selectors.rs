//! Label and field selectors: what is shown of a selector reads as the same selector.
#![no_main]

use corvette_api::{fields, labels};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(selector) = labels::Selector::parse(text) {
        let shown = selector.to_string();
        assert_eq!(labels::Selector::parse(&shown), Ok(selector), "{text}");
    }
    if let Ok(selector) = fields::Selector::parse(text) {
        let shown = selector.to_string();
        assert_eq!(fields::Selector::parse(&shown), Ok(selector), "{text}");
    }
});
