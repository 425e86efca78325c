//! `$(NAME)` references in values, commands and arguments. Pure.

/// Replaces `$(NAME)` by what `lookup` gives; names it does not know stay as they are. `$$` is a literal dollar.
///
/// As upstream: `third_party/forked/golang/expansion: Expand @ v1.36`.
pub fn expand<'a>(input: &str, lookup: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(input.len());
    let mut rest = input;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            after
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|after| after.split_once(')')) {
            match lookup(name) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            after
        } else {
            out.push('$');
            after
        };
    }
    out.push_str(rest);
    out
}

/// Like [`expand`], but a name that is not known is an error: used where a half-expanded path would be dangerous.
///
/// # Errors
/// The names that are not known.
pub fn expand_strictly<'a>(input: &str, lookup: impl Fn(&str) -> Option<&'a str>) -> Result<String, Vec<String>> {
    let missing = std::cell::RefCell::new(Vec::new());
    let out = expand(input, |name| {
        let value = lookup(name);
        if value.is_none() {
            missing.borrow_mut().push(name.to_owned());
        }
        value
    });
    let missing = missing.into_inner();
    if missing.is_empty() { Ok(out) } else { Err(missing) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vars(name: &str) -> Option<&'static str> {
        match name {
            "A" => Some("1"),
            "B" => Some("$(A)"),
            "EMPTY" => Some(""),
            _ => None,
        }
    }

    #[test]
    fn references_are_replaced_once_and_unknown_ones_stay() {
        for (input, expected) in [
            ("$(A)", "1"),
            ("x$(A)y$(A)", "x1y1"),
            ("$(B)", "$(A)"),
            ("$(EMPTY)", ""),
            ("$(NOPE)", "$(NOPE)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$$$$(A)", "$$(A)"),
            ("$(A", "$(A"),
            ("$A", "$A"),
            ("$", "$"),
            ("a$", "a$"),
            ("$)", "$)"),
            ("$()", "$()"),
            ("", ""),
        ] {
            assert_eq!(expand(input, vars), expected, "{input}");
        }
    }

    #[test]
    fn strict_expansion_names_what_is_missing() {
        assert_eq!(expand_strictly("a/$(A)", vars), Ok("a/1".to_owned()));
        assert_eq!(expand_strictly("$(X)/$(A)/$(Y)", vars), Err(vec!["X".to_owned(), "Y".to_owned()]));
    }

    proptest! {
        #[test]
        fn text_without_dollars_is_kept(input in "[^$]*") {
            prop_assert_eq!(expand(&input, vars), input);
        }

        #[test]
        fn doubling_every_dollar_quotes_any_text(input in ".*") {
            prop_assert_eq!(expand(&input.replace('$', "$$"), vars), input);
        }
    }
}
