-- The publication: which rows Postrider sees. Create it before the slot, since a slot decodes rows
-- with the catalog as it was when they were written. Run it as the table's owner, with CREATE on
-- the database.
--
-- Only inserts, so that housekeeping in the table sends nothing. Rows of partitions come under the
-- root's name, which makes no difference for a plain table.

DO $postrider$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = 'postrider') THEN
        CREATE PUBLICATION "postrider" FOR TABLE "public"."outbox"
            WITH (publish = 'insert', publish_via_partition_root = true);
    END IF;
END
$postrider$;
