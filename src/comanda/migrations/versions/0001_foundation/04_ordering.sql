CREATE SCHEMA IF NOT EXISTS ordering;

CREATE SEQUENCE ordering.order_numbers AS BIGINT START WITH 1001;

CREATE TABLE ordering.orders (
    id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    number BIGINT NOT NULL,
    form_hash BYTEA NOT NULL,
    copy INTEGER NOT NULL,
    status TEXT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    customer_id UUID NOT NULL,
    guest JSONB NOT NULL,
    fulfilment JSONB NOT NULL,
    fulfilment_type TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    currency TEXT NOT NULL,
    items BIGINT NOT NULL,
    discount BIGINT NOT NULL,
    tax BIGINT NOT NULL,
    tax_added BIGINT NOT NULL,
    fee BIGINT NOT NULL,
    tip BIGINT NOT NULL,
    total BIGINT NOT NULL,
    refunded BIGINT DEFAULT 0 NOT NULL,
    coupon TEXT,
    menu_version INTEGER NOT NULL,
    note TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    idempotency_scope UUID NOT NULL,
    idempotency_key TEXT NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    paid_at TIMESTAMP WITH TIME ZONE,
    attributes JSONB DEFAULT '{}' NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT orders_one_per_form UNIQUE (restaurant_id, form_hash, copy),
    CONSTRAINT orders_number UNIQUE (restaurant_id, number),
    CONSTRAINT orders_status_known CHECK (status IN ('placed', 'paid', 'accepted', 'preparing', 'ready', 'on_its_way', 'completed', 'payment_failed', 'rejected', 'cancelled', 'refunded')),
    CONSTRAINT orders_copy_positive CHECK (copy >= 1),
    CONSTRAINT orders_form_hash_whole CHECK (length(form_hash) = 16),
    CONSTRAINT orders_amounts_not_negative CHECK (items >= 0 AND discount >= 0 AND discount <= items AND tax >= 0 AND tax_added >= 0 AND fee >= 0 AND tip >= 0),
    CONSTRAINT orders_amounts_add_up CHECK (total = items - discount + tax_added + fee + tip),
    CONSTRAINT orders_refunded_within_total CHECK (refunded >= 0 AND refunded <= total)
);

CREATE INDEX orders_by_time ON ordering.orders (restaurant_id, placed_at);

CREATE INDEX orders_by_customer ON ordering.orders (restaurant_id, customer_id, placed_at);

CREATE INDEX orders_unpaid ON ordering.orders (placed_at) WHERE status = 'placed';

CREATE TABLE ordering.attempts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    restaurant_id UUID NOT NULL,
    order_id UUID,
    outcome TEXT NOT NULL,
    code TEXT DEFAULT '' NOT NULL,
    key TEXT NOT NULL,
    caller TEXT NOT NULL,
    PRIMARY KEY (id, at),
    CONSTRAINT attempts_outcome_known CHECK (outcome IN ('placed', 'replayed', 'asked', 'key_reused', 'refused'))
)
 PARTITION BY RANGE (at);

CREATE INDEX attempts_by_order ON ordering.attempts (order_id) WHERE order_id IS NOT NULL;

CREATE TABLE ordering.timeline (
    order_id UUID NOT NULL,
    what TEXT NOT NULL,
    reference TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    detail JSONB DEFAULT '{}' NOT NULL,
    PRIMARY KEY (order_id, what, reference)
);

CREATE TABLE ordering.refunds (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT DEFAULT 'requested' NOT NULL,
    requested_by UUID NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT refunds_amount_positive CHECK (amount > 0),
    CONSTRAINT refunds_state_known CHECK (state IN ('requested', 'done'))
);

CREATE INDEX refunds_by_order ON ordering.refunds (order_id);

CREATE TABLE ordering.order_lines (
    order_id UUID NOT NULL,
    place SMALLINT NOT NULL,
    item_id TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price BIGINT NOT NULL,
    total BIGINT NOT NULL,
    options JSONB NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (order_id, place),
    CONSTRAINT order_lines_quantity_positive CHECK (quantity >= 1),
    CONSTRAINT order_lines_total_adds_up CHECK (unit_price >= 0 AND total = unit_price * quantity),
    CONSTRAINT order_lines_of_order FOREIGN KEY(order_id) REFERENCES ordering.orders (id) ON DELETE CASCADE
)
 PARTITION BY RANGE (order_id);

-- What no partition of its own takes.
CREATE TABLE ordering.attempts_default PARTITION OF ordering.attempts DEFAULT;

-- What no partition of its own takes.
CREATE TABLE ordering.order_lines_default PARTITION OF ordering.order_lines DEFAULT;
