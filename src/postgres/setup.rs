//! Setup: what `postrider init` creates, in the order it must be created: table, publication, slot.
//!
//! The statements are those of the files under `sql/`, with the settings' names filled in, so what
//! init runs, what it prints and what people read is one text.

mod script;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

pub use script::script;

use super::{
    Config, Error, SqlClient,
    facts::{Facts, PublicationFacts, inspect},
    quote,
    sql::column,
    sqlstate,
};

/// A slot waits for every transaction that is writing; longer than this is a person's matter.
const SLOT_PATIENCE: Duration = Duration::from_secs(60);

/// What became of one object. `Display` is the line that `postrider init` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Kind and name: `publication "postrider"`.
    pub object: String,
    /// What became of it.
    pub state: State,
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was missing and is there now.
    Created,
    /// It was of no use any more and is gone.
    Removed {
        /// Why it was.
        why: String,
    },
    /// It is as it should be.
    AlreadyThere,
    /// It works, but is not as `init` would have made it.
    Differs {
        /// How it differs.
        what: String,
        /// The statement that mends it.
        remedy: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Created => write!(f, "{}: created", self.object),
            State::Removed { why } => write!(f, "{}: removed: {why}", self.object),
            State::AlreadyThere => write!(f, "{}: already there", self.object),
            State::Differs { what, remedy } => {
                write!(f, "{}: differs: {what}; to change that, run {remedy}", self.object)
            }
        }
    }
}

/// What beside the publication and the slot may be made, or removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Create the table when it is missing.
    pub create_table: bool,
    /// Remove a slot that cannot deliver what was written, and make it anew: what it has not
    /// delivered is given up.
    pub accept_gap: bool,
}

/// Creates what is missing for the client's settings and the table `schema`.`name`; `report` hears
/// of each object as soon as its fate is known. Safe to repeat.
///
/// # Errors
///
/// What a person must mend first: a missing table without `create_table`, a publication that does
/// not deliver the table, a slot that is lost or somebody else's, a missing right. What was
/// reported before stays created.
pub async fn setup(
    client: &mut SqlClient,
    (schema, name): (&str, &str),
    wishes: Wishes,
    report: &mut dyn FnMut(&Outcome),
) -> Result<(), Error> {
    let config = client.config().clone();
    let mut facts = inspect(client, &config, (schema, name)).await?;
    facts.judge_server()?;
    let mut tell = |object: String, state: State| report(&Outcome { object, state });
    match useless_slot(&facts) {
        Some(error) if wishes.accept_gap => {
            drop_slot(client, &config).await?;
            facts.slot = None;
            tell(slot_named(&config), State::Removed { why: error.to_string() });
        }
        Some(error) => return Err(error),
        None => {}
    }
    if let Some(slot) = &facts.slot {
        facts.judge_slot_kind(slot)?;
    }

    let object = format!("table {}", facts.names.table);
    if facts.table.is_none() && wishes.create_table {
        client.run(&format!("create {object}"), &script::table(schema, name)).await?;
        tell(object, State::Created);
        facts = inspect(client, &config, (schema, name)).await?;
    } else {
        facts.judge_table()?;
        tell(object, State::AlreadyThere);
    }

    let object = format!("publication {:?}", config.publication);
    match &facts.publication {
        None => {
            let statement = script::publication(&config.publication, schema, name);
            client.run(&format!("create {object}"), &statement).await?;
            tell(object, State::Created);
        }
        Some(publication) => {
            facts.judge_publication()?;
            tell(object, difference(publication, &facts));
        }
    }

    let object = slot_named(&config);
    match &facts.slot {
        None => {
            create_slot(client, &config, &format!("create {object}")).await?;
            tell(object, State::Created);
        }
        // Creating it would have shown whether the role may use it.
        Some(_) if !facts.server.may_replicate => {
            return Err(Error::RightsMissing {
                user: config.conninfo.user().to_owned(),
                doing: format!("use {object}"),
                message: "it lacks REPLICATION".to_owned(),
            });
        }
        Some(_) => tell(object, State::AlreadyThere),
    }
    Ok(())
}

/// Why the slot cannot deliver what was written since its position, if it cannot.
///
/// A slot decodes each row with the catalog of its time. Where there was no publication in it, it
/// would fail at the first such row for ever, or from PostgreSQL 18 on skip it in silence.
fn useless_slot(facts: &Facts) -> Option<Error> {
    let kind = facts.judge_slot_kind(facts.slot.as_ref()?);
    if let Err(error @ Error::SlotInvalidated { .. }) = kind {
        return Some(error);
    }
    let (slot, publication) = (facts.names.slot.clone(), facts.names.publication.clone());
    let is_without = kind.is_ok() && facts.publication.is_none();
    is_without.then_some(Error::SlotWithoutPublication { slot, publication })
}

fn slot_named(config: &Config) -> String {
    format!("replication slot {:?}", config.slot)
}

async fn drop_slot(client: &SqlClient, config: &Config) -> Result<(), Error> {
    let statement =
        format!("SELECT pg_catalog.pg_drop_replication_slot({})", quote::literal(&config.slot));
    client.run(&format!("drop {}", slot_named(config)), &statement).await
}

/// The descriptions of tables (Relation messages) that the slot would send on its way to `position`.
/// The slot stays where it is.
///
/// # Errors
///
/// What the server answers: also that it cannot decode the way. The slot must not be in use.
pub async fn relations_before(
    client: &mut SqlClient,
    position: crate::wal::Lsn,
) -> Result<Vec<Vec<u8>>, Error> {
    client.allow(SLOT_PATIENCE).await?;
    let config = client.config();
    let query = format!(
        "SELECT data FROM pg_catalog.pg_logical_slot_peek_binary_changes(
             {}, '{position}', NULL, 'proto_version', '1', 'publication_names', {})
         WHERE pg_catalog.get_byte(data, 0) = pg_catalog.ascii('R')",
        quote::literal(&config.slot),
        quote::literal(&quote::name(&config.publication))
    );
    let doing = format!("look at what {} holds", slot_named(config));
    let rows = client.query(&doing, &query, &[]).await?;
    rows.iter().map(|row| column(row, "data")).collect()
}

/// Moves the slot to `position` without decoding what lies before it: for WAL that it would fail at
/// for ever, since there was no publication then.
///
/// # Errors
///
/// What the server answers; the slot must not be in use.
pub async fn pass_over(client: &SqlClient, position: crate::wal::Lsn) -> Result<(), Error> {
    let config = client.config();
    let statement = format!(
        "SELECT pg_catalog.pg_replication_slot_advance({}, '{position}')",
        quote::literal(&config.slot)
    );
    client.run(&format!("move {}", slot_named(config)), &statement).await
}

async fn create_slot(client: &mut SqlClient, config: &Config, doing: &str) -> Result<(), Error> {
    client.allow(SLOT_PATIENCE).await?;
    client.run(doing, &script::slot(&config.slot)).await.map_err(|error| match &error {
        Error::Server { sqlstate, .. }
            if [sqlstate::QUERY_CANCELED, sqlstate::LOCK_NOT_AVAILABLE]
                .contains(&sqlstate.as_str()) =>
        {
            Error::SlotCreationBlocked { slot: config.slot.clone() }
        }
        _ => error,
    })
}

/// A publication that delivers the table, compared with the one that init creates.
pub(crate) fn difference(publication: &PublicationFacts, facts: &Facts) -> State {
    let name = quote::name(&facts.names.publication);
    if publication.others {
        return State::Differs {
            what: "it also publishes updates, deletes or truncates, which are sent for nothing"
                .to_owned(),
            remedy: format!("ALTER PUBLICATION {name} SET (publish = 'insert')"),
        };
    }
    if publication.all_tables || publication.other_tables > 0 {
        let table = &facts.names.table;
        return State::Differs {
            what: "it also publishes other tables, which are sent for nothing".to_owned(),
            remedy: match publication.all_tables {
                true => format!(
                    "CREATE PUBLICATION with another name FOR TABLE {table} and set \
                     postgres.publication before the next slot is made"
                ),
                false => format!("ALTER PUBLICATION {name} DROP TABLE for each of them"),
            },
        };
    }
    State::AlreadyThere
}
