//! Strategic merge patch: the difference of two objects, applied to the first, gives the second; any JSON is a patch or refused.
#![no_main]

use corvette_api::patch::strategic;
use corvette_api::schema;
use libfuzzer_sys::{arbitrary::Unstructured, fuzz_target};

fuzz_target!(|data: &[u8]| {
    if let Some([original, modified, current]) = corvette_fuzz::json_parts(data) {
        let def = schema::of_kind("", "v1", "Pod").expect("there are pods");
        let _ = strategic::diff(def, &original, &modified);
        let _ = strategic::three_way(def, &original, &modified, &current);
        let _ = strategic::apply(def, original, modified);
        return;
    }
    let mut bytes = Unstructured::new(data);
    let Ok((gvk, def)) = corvette_fuzz::kind(&mut bytes) else { return };
    let (Ok(original), Ok(modified)) =
        (corvette_fuzz::object(gvk, def, &mut bytes), corvette_fuzz::object(gvk, def, &mut bytes))
    else {
        return;
    };
    let patch = strategic::diff(def, &original, &modified).expect("merge keys are there");
    let patched = strategic::apply(def, original.clone(), patch.clone()).expect("the patch is well formed");
    assert_eq!(patched, modified, "{original} + {patch}");
});
