//! What makes table and publication the ones they were, taken from the facts.

use super::{Facts, Persistence};
use crate::witness::{Identity, Look};

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
    /// made the present rows of the catalog: what was changed and changed back is not the same.
    fn identity(&self) -> Identity {
        let publication = self.publication.as_ref();
        let table = self.table.as_ref();
        let name = &self.names.publication;
        let missing = || "missing".to_owned();
        let entry = publication.and_then(|publication| publication.entry.clone());
        let persistence = table.map(|table| match table.persistence {
            Persistence::Permanent => "permanent",
            Persistence::Unlogged => "unlogged",
            Persistence::Temporary => "temporary",
        });
        let table_name = &self.names.table;
        Identity::new([
            (
                &*format!("publication {name:?}"),
                publication.map_or_else(missing, |p| format!("{}/{}", p.oid, p.changed_by)),
            ),
            (
                &*format!("the entry of {table_name} in it"),
                entry.unwrap_or_else(|| match publication.is_some_and(|p| p.all_tables) {
                    true => "all tables".to_owned(),
                    false => missing(),
                }),
            ),
            (
                &*format!("table {table_name}"),
                table.map_or_else(missing, |table| table.oid.to_string()),
            ),
            (&*format!("the persistence of {table_name}"), persistence.unwrap_or_default().into()),
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
        let entry = "the entry of public.outbox in it";
        let of_publication =
            |facts: &mut Facts, change: &dyn Fn(&mut super::super::PublicationFacts)| {
                change(facts.publication.as_mut().expect("there is one"));
            };
        assert_eq!(
            changed(|f| of_publication(f, &|p| p.changed_by = "800".into())),
            ["publication \"p\""]
        );
        assert_eq!(changed(|f| of_publication(f, &|p| p.entry = Some("3/800".into()))), [entry]);
        assert_eq!(changed(|f| of_publication(f, &|p| p.entry = None)), [entry]);
        assert_eq!(changed(|f| f.publication = None), ["publication \"p\"", entry]);
        assert_eq!(changed(|f| f.table.as_mut().expect("there").oid = 9), ["table public.outbox"]);
        let unlogged = |facts: &mut Facts| {
            facts.table.as_mut().expect("there").persistence = Persistence::Unlogged;
        };
        assert_eq!(changed(unlogged), ["the persistence of public.outbox"]);
    }

    #[test]
    fn other_tables_of_the_publication_do_not_matter() {
        let publication = |facts: &mut Facts| {
            facts.publication.as_mut().expect("there").other_tables = 5;
        };
        assert_eq!(changed(publication), [""; 0]);
    }
}
