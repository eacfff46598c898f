CREATE TABLE promotions.offers (
    campaign INTEGER NOT NULL,
    restaurant_id UUID NOT NULL,
    kind TEXT NOT NULL,
    value BIGINT DEFAULT 0 NOT NULL,
    item_id TEXT,
    minimum BIGINT DEFAULT 0 NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (campaign),
    CONSTRAINT offers_kind_known CHECK (kind IN ('percentage', 'amount', 'free_item'))
);
