//! The name somebody most likely meant.

/// The most similar of `names`, when one is similar enough to be a slip of the hand.
///
/// Compared without case. A name whose last part is the same is near whatever precedes it:
/// `brokers` at the top of the file means `kafka.brokers`.
pub(super) fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let last = |name: &str| name.rsplit(['.', '_']).next().map(str::to_owned);
    let measured = names.map(|name| {
        let lower = name.to_lowercase();
        let distance = strsim::damerau_levenshtein(&given, &lower);
        let same_end = lower.ends_with(&format!(".{given}"))
            || (given.contains('.') && last(&given) == last(&lower));
        (if same_end { 1 } else { distance }, distance, name)
    });
    let allowed = (given.len() / 3).max(2);
    measured.filter(|(rank, ..)| *rank <= allowed).min().map(|(.., name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_or_a_wrong_section_is_recognised_and_nonsense_is_not() {
        let names = ["kafka.brokers", "kafka.window", "kafka.window_bytes", "postgres.slot"];
        let near = |given| nearest(given, names.into_iter());
        assert_eq!(near("kafka.brokrs"), Some("kafka.brokers"));
        assert_eq!(near("kafka.borkers"), Some("kafka.brokers"));
        assert_eq!(near("Kafka.Window"), Some("kafka.window"));
        assert_eq!(near("brokers"), Some("kafka.brokers"));
        assert_eq!(near("kafka.slot"), Some("postgres.slot"));
        assert_eq!(near("weather.tomorrow"), None);
    }
}
