//! Printing: what `-o` can be.

mod columns;
mod format;
pub mod go;
mod jsonpath;
mod table;

pub use columns::CustomColumns;
pub use format::{Format, indented, name};
pub use jsonpath::{Expression, Template};
pub use table::{Heading, Lead, Style, Table, Widths};
