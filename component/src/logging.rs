//! The process's log on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// What is logged and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directives such as `info,corvette_kubelet=debug`; `RUST_LOG` wins over them.
    pub filter: String,
    /// How lines look.
    pub format: Format,
}

impl Default for Options {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::Text }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directive does not parse.
    #[error("invalid log filter {filter:?}: {source}")]
    Filter {
        /// The directives as given.
        filter: String,
        /// What the parser said.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// A subscriber was installed before.
    #[error("logging is already set up: {0}")]
    Installed(String),
}

/// Installs the subscriber of the process.
///
/// # Errors
/// An invalid filter, or a second call.
pub fn init(options: &Options) -> Result<(), Error> {
    let directives = std::env::var("RUST_LOG").unwrap_or_else(|_| options.filter.clone());
    let filter = EnvFilter::try_new(&directives).map_err(|source| Error::Filter { filter: directives, source })?;
    // Where a line cannot be written, on a full disk for one, the library would complain with a macro that panics.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let installed = match options.format {
        Format::Json => builder.json().try_init(),
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    installed.map_err(|source| Error::Installed(source.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_refused_by_name() {
        let options = Options { filter: "a=b=c=[".to_owned(), ..Options::default() };
        assert!(init(&options).unwrap_err().to_string().contains("a=b=c=["));
    }
}
