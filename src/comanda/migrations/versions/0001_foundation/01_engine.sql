CREATE SCHEMA IF NOT EXISTS engine;

CREATE TABLE engine.events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    position xid8 DEFAULT greatest(pg_current_xact_id(), pg_snapshot_xmax(pg_current_snapshot())) NOT NULL,
    shard SMALLINT NOT NULL,
    version SMALLINT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    payload JSON NOT NULL,
    PRIMARY KEY (id, at)
)
 PARTITION BY RANGE (at);

CREATE INDEX events_by_position ON engine.events (shard, position, id);

CREATE TABLE engine.cursors (
    consumer TEXT NOT NULL,
    shard SMALLINT NOT NULL,
    position xid8 DEFAULT '0' NOT NULL,
    id BIGINT DEFAULT 0 NOT NULL,
    epoch BIGINT DEFAULT 0 NOT NULL,
    owner BIGINT,
    leased_until TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (consumer, shard),
    CONSTRAINT cursors_epoch_not_negative CHECK (epoch >= 0)
);

CREATE TABLE engine.workers (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    lanes JSON NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE engine.parked (
    consumer TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    shard SMALLINT NOT NULL,
    position xid8 NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    version SMALLINT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    payload JSON NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT NOT NULL,
    parked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (consumer, event_id),
    CONSTRAINT parked_state_known CHECK (state IN ('waiting', 'dead'))
);

CREATE INDEX parked_due ON engine.parked (consumer, shard, next_at) WHERE state = 'waiting';

CREATE INDEX parked_by_key ON engine.parked (consumer, shard, key);

CREATE TABLE engine.periodic (
    name TEXT NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    busy_until TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (name)
);

CREATE TABLE engine.idempotency_keys (
    scope UUID NOT NULL,
    key TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    body_hash BYTEA NOT NULL,
    status SMALLINT NOT NULL,
    answer BYTEA NOT NULL,
    location TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_keys_by_age ON engine.idempotency_keys (created_at);

-- What no partition of its own takes.
CREATE TABLE engine.events_default PARTITION OF engine.events DEFAULT;
