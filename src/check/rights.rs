//! Rights: enough to publish, and not more than that.

use super::report::{Area, Line};
use crate::{fault::Fault, postgres::survey::Role};

const HERE: Area = Area::Rights;

/// What became of a replication connection, which has the last word on the right to replicate:
/// managed services have rules of their own.
pub(super) enum Trial {
    /// The server took it.
    Admitted,
    /// It did not.
    Refused(Fault),
    /// Our publisher has one of the walsenders, and none is left.
    LeftOut,
}

/// The right to replicate, and what is too much.
pub(super) fn judge(user: &str, table: &str, role: &Role, trial: Trial) -> Vec<Line> {
    vec![replication(user, trial), excess(user, table, role)]
}

fn replication(user: &str, trial: Trial) -> Line {
    let name = "replication";
    match trial {
        Trial::Admitted => Line::ok(HERE, name, format!("role {user:?} may log in and replicate")),
        Trial::LeftOut => Line::ok(
            HERE,
            name,
            format!(
                "whether role {user:?} may replicate was not tried: our publisher has one of the \
                 last walsenders"
            ),
        ),
        Trial::Refused(fault) => Line::of(HERE, name, &fault),
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
        let denied = Trial::Refused(Fault::new(FaultKind::Rights, "no", "grant it"));
        for (role, trial, states, part) in [
            (role(&[], &[]), Trial::Admitted, [Fine, Fine], "no more rights"),
            (owner(role(&[], &[])), Trial::Admitted, [Fine, Fine], "also owns public.outbox"),
            (owner(root), Trial::Admitted, [Fine, Warning], "\"shop\" is a superuser;"),
            (
                owner(role(&["CREATEROLE", "CREATEDB"], &[])),
                Trial::Admitted,
                [Fine, Warning],
                "has CREATEROLE, CREATEDB;",
            ),
            (
                role(&[], &["pg_maintain"]),
                Trial::Admitted,
                [Fine, Warning],
                "is a member of pg_maintain;",
            ),
            (
                role(&["BYPASSRLS"], &["pg_read_all_data", "pg_write_all_data"]),
                Trial::Admitted,
                [Fine, Warning],
                "has BYPASSRLS and is a member of pg_read_all_data, pg_write_all_data;",
            ),
            (role(&[], &[]), Trial::LeftOut, [Fine, Fine], "no more rights"),
            (role(&[], &[]), denied, [Bad, Fine], "no more rights"),
        ] {
            let lines = judge("shop", "public.outbox", &role, trial);
            assert_eq!([lines[0].state, lines[1].state], states, "{lines:?}");
            assert!(lines[1].sentence.contains(part), "{lines:?}");
        }
    }
}
