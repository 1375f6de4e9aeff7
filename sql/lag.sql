-- What to run when the lag alert fires: where each logical slot stands, who reads it, and what may
-- hold it back. Every role may run it; only a superuser or pg_monitor sees others' queries.

-- 1. The slots. "confirmed" falls behind when Kafka does not acknowledge or nobody reads;
--    "kept" alone grows while an old transaction is open (see 3). "lost" cannot be mended:
--    postrider run says what to do.
SELECT slot_name,
       database,
       active,
       wal_status,
       pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn)) AS confirmed_behind,
       pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), restart_lsn)) AS kept,
       pg_size_pretty(safe_wal_size) AS until_lost
FROM pg_replication_slots
WHERE slot_type = 'logical'
ORDER BY confirmed_flush_lsn;

-- 2. The readers. No row for an inactive slot: is the publisher running? sent far ahead of
--    flush: Kafka is slow or away; the publisher's /readyz says which.
SELECT pid,
       application_name,
       client_addr,
       state,
       sent_lsn,
       flush_lsn,
       reply_time
FROM pg_stat_replication
ORDER BY application_name;

-- 3. The oldest open transactions: a slot cannot give up WAL from before the oldest one began.
SELECT pid,
       usename,
       state,
       now() - xact_start AS open_for,
       left(query, 60) AS last_query
FROM pg_stat_activity
WHERE backend_xid IS NOT NULL OR backend_xmin IS NOT NULL
ORDER BY xact_start
LIMIT 10;

-- 4. The limits that decide how long there is time.
SELECT name, setting, unit
FROM pg_settings
WHERE name IN ('max_slot_wal_keep_size', 'max_wal_size', 'wal_sender_timeout')
ORDER BY name;
