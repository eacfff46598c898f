CREATE SCHEMA IF NOT EXISTS promotions;

CREATE TABLE promotions.coupons (
    id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    value BIGINT DEFAULT 0 NOT NULL,
    item_id TEXT,
    minimum BIGINT DEFAULT 0 NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE,
    ends_at TIMESTAMP WITH TIME ZONE,
    total_limit INTEGER,
    guest_limit INTEGER,
    active BOOLEAN DEFAULT true NOT NULL,
    redeemed INTEGER DEFAULT 0 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT coupons_code_once_per_restaurant UNIQUE (restaurant_id, code),
    CONSTRAINT coupons_code_folded CHECK (code = upper(code) AND code !~ '\s' AND code <> ''),
    CONSTRAINT coupons_kind_known CHECK (kind IN ('percentage', 'amount', 'free_item')),
    CONSTRAINT coupons_free_item_names_it CHECK ((kind = 'free_item') = (item_id IS NOT NULL)),
    CONSTRAINT coupons_value_in_range CHECK (value >= 0 AND (kind <> 'percentage' OR value <= 10000)),
    CONSTRAINT coupons_minimum_not_negative CHECK (minimum >= 0),
    CONSTRAINT coupons_start_before_end CHECK (starts_at < ends_at),
    CONSTRAINT coupons_guest_limit_positive CHECK (guest_limit > 0),
    CONSTRAINT coupons_within_total_limit CHECK (redeemed >= 0 AND (total_limit IS NULL OR redeemed <= total_limit))
)
 WITH (fillfactor = 50);

CREATE TABLE promotions.guest_counts (
    coupon_id UUID NOT NULL,
    customer_id UUID NOT NULL,
    guest_limit INTEGER NOT NULL,
    redeemed INTEGER NOT NULL,
    PRIMARY KEY (coupon_id, customer_id),
    CONSTRAINT guest_counts_within_limit CHECK (redeemed BETWEEN 0 AND guest_limit),
    CONSTRAINT guest_counts_coupon_exists FOREIGN KEY(coupon_id) REFERENCES promotions.coupons (id)
);

CREATE TABLE promotions.redemptions (
    order_id UUID NOT NULL,
    coupon_id UUID NOT NULL,
    customer_id UUID NOT NULL,
    discount BIGINT NOT NULL,
    state TEXT DEFAULT 'reserved' NOT NULL,
    reserved_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (order_id),
    CONSTRAINT redemptions_discount_not_negative CHECK (discount >= 0),
    CONSTRAINT redemptions_state_known CHECK (state IN ('reserved', 'confirmed', 'released')),
    CONSTRAINT redemptions_coupon_exists FOREIGN KEY(coupon_id) REFERENCES promotions.coupons (id)
);

CREATE INDEX redemptions_by_coupon ON promotions.redemptions (coupon_id, order_id);
