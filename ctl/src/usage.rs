//! How mistakes on the command line read: kubectl's words for the parser's.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _};

use crate::commands::Cvctl;

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
                "" => format!("error: unknown command \"{word}\" for \"cvctl\"{}", similar(&word)),
                parent => format!("error: unknown command \"{word}\"\nSee 'cvctl {parent} -h' for help and examples"),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = context(ContextKind::InvalidArg);
            let flags: Vec<String> = missing
                .split(", ")
                .filter_map(|arg| arg.split([' ', '=']).next()?.strip_prefix("--").map(|flag| format!("\"{flag}\"")))
                .collect();
            if flags.is_empty() {
                return format!("error: missing argument: {missing}{}", see(args));
            }
            format!("error: required flag(s) {} not set", flags.join(", "))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let (flag, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
            let flag = flag.split([' ', '[']).next().unwrap_or_default();
            if value.is_empty() {
                return format!("error: flag needs an argument: {}{}", as_given(flag, args), see(args));
            }
            match std::error::Error::source(mistake) {
                // What our own parsers say is said already as kubectl does.
                Some(said) if mistake.kind() == ErrorKind::ValueValidation && !said.is::<std::num::ParseIntError>() => {
                    format!("error: {said}")
                }
                Some(_) => {
                    let parsing = format!("strconv.ParseInt: parsing \"{value}\": invalid syntax");
                    format!("error: invalid argument \"{value}\" for \"{flag}\" flag: {parsing}{}", see(args))
                }
                None => format!("error: invalid argument \"{value}\" for \"{flag}\" flag{}", see(args)),
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => mistake.to_string().trim_end().to_owned(),
        _ => {
            let said = mistake.to_string();
            said.lines().next().unwrap_or_default().to_owned()
        }
    }
}

/// The commands that may have been meant: two letters away at most, or longer.
fn similar(word: &str) -> String {
    let command = Cvctl::command();
    let near = |name: &&str| distance(word, name) <= 2 || name.starts_with(&word.to_lowercase());
    let found: String =
        command.get_subcommands().map(Command::get_name).filter(near).map(|name| format!("\n\t{name}")).collect();
    if found.is_empty() { found } else { format!("\n\nDid you mean this?{found}") }
}

/// How many letters have to be added, removed or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((j, y), pair) in b.iter().enumerate().zip(row.windows(2)) {
            let [above_left, above] = pair else { continue };
            let left = next.get(j).copied().unwrap_or(usize::MAX);
            next.push((above_left + usize::from(x != *y)).min(above + 1).min(left.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// A flag as it stands on the command line, which may be its letter.
fn as_given(flag: &str, args: &[String]) -> String {
    match args.iter().rev().find(|arg| arg.starts_with('-')) {
        Some(short) if !short.starts_with("--") => {
            let letter = short.chars().next_back().unwrap_or_default();
            format!("'{letter}' in {short}")
        }
        _ => flag.to_owned(),
    }
}

/// Where help is.
fn see(args: &[String]) -> String {
    let root = Cvctl::command();
    let (mut known, mut path) = (root.clone(), String::new());
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        if word.starts_with('-') {
            if value_follows(&root, word) {
                words.next();
            }
            continue;
        }
        let Some(inner) = known.find_subcommand(word) else { break };
        path.push_str(&format!(" {word}"));
        known = inner.clone();
    }
    format!("\nSee 'cvctl{path} --help' for usage.")
}

/// Whether the word after a flag is its value.
fn value_follows(command: &Command, flag: &str) -> bool {
    command.get_arguments().filter(|known| known.get_action().takes_values()).any(|known| {
        let short = known.get_short().is_some_and(|letter| flag.strip_prefix('-') == Some(letter.to_string().as_str()));
        short || known.get_long().is_some_and(|long| flag.strip_prefix("--") == Some(long))
    })
}

fn unknown(argument: &str, args: &[String]) -> String {
    let said = match (argument.strip_prefix("--"), argument.strip_prefix('-')) {
        (Some(_), _) => format!("unknown flag: {argument}"),
        (None, Some(letter)) => {
            let whole = args.iter().find(|arg| !arg.starts_with("--") && arg.contains(letter) && arg.starts_with('-'));
            let letter = letter.chars().next().unwrap_or_default();
            format!("unknown shorthand flag: '{letter}' in {}", whole.map_or(argument, String::as_str))
        }
        (None, None) => format!("unexpected argument: {argument}"),
    };
    format!("error: {said}{}", see(args))
}

/// The command whose subcommand `word` should have been.
fn parent<'a>(args: &'a [String], word: &str) -> &'a str {
    let before = args.iter().skip(1).take_while(|arg| *arg != word);
    before.filter(|arg| !arg.starts_with('-')).last().map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::in_kubectls_words;

    #[test]
    fn mistakes_read_as_kubectls() {
        let rows = [
            ("get --bogus", "error: unknown flag: --bogus\nSee 'cvctl get --help' for usage."),
            ("-n get scale --bogus", "error: unknown flag: --bogus\nSee 'cvctl scale --help' for usage."),
            ("get -Z", "error: unknown shorthand flag: 'Z' in -Z\nSee 'cvctl get --help' for usage."),
            ("xyzzyxyzzy", "error: unknown command \"xyzzyxyzzy\" for \"cvctl\""),
            ("gett", "error: unknown command \"gett\" for \"cvctl\"\n\nDid you mean this?\n\tset\n\tget"),
            ("rollout xyzzy", "error: unknown command \"xyzzy\"\nSee 'cvctl rollout -h' for help and examples"),
            ("scale deploy web", "error: required flag(s) \"replicas\" not set"),
            ("get pods -o", "error: flag needs an argument: 'o' in -o\nSee 'cvctl get --help' for usage."),
            (
                "scale x --replicas=many",
                "error: invalid argument \"many\" for \"--replicas\" flag: strconv.ParseInt: parsing \"many\": invalid syntax\nSee 'cvctl scale --help' for usage.",
            ),
        ];
        for (line, expected) in rows {
            let args: Vec<String> = ["cvctl"].into_iter().chain(line.split(' ')).map(str::to_owned).collect();
            let given: Vec<std::ffi::OsString> = args.iter().map(Into::into).collect();
            let mistake = crate::parse(&given).err().unwrap();
            assert_eq!(in_kubectls_words(&mistake, &args), expected, "{line}");
        }
    }
}
