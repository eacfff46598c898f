CREATE SCHEMA IF NOT EXISTS customers;

CREATE TABLE customers.customers (
    id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    orders INTEGER DEFAULT 0 NOT NULL,
    first_order_at TIMESTAMP WITH TIME ZONE,
    last_order_at TIMESTAMP WITH TIME ZONE,
    marketing_consent_at TIMESTAMP WITH TIME ZONE,
    marketing_consent_source TEXT,
    unsubscribed_at TIMESTAMP WITH TIME ZONE,
    attributes JSONB DEFAULT '{}' NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT customers_one_per_email UNIQUE (restaurant_id, email),
    CONSTRAINT customers_email_there CHECK (email <> ''),
    CONSTRAINT customers_orders_not_negative CHECK (orders >= 0),
    CONSTRAINT customers_first_before_last CHECK (first_order_at <= last_order_at)
);

CREATE INDEX customers_by_last_order ON customers.customers (restaurant_id, last_order_at, id);

CREATE TABLE customers.customer_orders (
    order_id UUID NOT NULL,
    customer_id UUID NOT NULL,
    number BIGINT NOT NULL,
    total BIGINT NOT NULL,
    currency TEXT NOT NULL,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (order_id),
    CONSTRAINT customer_orders_of_customer FOREIGN KEY(customer_id) REFERENCES customers.customers (id) ON DELETE CASCADE
);

CREATE INDEX customer_orders_by_customer ON customers.customer_orders (customer_id, placed_at);

CREATE TABLE customers.addresses (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    customer_id UUID NOT NULL,
    fingerprint TEXT NOT NULL,
    street TEXT NOT NULL,
    city TEXT NOT NULL,
    postcode TEXT NOT NULL,
    detail TEXT NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT addresses_one_per_place UNIQUE (customer_id, fingerprint),
    CONSTRAINT addresses_of_customer FOREIGN KEY(customer_id) REFERENCES customers.customers (id) ON DELETE CASCADE
);
