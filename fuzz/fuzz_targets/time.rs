//! RFC 3339 times, with seconds and with microseconds.
#![no_main]

use corvette_api::time;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(at) = time::parse(text) {
        assert_eq!(time::parse(&time::format(at)).map(time::format), Ok(time::format(at)), "{text}");
    }
    if let Ok(at) = time::parse_micro(text) {
        assert_eq!(
            time::parse_micro(&time::format_micro(at)).map(time::format_micro),
            Ok(time::format_micro(at)),
            "{text}"
        );
    }
});
