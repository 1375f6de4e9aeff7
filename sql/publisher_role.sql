-- The role that `postrider run` logs in as, with nothing more than it needs. Run it as a superuser,
-- in the outbox's database, e.g. psql -d shop -f publisher_role.sql, then give it a password:
-- \password postrider
--
-- REPLICATION lets it read the slot; it needs no right on the outbox table. Know that REPLICATION
-- is broad: the role can read every published table and move or drop every slot of the server, so
-- limit where it may come from in pg_hba.conf, e.g.
--     hostssl  shop  postrider  10.0.0.0/8  scram-sha-256
-- (a logical replication connection names its database; the keyword "replication" is not for it).
-- With sslmode=verify-full in postgres.url the server is checked, too; `cert` in place of
-- scram-sha-256 asks for a client certificate (sslcert, sslkey) instead of a password.
--
-- `postrider init` needs more: CREATE on the database and ownership of the outbox table. Run it as
-- the table's owner with REPLICATION, or run what `postrider init --print` prints.

DO $postrider$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'postrider') THEN
        CREATE ROLE postrider LOGIN REPLICATION;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO postrider', current_database());
END
$postrider$;
