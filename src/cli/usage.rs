//! Wrong usage, told as every other refusal: one sentence that says what is wrong, and a hint.

use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

/// A sentence and a hint; `None` when `error` is no mistake but help or the version.
pub(super) fn refusal(error: &Error) -> Option<(String, String)> {
    let help = "`postrider --help` shows what there is".to_owned();
    let given = |kind| text(error, kind);
    let sentence = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::InvalidSubcommand => {
            format!("there is no command {:?}", given(ContextKind::InvalidSubcommand)?)
        }
        ErrorKind::UnknownArgument => unknown(&given(ContextKind::InvalidArg)?),
        ErrorKind::ArgumentConflict => {
            let (one, other) = (given(ContextKind::InvalidArg)?, given(ContextKind::PriorArg));
            let one = name(&one).to_owned();
            match other.as_deref().map(name).filter(|other| *other != one) {
                Some(other) => format!("{one} and {other} cannot be given together"),
                None => format!("{one} is given more than once"),
            }
        }
        ErrorKind::TooManyValues => {
            format!("{} takes no value", name(&given(ContextKind::InvalidArg)?))
        }
        ErrorKind::InvalidValue => {
            let argument = given(ContextKind::InvalidArg)?;
            match given(ContextKind::InvalidValue).filter(|value| !value.is_empty()) {
                None => format!("{argument} needs a value"),
                Some(value) => format!("{value:?} is nothing that {argument} takes"),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            format!("{} is missing", given(ContextKind::InvalidArg)?)
        }
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        _ => first_line(error),
    };
    let nearest = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
    let nearest = nearest.into_iter().find_map(|kind| text(error, kind));
    let valid = text(error, ContextKind::ValidValue).map(|valid| format!("it takes {valid}"));
    let hint = nearest.map(|nearest| format!("did you mean {nearest}?")).or(valid);
    Some((sentence, hint.map_or(help.clone(), |hint| format!("{hint} {help}"))))
}

fn unknown(argument: &str) -> String {
    match argument.starts_with('-') {
        true => format!("there is no option {argument}"),
        false => format!("{argument:?} is one argument too many"),
    }
}

/// The option without the name of its value: `--config` of `--config <FILE>`.
fn name(argument: &str) -> &str {
    argument.split([' ', '=']).next().unwrap_or(argument)
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) if !texts.is_empty() => Some(texts.join(", ")),
        _ => None,
    }
}

/// What clap says, of which only the first line is a sentence.
fn first_line(error: &Error) -> String {
    let text = error.render().to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command};

    use super::*;

    fn told(args: &[&str]) -> (String, String) {
        let command = Command::new("postrider")
            .subcommand_required(true)
            .subcommand(
                Command::new("run")
                    .arg(Arg::new("rate").long("rate").value_parser(clap::value_parser!(u32)))
                    .arg(Arg::new("log").long("log").value_parser(["text", "json"]))
                    .arg(Arg::new("dry").long("dry").action(ArgAction::SetTrue)),
            )
            .subcommand(Command::new("show").arg(Arg::new("id").required(true)));
        let args = std::iter::once("postrider").chain(args.iter().copied());
        let error = command.try_get_matches_from(args).expect_err("wrong usage");
        refusal(&error).expect("a refusal")
    }

    #[test]
    fn every_kind_of_mistake_is_one_sentence_with_a_hint() {
        for (args, sentence, hint) in [
            (&[] as &[&str], "'postrider' requires a subcommand", "--help"),
            (&["rum"], "there is no command \"rum\"", "did you mean run?"),
            (&["weather"], "there is no command \"weather\"", "--help"),
            (&["run", "--drry"], "there is no option --drry", "did you mean --dry?"),
            (&["run", "-x"], "there is no option -x", "--help"),
            (&["run", "now"], "\"now\" is one argument too many", "--help"),
            (&["run", "--dry", "--dry"], "--dry is given more than once", "--help"),
            (&["run", "--dry=1"], "--dry takes no value", "--help"),
            (&["run", "--rate"], "--rate <rate> needs a value", "--help"),
            (&["run", "--rate", "fast"], "invalid value 'fast' for '--rate <rate>'", "--help"),
            (&["run", "--log", "xml"], "\"xml\" is nothing that --log <log> takes", "text, json"),
            (&["show"], "<id> is missing", "--help"),
        ] {
            let (said, hinted) = told(args);
            assert!(said.starts_with(sentence), "{args:?}: {said}");
            assert!(hinted.contains(hint), "{args:?}: {hinted}");
            assert!(!said.contains('\n') && !hinted.contains('\n'), "{args:?}");
        }
    }
}
