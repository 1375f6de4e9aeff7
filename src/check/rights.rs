//! Rights: enough to publish, and not more than that.

use super::report::{Area, Line};
use crate::{fault::Fault, postgres::survey::Role};

const HERE: Area = Area::Rights;

/// `attempt` is what became of a replication connection, which has the last word on the right to
/// replicate: managed services have rules of their own.
pub(super) fn judge(user: &str, table: &str, role: &Role, attempt: Result<(), Fault>) -> Vec<Line> {
    vec![replication(user, attempt), excess(user, table, role)]
}

fn replication(user: &str, attempt: Result<(), Fault>) -> Line {
    match attempt {
        Ok(()) => {
            let sentence = format!("role {user:?} may log in and replicate");
            Line::ok(HERE, "replication", sentence)
        }
        Err(fault) => Line::of(HERE, "replication", &fault),
    }
}

/// What a stolen password would give away.
fn excess(user: &str, table: &str, role: &Role) -> Line {
    let name = "privileges";
    let excess = match (role.superuser, role.create_role) {
        (true, _) => "is a superuser",
        (false, true) => "may create roles",
        (false, false) if role.owns_table => {
            let sentence = format!("role {user:?} also owns {table}, which run does not need");
            return Line::ok(HERE, name, sentence);
        }
        (false, false) => {
            let sentence = format!("role {user:?} has no more rights than run needs");
            return Line::ok(HERE, name, sentence);
        }
    };
    Line::warning(
        HERE,
        name,
        format!("role {user:?} {excess}; run needs LOGIN and REPLICATION alone"),
        "run as a role of its own, which sql/publisher_role.sql makes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::report::State::{Fault as Bad, Ok as Fine, Warning},
        fault::FaultKind,
    };

    #[test]
    fn a_role_may_replicate_and_little_else() {
        let role = |superuser, create_role, owns_table| Role { superuser, create_role, owns_table };
        let denied = || Err(Fault::new(FaultKind::Rights, "no", "grant it"));
        for (role, attempt, states, part) in [
            (role(false, false, false), Ok(()), [Fine, Fine], "no more rights"),
            (role(false, false, true), Ok(()), [Fine, Fine], "also owns public.outbox"),
            (role(true, true, true), Ok(()), [Fine, Warning], "is a superuser"),
            (role(false, true, false), Ok(()), [Fine, Warning], "may create roles"),
            (role(false, false, false), denied(), [Bad, Fine], "no more rights"),
        ] {
            let lines = judge("shop", "public.outbox", &role, attempt);
            assert_eq!([lines[0].state, lines[1].state], states, "{lines:?}");
            assert!(lines[1].sentence.contains(part), "{lines:?}");
        }
    }
}
