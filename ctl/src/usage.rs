//! How mistakes on the command line read: kubectl's words for the parser's.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The message for a mistake, without help for the rest.
pub fn in_kubectls_words(mistake: &clap::Error, args: &[String]) -> String {
    let context = |kind: ContextKind| match mistake.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    match mistake.kind() {
        ErrorKind::UnknownArgument => unknown(&context(ContextKind::InvalidArg), args),
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand);
            match parent(args, &word) {
                "" => {
                    let similar = context(ContextKind::SuggestedSubcommand);
                    let hint = similar.split(", ").filter(|s| !s.is_empty()).map(|s| format!("\n\t{s}"));
                    let hint: String = hint.collect();
                    let hint = if hint.is_empty() { hint } else { format!("\n\nDid you mean this?{hint}") };
                    format!("error: unknown command \"{word}\" for \"cvctl\"{hint}")
                }
                parent => format!("error: unknown command \"{word}\"\nSee 'cvctl {parent} -h' for help and examples"),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = context(ContextKind::InvalidArg);
            let flags: Vec<String> = missing
                .split(", ")
                .filter_map(|arg| arg.split(' ').next()?.strip_prefix("--").map(|flag| format!("\"{flag}\"")))
                .collect();
            format!("error: required flag(s) {} not set", flags.join(", "))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let (flag, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
            let flag = flag.split(' ').next().unwrap_or_default();
            if value.is_empty() {
                return format!("error: flag needs an argument: {flag}");
            }
            format!("error: invalid argument \"{value}\" for \"{flag}\" flag")
        }
        _ => mistake.to_string().trim_end().to_owned(),
    }
}

fn unknown(argument: &str, args: &[String]) -> String {
    let command = args.iter().skip(1).find(|arg| !arg.starts_with('-')).map_or("", String::as_str);
    let space = if command.is_empty() { "" } else { " " };
    let said = match (argument.strip_prefix("--"), argument.strip_prefix('-')) {
        (Some(_), _) => format!("unknown flag: {argument}"),
        (None, Some(letter)) => {
            let whole = args.iter().find(|arg| !arg.starts_with("--") && arg.contains(letter) && arg.starts_with('-'));
            let letter = letter.chars().next().unwrap_or_default();
            format!("unknown shorthand flag: '{letter}' in {}", whole.map_or(argument, String::as_str))
        }
        (None, None) => format!("unexpected argument: {argument}"),
    };
    format!("error: {said}\nSee 'cvctl{space}{command} --help' for usage.")
}

/// The command whose subcommand `word` should have been.
fn parent<'a>(args: &'a [String], word: &str) -> &'a str {
    let before = args.iter().skip(1).take_while(|arg| *arg != word);
    before.filter(|arg| !arg.starts_with('-')).last().map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::in_kubectls_words;
    use crate::commands::Cvctl;

    #[test]
    fn mistakes_read_as_kubectls() {
        let rows = [
            ("get --bogus", "error: unknown flag: --bogus\nSee 'cvctl get --help' for usage."),
            ("get -Z", "error: unknown shorthand flag: 'Z' in -Z\nSee 'cvctl get --help' for usage."),
            ("xyzzy", "error: unknown command \"xyzzy\" for \"cvctl\""),
            ("gett", "error: unknown command \"gett\" for \"cvctl\"\n\nDid you mean this?\n\tget"),
            ("rollout xyzzy", "error: unknown command \"xyzzy\"\nSee 'cvctl rollout -h' for help and examples"),
            ("scale deploy web", "error: required flag(s) \"replicas\" not set"),
            ("get pods -o", "error: flag needs an argument: --output"),
            ("scale x --replicas=many", "error: invalid argument \"many\" for \"--replicas\" flag"),
        ];
        for (line, expected) in rows {
            let args: Vec<String> = ["cvctl"].into_iter().chain(line.split(' ')).map(str::to_owned).collect();
            let mistake = Cvctl::try_parse_from(&args).err().unwrap();
            assert_eq!(in_kubectls_words(&mistake, &args), expected, "{line}");
        }
    }
}
