CREATE TABLE customers.signups (
    id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    hour INTEGER NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    asked_from TEXT NOT NULL,
    state TEXT DEFAULT 'asked' NOT NULL,
    claimed_in TEXT[] DEFAULT '{}' NOT NULL,
    answer TEXT DEFAULT '' NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    confirmed_from TEXT,
    PRIMARY KEY (id),
    CONSTRAINT signups_one_an_hour UNIQUE (restaurant_id, email, hour),
    CONSTRAINT signups_state_known CHECK (state IN ('asked', 'mailed', 'failed', 'confirmed'))
);

CREATE INDEX signups_by_time ON customers.signups (asked_at);
