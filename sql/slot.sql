-- The replication slot: PostgreSQL keeps WAL from here on until Postrider confirms it. Run it after
-- publication.sql, in the outbox's database, as a role with REPLICATION. It waits until every
-- transaction that is writing now has ended.
--
-- A slot that nobody reads keeps WAL until the disk is full. If Postrider is given up, drop it:
-- SELECT pg_drop_replication_slot('postrider');

SELECT pg_catalog.pg_create_logical_replication_slot('postrider', 'pgoutput')
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = 'postrider'
);
