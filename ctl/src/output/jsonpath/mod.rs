//! Kubectl's JSONPath: text with `{expressions}`, `range` and `end`. It is older than RFC 9535 and not a part of it: blanks, quotes,
//! bounds, comparisons and what is no path at all mean something else (`client-go/util/jsonpath @ v1.36`).

mod eval;
mod parse;
mod template;

pub use template::{Expression, Template};
