//! The terminal on standard input.

use anyhow::{Context as _, Result};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Every key goes to the other side as it is; what was set before comes back when dropped.
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// Makes the terminal raw.
    pub fn enter() -> Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("terminal settings")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).context("terminal settings")?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before) {
            eprintln!("terminal settings: {error}");
        }
    }
}

/// Columns and rows, `None` when standard output is not a terminal.
pub fn size() -> Option<(u16, u16)> {
    tcgetwinsize(std::io::stdout()).ok().map(|size| (size.ws_col, size.ws_row))
}
