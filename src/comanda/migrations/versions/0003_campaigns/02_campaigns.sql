CREATE SCHEMA IF NOT EXISTS campaigns;

CREATE TABLE campaigns.audiences (
    id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    name TEXT NOT NULL,
    conditions JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT audiences_one_per_name UNIQUE (restaurant_id, name),
    CONSTRAINT audiences_named CHECK (name <> '')
);

CREATE TABLE campaigns.clicks (
    campaign INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    link SMALLINT NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    times INTEGER DEFAULT 0 NOT NULL,
    robots INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (campaign, recipient, link)
);

CREATE TABLE campaigns.credits (
    order_id UUID NOT NULL,
    campaign INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    why TEXT NOT NULL,
    total BIGINT NOT NULL,
    currency TEXT NOT NULL,
    refunded BIGINT DEFAULT 0 NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (order_id),
    CONSTRAINT credits_why_known CHECK (why IN ('coupon', 'click'))
);

CREATE INDEX credits_by_campaign ON campaigns.credits (campaign);

CREATE TABLE campaigns.deliveries (
    campaign INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    customer_id UUID NOT NULL,
    variant SMALLINT DEFAULT 0 NOT NULL,
    state SMALLINT DEFAULT 0 NOT NULL,
    attempts SMALLINT DEFAULT 0 NOT NULL,
    accepted SMALLINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (campaign, recipient),
    CONSTRAINT deliveries_one_per_customer UNIQUE (campaign, customer_id),
    CONSTRAINT deliveries_state_known CHECK (state BETWEEN 0 AND 6)
)
 PARTITION BY RANGE (campaign);

CREATE TABLE campaigns.failures (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    campaign INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    code SMALLINT,
    enhanced TEXT,
    words TEXT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX failures_by_recipient ON campaigns.failures (campaign, recipient);

CREATE TABLE campaigns.machines (
    machine TEXT NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (machine)
);

CREATE TABLE campaigns.minutes (
    campaign INTEGER NOT NULL,
    minute TIMESTAMP WITH TIME ZONE NOT NULL,
    domain TEXT NOT NULL,
    sent INTEGER DEFAULT 0 NOT NULL,
    deferred INTEGER DEFAULT 0 NOT NULL,
    failed INTEGER DEFAULT 0 NOT NULL,
    suppressed INTEGER DEFAULT 0 NOT NULL,
    uncertain INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (campaign, minute, domain)
);

CREATE TABLE campaigns.openings (
    campaign INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    times INTEGER DEFAULT 0 NOT NULL,
    robots INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (campaign, recipient)
);

CREATE TABLE campaigns.people (
    id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    email TEXT NOT NULL,
    domain TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    zone TEXT DEFAULT '' NOT NULL,
    consent_at TIMESTAMP WITH TIME ZONE,
    consent_source TEXT,
    unsubscribed_at TIMESTAMP WITH TIME ZONE,
    orders INTEGER DEFAULT 0 NOT NULL,
    spent BIGINT DEFAULT 0 NOT NULL,
    first_order_at TIMESTAMP WITH TIME ZONE,
    last_order_at TIMESTAMP WITH TIME ZONE,
    deliveries INTEGER DEFAULT 0 NOT NULL,
    pickups INTEGER DEFAULT 0 NOT NULL,
    dine_ins INTEGER DEFAULT 0 NOT NULL,
    attributes JSONB DEFAULT '{}' NOT NULL,
    version BIGINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT people_address_there CHECK (email <> '' AND domain <> ''),
    CONSTRAINT people_counts CHECK (orders >= 0 AND deliveries >= 0 AND pickups >= 0 AND dine_ins >= 0)
);

CREATE INDEX people_by_last_order ON campaigns.people (restaurant_id, last_order_at);

CREATE INDEX people_in_sending_order ON campaigns.people (restaurant_id, zone, domain, id);

CREATE TABLE campaigns.sender_days (
    restaurant_id UUID NOT NULL,
    day DATE NOT NULL,
    claimed INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (restaurant_id, day)
);

CREATE TABLE campaigns.senders (
    restaurant_id UUID NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    reply_to TEXT DEFAULT '' NOT NULL,
    per_s INTEGER,
    warm_up JSONB,
    quiet JSONB,
    PRIMARY KEY (restaurant_id)
);

CREATE TABLE campaigns.slowed_domains (
    domain TEXT NOT NULL,
    until TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (domain)
);

CREATE TABLE campaigns.soft_bounces (
    customer_id UUID NOT NULL,
    times INTEGER NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_campaign INTEGER NOT NULL,
    PRIMARY KEY (customer_id)
);

CREATE TABLE campaigns.suppressions (
    customer_id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    why TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    campaign INTEGER,
    PRIMARY KEY (customer_id),
    CONSTRAINT suppressions_why_known CHECK (why IN ('unsubscribed', 'bounced', 'complained', 'erased', 'by_hand'))
);

CREATE INDEX suppressions_by_restaurant ON campaigns.suppressions (restaurant_id, at);

CREATE TABLE campaigns.campaigns (
    id UUID NOT NULL,
    number INTEGER GENERATED ALWAYS AS IDENTITY,
    restaurant_id UUID NOT NULL,
    name TEXT NOT NULL,
    state TEXT DEFAULT 'draft' NOT NULL,
    epoch INTEGER DEFAULT 0 NOT NULL,
    policy TEXT DEFAULT 'at_most_once' NOT NULL,
    audience_id UUID,
    conditions JSONB,
    document JSONB NOT NULL,
    sends_at TIMESTAMP WITH TIME ZONE,
    by_zone BOOLEAN DEFAULT false NOT NULL,
    split JSONB,
    winner SMALLINT,
    recipients INTEGER DEFAULT 0 NOT NULL,
    frozen_after JSONB,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT campaigns_one_per_number UNIQUE (number),
    CONSTRAINT campaigns_state_known CHECK (state IN ('draft', 'scheduled', 'freezing', 'sending', 'paused', 'finished', 'cancelled')),
    CONSTRAINT campaigns_policy_known CHECK (policy IN ('at_most_once', 'at_least_once')),
    CONSTRAINT campaigns_recipients_not_negative CHECK (recipients >= 0),
    CONSTRAINT campaigns_to_audience FOREIGN KEY(audience_id) REFERENCES campaigns.audiences (id) ON DELETE SET NULL
);

CREATE INDEX campaigns_by_restaurant ON campaigns.campaigns (restaurant_id, number);

CREATE TABLE campaigns.people_orders (
    order_id UUID NOT NULL,
    customer_id UUID NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    fulfilment TEXT NOT NULL,
    total BIGINT NOT NULL,
    refunded BIGINT DEFAULT 0 NOT NULL,
    PRIMARY KEY (order_id),
    CONSTRAINT people_orders_of_person FOREIGN KEY(customer_id) REFERENCES campaigns.people (id) ON DELETE CASCADE
);

CREATE INDEX people_orders_by_person ON campaigns.people_orders (customer_id, placed_at);

CREATE TABLE campaigns.claims (
    id UUID NOT NULL,
    campaign INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    machine TEXT NOT NULL,
    journal TEXT NOT NULL,
    recipients INTEGER[] NOT NULL,
    claimed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lost_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    CONSTRAINT claims_not_empty CHECK (cardinality(recipients) > 0),
    CONSTRAINT claims_of_campaign FOREIGN KEY(campaign) REFERENCES campaigns.campaigns (number)
);

CREATE INDEX claims_by_campaign ON campaigns.claims (campaign);

CREATE INDEX claims_by_machine ON campaigns.claims (machine);

CREATE TABLE campaigns.links (
    campaign INTEGER NOT NULL,
    link SMALLINT NOT NULL,
    url TEXT NOT NULL,
    PRIMARY KEY (campaign, link),
    CONSTRAINT links_of_campaign FOREIGN KEY(campaign) REFERENCES campaigns.campaigns (number)
);

CREATE TABLE campaigns.streams (
    campaign INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    wave SMALLINT DEFAULT 0 NOT NULL,
    zone TEXT DEFAULT '' NOT NULL,
    domain TEXT DEFAULT '' NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    next INTEGER NOT NULL,
    open INTEGER NOT NULL,
    PRIMARY KEY (campaign, stream),
    CONSTRAINT streams_in_range CHECK (first <= last AND next BETWEEN first AND last + 1),
    CONSTRAINT streams_open_in_range CHECK (open BETWEEN 0 AND last - first + 1),
    CONSTRAINT streams_of_campaign FOREIGN KEY(campaign) REFERENCES campaigns.campaigns (number)
);
