//! Other servers in the place of the one that was confirmed: promoted, restored, mistaken.

use super::{Written, accept, arrives, named, quick};
use crate::harness::{
    Copy, Kafka, Postgres, ROLE, Sql, Stage, Stop, Turn, eventually, kafka, toml_text,
};
use std::time::Duration;

const STOP: Duration = Duration::from_secs(35);

struct Pair<'a> {
    stage: Stage<'a>,
    written: Written,
}

impl<'a> Pair<'a> {
    /// A stage on `primary` that has delivered a row.
    fn on(primary: &'a Postgres, kafka: &'a Kafka, turn: Turn) -> Pair<'a> {
        let stage = quick(Stage::on(primary, kafka, turn)).with_orders();
        let mut pair = Pair { stage, written: Written::default() };
        pair.deliver("first");
        pair
    }

    /// Delivers a row and confirms it.
    fn deliver(&mut self, id: &str) {
        let publisher = self.stage.run();
        self.written.write(&self.stage, id);
        publisher.eventually("the row arrives", || {
            self.stage.first_ids().contains(&id.to_owned()).then_some(())
        });
        self.stage.confirmed();
        assert_eq!(publisher.terminate(), 0);
    }

    /// The settings lead to `other` from here on.
    fn moves_to(&self, other: &Postgres) -> Sql {
        self.stage.set("postgres.url", &toml_text(&other.address(ROLE, &self.stage.name)));
        Sql::connect(&other.address(ROLE, &self.stage.name)).expect("a session")
    }

    /// The gap is named until it is accepted; what lies outside of it arrives.
    fn names_and_accepts(mut self, other: &Postgres, says: &[&str]) {
        let sql = self.moves_to(other);
        self.written.write_on(&sql, &self.stage, "other");
        let publisher = self.stage.start(&[]);
        publisher.allow("does not exist");
        let mut gap = named(&publisher);
        for words in says {
            assert!(gap.words.contains(words), "{words:?} in {}", gap.words);
        }
        let said = self.stage.says(&["init"]);
        said.refuses(76, &["may be missing"]);
        // Without the slot the range grows until there is one.
        gap = super::range(&said.err);
        accept(&self.stage);
        self.written.write_on(&sql, &self.stage, "at-last");
        arrives(&self.stage, &publisher);
        self.written.are_delivered_or_named(&self.stage, &gap);
        assert_eq!(publisher.terminate(), 0);
    }
}

/// The standby has all rows and no slot.
#[test]
fn a_promoted_standby_without_the_slot() {
    let turn = Turn::heavy();
    let primary = Postgres::start_new(&[("wal_keep_size", "'64MB'")]);
    let mut pair = Pair::on(&primary, kafka(), turn);
    let standby = Postgres::copy_of(&primary, Copy::Standby);
    pair.deliver("second");
    pair.written.write(&pair.stage, "not delivered");
    follows(&primary, &standby);
    primary.stop(Stop::Immediate, STOP);
    standby.sql("postgres").run("select pg_promote()");
    pair.names_and_accepts(&standby, &["does not exist"]);
}

/// It was behind: rows that were published are not in it.
#[test]
fn a_promoted_standby_that_was_behind() {
    let turn = Turn::heavy();
    let primary = Postgres::start_new(&[("wal_keep_size", "'64MB'")]);
    let mut pair = Pair::on(&primary, kafka(), turn);
    let standby = Postgres::copy_of(&primary, Copy::Standby);
    follows(&primary, &standby);
    let sql = standby.sql("postgres");
    sql.run("alter system set primary_conninfo = ''");
    sql.run("select pg_reload_conf()");
    eventually("the standby follows no more", Duration::from_secs(30), || {
        let receivers = "select count(*) from pg_stat_wal_receiver";
        (standby.sql("postgres").one::<i64>(receivers) == 0).then_some(())
    });
    pair.deliver("a ghost");
    primary.stop(Stop::Immediate, STOP);
    standby.sql("postgres").run("select pg_promote()");
    pair.names_and_accepts(&standby, &["the server's history leaves timeline 1 at"]);
}

/// Same system identifier, same timeline, shorter WAL, no slot.
#[test]
fn a_base_backup_that_was_restored() {
    let turn = Turn::heavy();
    let primary = Postgres::start_new(&[]);
    let mut pair = Pair::on(&primary, kafka(), turn);
    let restored = Postgres::copy_of(&primary, Copy::Restored);
    for number in 0..20 {
        pair.written.write(&pair.stage, &format!("a ghost {number}"));
    }
    pair.deliver("the last ghost");
    primary.stop(Stop::Immediate, STOP);
    pair.names_and_accepts(&restored, &["was put back to an earlier state", "does not exist"]);
}

/// A server of another origin with all the same names.
#[test]
fn another_cluster() {
    let turn = Turn::heavy();
    let one = Postgres::start_new(&[]);
    let pair = Pair::on(&one, kafka(), turn);
    let other = Postgres::start_new(&[]);
    let name = &pair.stage.name;
    other.sql("postgres").run(&format!("create database {name} owner {ROLE}"));
    let sql = Sql::connect(&other.address(ROLE, name)).expect("a session");
    sql.run(crate::harness::TABLE);
    sql.run(&format!("create publication {name} for table outbox with (publish = 'insert')"));
    sql.run(&format!("select pg_create_logical_replication_slot('{name}', 'pgoutput')"));
    pair.names_and_accepts(&other, &["the server is another cluster", "every row"]);
}

fn follows(primary: &Postgres, standby: &Postgres) {
    let end = primary.sql("postgres").text("select pg_current_wal_flush_lsn()").unwrap();
    eventually("the standby has everything", Duration::from_secs(30), || {
        let replayed = format!("select pg_last_wal_replay_lsn() >= '{end}'");
        standby.sql("postgres").one::<bool>(&replayed).then_some(())
    });
}
