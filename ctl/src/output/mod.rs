//! Printing: what `-o` can be.

mod columns;
mod format;
mod jsonpath;
mod table;

pub use columns::CustomColumns;
pub use format::{Format, name};
pub use jsonpath::Template;
pub use table::{Heading, Lead, Style, Table, Widths};
