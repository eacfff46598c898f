CREATE SCHEMA IF NOT EXISTS kitchen;

CREATE TABLE kitchen.tickets (
    id UUID NOT NULL,
    order_id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    number BIGINT NOT NULL,
    fulfilment TEXT NOT NULL,
    status TEXT DEFAULT 'waiting' NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    document JSONB NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    moved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    moved_by UUID,
    PRIMARY KEY (id),
    CONSTRAINT tickets_one_per_order UNIQUE (order_id),
    CONSTRAINT tickets_status_known CHECK (status IN ('waiting', 'accepted', 'preparing', 'ready', 'on_its_way', 'completed', 'rejected', 'withdrawn')),
    CONSTRAINT tickets_fulfilment_known CHECK (fulfilment IN ('pickup', 'delivery', 'dine_in')),
    CONSTRAINT tickets_on_its_way_is_delivery CHECK (status <> 'on_its_way' OR fulfilment = 'delivery'),
    CONSTRAINT tickets_version_positive CHECK (version >= 1)
);

CREATE INDEX tickets_closed ON kitchen.tickets (restaurant_id, moved_at) WHERE status IN ('completed', 'rejected', 'withdrawn');

CREATE INDEX tickets_open ON kitchen.tickets (restaurant_id, due_at) WHERE status NOT IN ('completed', 'rejected', 'withdrawn');
