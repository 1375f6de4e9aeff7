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
    let excess = match (role.superuser, excess_of(role)) {
        (true, _) => "is a superuser".to_owned(),
        (false, excess) if !excess.is_empty() => excess,
        (false, _) if role.owns_table => {
            let sentence = format!("role {user:?} also owns {table}, which run does not need");
            return Line::ok(HERE, name, sentence);
        }
        (false, _) => {
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

/// `has CREATEDB and is a member of pg_read_all_data`; empty when there is nothing to name.
fn excess_of(role: &Role) -> String {
    let said = |verb: &str, names: &[String]| {
        (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
    };
    let parts = [said("has", &role.attributes), said("is a member of", &role.member_of)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
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
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let role = |attributes: &[&str], member_of: &[&str]| Role {
            attributes: texts(attributes),
            member_of: texts(member_of),
            ..Role::default()
        };
        let owner = |role: Role| Role { owns_table: true, ..role };
        let root = Role { superuser: true, ..role(&["CREATEROLE"], &["pg_maintain"]) };
        let denied = || Err(Fault::new(FaultKind::Rights, "no", "grant it"));
        for (role, attempt, states, part) in [
            (role(&[], &[]), Ok(()), [Fine, Fine], "no more rights"),
            (owner(role(&[], &[])), Ok(()), [Fine, Fine], "also owns public.outbox"),
            (owner(root), Ok(()), [Fine, Warning], "\"shop\" is a superuser;"),
            (
                owner(role(&["CREATEROLE", "CREATEDB"], &[])),
                Ok(()),
                [Fine, Warning],
                "has CREATEROLE, CREATEDB;",
            ),
            (role(&[], &["pg_maintain"]), Ok(()), [Fine, Warning], "is a member of pg_maintain;"),
            (
                role(&["BYPASSRLS"], &["pg_read_all_data", "pg_write_all_data"]),
                Ok(()),
                [Fine, Warning],
                "has BYPASSRLS and is a member of pg_read_all_data, pg_write_all_data;",
            ),
            (role(&[], &[]), denied(), [Bad, Fine], "no more rights"),
        ] {
            let lines = judge("shop", "public.outbox", &role, attempt);
            assert_eq!([lines[0].state, lines[1].state], states, "{lines:?}");
            assert!(lines[1].sentence.contains(part), "{lines:?}");
        }
    }
}
