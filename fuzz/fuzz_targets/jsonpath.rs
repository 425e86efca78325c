//! The JSONPath templates of cvctl: any text is a template or refused, and printing ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

#[path = "../../ctl/src/output/go.rs"]
#[allow(dead_code)]
mod go;
#[path = "../../ctl/src/output/jsonpath/mod.rs"]
#[allow(dead_code, unused_imports)]
mod jsonpath;

/// Where the printer's own module looks for its neighbour.
mod output {
    pub(crate) use super::go;
}

fuzz_target!(|text: &str| {
    let list = json!({"kind": "List", "items": [
        {"metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x"}}, "n": 1, "on": true},
        {"metadata": {"name": "b"}, "n": 2.5, "list": [null, [1, 2, 3], {"a": "é"}]},
    ]});
    if let Ok(template) = jsonpath::Template::parse(text) {
        let _ = template.print(&list);
        let _ = template.values(&list);
    }
});
