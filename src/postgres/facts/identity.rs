//! What makes table and publication the ones they were, taken from the facts.

use super::{Facts, Persistence};
use crate::witness::{Identity, Look};

/// The part that is the publication itself.
pub const THE_PUBLICATION: &str = "the publication";

impl Facts {
    /// The catalog at this moment, for a witness.
    pub fn look(&self) -> Look {
        Look {
            lsn: self.server.current_lsn,
            oldest_xid: self.server.oldest_xid,
            identity: self.identity(),
        }
    }

    /// A part for each thing that decides whether rows reach the slot. With the transactions that
    /// made the present rows of the catalog: what was changed and changed back is not the same. Without
    /// names: a table that was renamed, with the setting, is the same one.
    fn identity(&self) -> Identity {
        let publication = self.publication.as_ref();
        let table = self.table.as_ref();
        let missing = || "missing".to_owned();
        let entry = publication.and_then(|publication| publication.entry.clone());
        let persistence = table.map(|table| match table.persistence {
            Persistence::Permanent => "permanent",
            Persistence::Unlogged => "unlogged",
            Persistence::Temporary => "temporary",
        });
        Identity::new([
            (
                THE_PUBLICATION,
                publication.map_or_else(missing, |p| format!("{}/{}", p.oid, p.changed_by)),
            ),
            (
                "the publication's entry of the table",
                entry.unwrap_or_else(|| match publication.is_some_and(|p| p.all_tables) {
                    true => "all tables".to_owned(),
                    false => missing(),
                }),
            ),
            ("the table", table.map_or_else(missing, |table| table.oid.to_string())),
            ("the table's persistence", persistence.unwrap_or_default().into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::sound;
    use super::*;

    #[track_caller]
    fn changed(change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = sound();
        change(&mut facts);
        sound().identity().differences(&facts.identity())
    }

    #[test]
    fn each_change_that_may_lose_rows_shows() {
        assert_eq!(changed(|_| {}), [""; 0]);
        let entry = "the publication's entry of the table";
        let of_publication =
            |facts: &mut Facts, change: &dyn Fn(&mut super::super::PublicationFacts)| {
                change(facts.publication.as_mut().expect("there is one"));
            };
        assert_eq!(
            changed(|f| of_publication(f, &|p| p.changed_by = "800".into())),
            ["the publication"]
        );
        assert_eq!(changed(|f| of_publication(f, &|p| p.entry = Some("3/800".into()))), [entry]);
        assert_eq!(changed(|f| of_publication(f, &|p| p.entry = None)), [entry]);
        assert_eq!(changed(|f| f.publication = None), ["the publication", entry]);
        assert_eq!(changed(|f| f.table.as_mut().expect("there").oid = 9), ["the table"]);
        let unlogged = |facts: &mut Facts| {
            facts.table.as_mut().expect("there").persistence = Persistence::Unlogged;
        };
        assert_eq!(changed(unlogged), ["the table's persistence"]);
    }

    #[test]
    fn other_tables_of_the_publication_do_not_matter() {
        let publication = |facts: &mut Facts| {
            facts.publication.as_mut().expect("there").other_tables = 5;
        };
        assert_eq!(changed(publication), [""; 0]);
    }
}
