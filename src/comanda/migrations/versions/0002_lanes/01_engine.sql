ALTER TABLE engine.events ADD COLUMN trace TEXT;

ALTER TABLE engine.parked ADD COLUMN trace TEXT;

ALTER TABLE engine.workers ADD COLUMN alive_until TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL;

ALTER TABLE engine.cursors ADD COLUMN place TEXT;

CREATE INDEX parked_dead ON engine.parked (consumer, parked_at) WHERE state = 'dead';

CREATE TABLE engine.lanes (
    name TEXT NOT NULL,
    shards SMALLINT NOT NULL,
    paused_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (name),
    CONSTRAINT lanes_shards_divide_the_logs CHECK (shards IN (1, 2, 4, 8, 16))
);

CREATE TABLE engine.timers (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    shard SMALLINT NOT NULL,
    version SMALLINT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    payload JSON NOT NULL,
    trace TEXT,
    PRIMARY KEY (id)
);

CREATE INDEX timers_due ON engine.timers (due_at, id);

CREATE TABLE engine.rates (
    lane TEXT NOT NULL,
    key TEXT NOT NULL,
    tokens DOUBLE PRECISION NOT NULL,
    filled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    factor DOUBLE PRECISION DEFAULT 1 NOT NULL,
    slowed_at TIMESTAMP WITH TIME ZONE,
    promised_until TIMESTAMP WITH TIME ZONE,
    idle_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (lane, key),
    CONSTRAINT rates_factor_is_a_share CHECK (factor > 0 AND factor <= 1)
);

CREATE TABLE engine.inbox (
    consumer TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    claimed_by TEXT,
    claimed_until TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (consumer, event_id),
    CONSTRAINT inbox_claim_is_whole CHECK ((claimed_by IS NULL) = (claimed_until IS NULL))
);

CREATE INDEX inbox_by_age ON engine.inbox (at);

CREATE TABLE engine.lane_minutes (
    lane TEXT NOT NULL,
    minute TIMESTAMP WITH TIME ZONE NOT NULL,
    handled BIGINT DEFAULT 0 NOT NULL,
    failed BIGINT DEFAULT 0 NOT NULL,
    dead BIGINT DEFAULT 0 NOT NULL,
    busy_s DOUBLE PRECISION DEFAULT 0 NOT NULL,
    PRIMARY KEY (lane, minute)
);

CREATE TABLE engine.archives (
    day DATE NOT NULL,
    file TEXT,
    events BIGINT NOT NULL,
    dropped_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (day)
);
