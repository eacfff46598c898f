ALTER TABLE customers.customers
    ADD COLUMN version BIGINT DEFAULT 1 NOT NULL,
    ADD COLUMN timezone TEXT DEFAULT '' NOT NULL,
    ADD COLUMN imported_at TIMESTAMP WITH TIME ZONE;

CREATE TABLE customers.consents (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    customer_id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    what TEXT NOT NULL,
    source TEXT NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT consents_what_known CHECK (what IN ('asked', 'given', 'withdrawn'))
);

CREATE INDEX consents_by_customer ON customers.consents (customer_id, at);

CREATE TABLE customers.imports (
    id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    name TEXT NOT NULL,
    file_key TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    mapping JSONB NOT NULL,
    state TEXT NOT NULL,
    offset_bytes BIGINT DEFAULT 0 NOT NULL,
    line BIGINT DEFAULT 1 NOT NULL,
    counts JSONB DEFAULT '{}' NOT NULL,
    problem TEXT DEFAULT '' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    CONSTRAINT imports_state_known CHECK (state IN ('waiting', 'running', 'finished', 'failed', 'cancelled')),
    CONSTRAINT imports_place_there CHECK (offset_bytes >= 0 AND line >= 1)
);

CREATE INDEX imports_by_restaurant ON customers.imports (restaurant_id, created_at);

CREATE TABLE customers.import_problems (
    import_id UUID NOT NULL,
    line BIGINT NOT NULL,
    "column" TEXT NOT NULL,
    text TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    PRIMARY KEY (import_id, line, "column"),
    CONSTRAINT import_problems_of_import FOREIGN KEY(import_id) REFERENCES customers.imports (id) ON DELETE CASCADE
);
