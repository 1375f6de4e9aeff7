//! Words: numbers, times and lists as sentences have them.

use std::time::Duration;

/// `900,000 bytes`, `1 GiB`, `1.5 GiB`: whole bytes where that is shorter or exact.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (count as f64, None);
    for name in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = Some(name);
    }
    match unit {
        None => format!("{count} bytes"),
        Some(unit) if value.fract() < 0.05 => format!("{value:.0} {unit}"),
        Some(unit) => format!("{value:.1} {unit}"),
    }
}

/// A count with a comma at each thousand.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time in the largest unit that divides it: `7 days`, `90 s`, `250 ms`.
pub(super) fn time(duration: Duration) -> String {
    let ms = duration.as_millis();
    let plural = |count: u128, unit: &str| match count {
        1 => format!("1 {unit}"),
        _ => format!("{} {unit}s", self::count(u64::try_from(count).unwrap_or(u64::MAX))),
    };
    match ms {
        0 => "0 s".to_owned(),
        _ if ms.is_multiple_of(86_400_000) => plural(ms / 86_400_000, "day"),
        _ if ms.is_multiple_of(3_600_000) => plural(ms / 3_600_000, "hour"),
        _ if ms.is_multiple_of(60_000) => plural(ms / 60_000, "minute"),
        _ if ms.is_multiple_of(1000) => format!("{} s", ms / 1000),
        _ => format!("{ms} ms"),
    }
}

/// `a`, `a and b`, `a, b and 3 more`: never more than the first three.
pub(super) fn list(items: &[String]) -> String {
    const SHOWN: usize = 3;
    match items {
        [] => String::new(),
        [one] => one.clone(),
        _ if items.len() <= SHOWN => {
            let (last, rest) = items.split_at(items.len() - 1);
            format!("{} and {}", last.join(", "), rest[0])
        }
        _ => format!("{} and {} more", items[..SHOWN - 1].join(", "), items.len() - SHOWN + 1),
    }
}

/// `1 replica`, `2 replicas`.
pub(super) fn several(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", count(number as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_lists_read_well() {
        assert_eq!(bytes(1000), "1000 bytes");
        assert_eq!(bytes(1_048_576), "1 MiB");
        assert_eq!(bytes(1_610_612_736), "1.5 GiB");
        assert_eq!(count(0), "0");
        assert_eq!(count(900_000), "900,000");
        assert_eq!(count(1_048_588), "1,048,588");
        let ms = |ms| time(Duration::from_millis(ms));
        assert_eq!([ms(0), ms(250), ms(90_000), ms(60_000)], ["0 s", "250 ms", "90 s", "1 minute"]);
        assert_eq!([ms(604_800_000), ms(7_200_000)], ["7 days", "2 hours"]);
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).into();
        assert_eq!(list(&names[..1]), "a");
        assert_eq!(list(&names[..3]), "a, b and c");
        assert_eq!(list(&names), "a, b and 2 more");
        assert_eq!([several(1, "slot"), several(2, "slot")], ["1 slot", "2 slots"]);
    }
}
