-- The outbox table. Insert a row in the transaction that changes the business data; when it
-- commits, Postrider carries the row to Kafka, and when it rolls back nobody ever sees it.
--
-- Columns and defaults are Debezium's, with four optional columns behind them. An optional column
-- is used only when a setting names it, e.g. columns.headers = "headers" under [outbox].
--
-- payload: jsonb is checked and can be queried, and it reorders keys. To send exactly the bytes the
-- producer wrote, make it json or text; for Avro or Protobuf make it bytea, with
-- CHECK (octet_length(payload) <= 900000). Kafka gets the value as PostgreSQL holds it.
--
-- Rows may be deleted at any time, even in the inserting transaction: only inserts are published.

CREATE TABLE IF NOT EXISTS public.outbox (
    id            uuid        NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    aggregatetype text        NOT NULL,
    aggregateid   text        NOT NULL,
    type          text        NOT NULL,
    payload       jsonb,
    partition     integer,
    headers       jsonb,
    traceparent   text,
    "timestamp"   timestamptz,

    -- A row of hundreds of megabytes can stop a slot for good; Kafka takes 1 MiB by default.
    CONSTRAINT payload_fits_kafka CHECK (octet_length(payload::text) <= 900000),
    -- It becomes part of a topic's name; what Kafka would refuse is refused here, at the insert.
    CONSTRAINT aggregatetype_fits_a_topic
        CHECK (aggregatetype ~ '^[a-zA-Z0-9._-]+$' AND length(aggregatetype) <= 200),
    CONSTRAINT partition_is_a_number_from_0 CHECK (partition >= 0),
    CONSTRAINT headers_are_an_object_of_strings CHECK (
        jsonb_typeof(headers) = 'object'
        AND NOT jsonb_path_exists(headers, 'strict $.* ? (@.type() != "string")')
    )
);

COMMENT ON TABLE public.outbox IS
    'Events for other services. Insert only; Postrider carries each committed row to Kafka.';
COMMENT ON COLUMN public.outbox.id IS
    'Identity of the event, header "id": consumers use it to recognise repeats.';
COMMENT ON COLUMN public.outbox.aggregatetype IS
    'Kind of thing the event is about, e.g. order: the topic is outbox.event.order.';
COMMENT ON COLUMN public.outbox.aggregateid IS
    'Which one, e.g. the order number: the record''s key. Order is kept per key.';
COMMENT ON COLUMN public.outbox.type IS
    'What happened, e.g. OrderPlaced: header "type".';
COMMENT ON COLUMN public.outbox.payload IS
    'The event, at most 900,000 bytes as text: the record''s value. NULL is a tombstone.';
COMMENT ON COLUMN public.outbox.partition IS
    'Optional: the Kafka partition, from 0. NULL lets the key decide.';
COMMENT ON COLUMN public.outbox.headers IS
    'Optional: a JSON object of strings, one record header each.';
COMMENT ON COLUMN public.outbox.traceparent IS
    'Optional: the W3C trace context of the producer, header "traceparent".';
COMMENT ON COLUMN public.outbox."timestamp" IS
    'Optional: the record''s timestamp. NULL is the time of the commit.';
