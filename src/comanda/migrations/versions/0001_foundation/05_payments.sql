CREATE SCHEMA IF NOT EXISTS payments;

CREATE TABLE payments.payments (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    method TEXT NOT NULL,
    state TEXT NOT NULL,
    provider TEXT NOT NULL,
    provider_ref TEXT,
    attempts BIGINT DEFAULT 0 NOT NULL,
    first_sent_at TIMESTAMP WITH TIME ZONE,
    check_at TIMESTAMP WITH TIME ZONE,
    reason TEXT DEFAULT '' NOT NULL,
    captured BIGINT DEFAULT 0 NOT NULL,
    captured_at TIMESTAMP WITH TIME ZONE,
    refunded BIGINT DEFAULT 0 NOT NULL,
    refunding BIGINT DEFAULT 0 NOT NULL,
    order_ended BOOLEAN DEFAULT false NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT payments_one_per_order UNIQUE (order_id),
    CONSTRAINT payments_one_per_charge UNIQUE (provider, provider_ref),
    CONSTRAINT payments_state_known CHECK (state IN ('pending', 'sending', 'captured', 'failed', 'uncertain', 'void')),
    CONSTRAINT payments_amount_not_negative CHECK (amount >= 0),
    CONSTRAINT payments_captured_whole_or_not CHECK (captured = CASE state WHEN 'captured' THEN amount ELSE 0 END),
    CONSTRAINT payments_refunds_not_negative CHECK (refunded >= 0 AND refunding >= 0),
    CONSTRAINT payments_refunds_within_captured CHECK (refunded + refunding <= captured),
    CONSTRAINT payments_captured_has_time CHECK ((state = 'captured') = (captured_at IS NOT NULL)),
    CONSTRAINT payments_sent_is_counted CHECK (state NOT IN ('sending', 'uncertain') OR attempts > 0),
    CONSTRAINT payments_sent_has_time CHECK ((attempts > 0) = (first_sent_at IS NOT NULL)),
    CONSTRAINT payments_currency_iso CHECK (char_length(currency) = 3)
);

CREATE INDEX payments_open ON payments.payments (check_at) WHERE state IN ('sending', 'uncertain');

CREATE TABLE payments.webhooks_received (
    provider TEXT NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject UUID NOT NULL,
    effect TEXT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (provider, event_id)
);

CREATE INDEX webhooks_received_by_age ON payments.webhooks_received (received_at);

CREATE TABLE payments.refunds (
    id UUID NOT NULL,
    payment_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    cause TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    failure TEXT DEFAULT '' NOT NULL,
    provider_ref TEXT,
    attempts BIGINT DEFAULT 0 NOT NULL,
    first_sent_at TIMESTAMP WITH TIME ZONE,
    check_at TIMESTAMP WITH TIME ZONE,
    version BIGINT DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT refunds_amount_positive CHECK (amount > 0),
    CONSTRAINT refunds_state_known CHECK (state IN ('waiting', 'due', 'sending', 'uncertain', 'succeeded', 'failed')),
    CONSTRAINT refunds_cause_known CHECK (cause IN ('asked', 'ended')),
    CONSTRAINT refunds_sent_has_time CHECK ((attempts > 0) = (first_sent_at IS NOT NULL)),
    CONSTRAINT refunds_one_per_reference UNIQUE (provider_ref),
    CONSTRAINT refunds_of_payment FOREIGN KEY(payment_id) REFERENCES payments.payments (id)
);

CREATE INDEX refunds_by_payment ON payments.refunds (payment_id);

CREATE INDEX refunds_open ON payments.refunds (check_at) WHERE state IN ('sending', 'uncertain');

CREATE UNIQUE INDEX refunds_one_per_end ON payments.refunds (payment_id) WHERE cause = 'ended';
