CREATE SCHEMA IF NOT EXISTS receipts;

CREATE TABLE receipts.receipts (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    order_number BIGINT NOT NULL,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL,
    state TEXT DEFAULT 'sending' NOT NULL,
    document JSONB NOT NULL,
    html_file TEXT,
    text_file TEXT,
    attempts INTEGER DEFAULT 1 NOT NULL,
    claimed_in TEXT[] DEFAULT '{}' NOT NULL,
    doubtful INTEGER DEFAULT 0 NOT NULL,
    answer TEXT DEFAULT '' NOT NULL,
    paid_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    claimed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    CONSTRAINT receipts_one_per_order UNIQUE (order_id),
    CONSTRAINT receipts_message_id_unique UNIQUE (message_id),
    CONSTRAINT receipts_state_known CHECK (state IN ('sending', 'sent', 'failed', 'uncertain')),
    CONSTRAINT receipts_sent_has_time CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
    CONSTRAINT receipts_sent_has_file CHECK (state <> 'sent' OR html_file IS NOT NULL),
    CONSTRAINT receipts_attempts_positive CHECK (attempts >= 1),
    CONSTRAINT receipts_doubtful_within_attempts CHECK (doubtful >= 0 AND doubtful < attempts)
);

CREATE INDEX receipts_open ON receipts.receipts (claimed_at) WHERE state IN ('sending', 'uncertain');

CREATE INDEX receipts_by_restaurant ON receipts.receipts (restaurant_id, created_at);
