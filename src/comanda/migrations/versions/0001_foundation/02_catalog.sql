CREATE SCHEMA IF NOT EXISTS catalog;

CREATE TABLE catalog.restaurants (
    id UUID NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    timezone TEXT NOT NULL,
    country TEXT NOT NULL,
    locale TEXT NOT NULL,
    trading JSONB DEFAULT '{}' NOT NULL,
    attributes JSONB DEFAULT '{}' NOT NULL,
    attributes_schema JSONB DEFAULT '{}' NOT NULL,
    published_version INTEGER,
    revision BIGINT DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT restaurants_slug_wellformed CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    CONSTRAINT restaurants_currency_wellformed CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT restaurants_country_wellformed CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT restaurants_revision_positive CHECK (revision > 0),
    CONSTRAINT restaurants_name_length CHECK (length(name) BETWEEN 1 AND 200),
    UNIQUE (slug)
);

CREATE INDEX restaurants_by_name ON catalog.restaurants (name, slug) WHERE published_version IS NOT NULL;

CREATE TABLE catalog.reservations (
    order_id UUID NOT NULL,
    kind TEXT NOT NULL,
    thing TEXT DEFAULT '' NOT NULL,
    restaurant_id UUID NOT NULL,
    day DATE,
    starts_at TIMESTAMP WITH TIME ZONE,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, kind, thing),
    CONSTRAINT reservations_quantity_positive CHECK (quantity > 0),
    CONSTRAINT reservations_kind_has_its_columns CHECK ((kind = 'stock' AND day IS NOT NULL AND starts_at IS NULL AND thing <> '') OR (kind = 'slot' AND day IS NULL AND starts_at IS NOT NULL AND thing = '' AND quantity = 1))
);

CREATE TABLE catalog.menu_versions (
    restaurant_id UUID NOT NULL,
    version INTEGER NOT NULL,
    document JSONB NOT NULL,
    state TEXT DEFAULT 'draft' NOT NULL,
    edits INTEGER DEFAULT 1 NOT NULL,
    edited_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (restaurant_id, version),
    CONSTRAINT menu_versions_version_positive CHECK (version > 0),
    CONSTRAINT menu_versions_state_known CHECK (state IN ('draft', 'published')),
    CONSTRAINT menu_versions_published_has_its_time CHECK ((state = 'published') = (published_at IS NOT NULL)),
    CONSTRAINT menu_versions_restaurant_exists FOREIGN KEY(restaurant_id) REFERENCES catalog.restaurants (id)
);

CREATE UNIQUE INDEX menu_versions_one_draft ON catalog.menu_versions (restaurant_id) WHERE state = 'draft';

CREATE OR REPLACE FUNCTION catalog.refuse_change_of_published_menu() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'menu version % of restaurant % is published and never changes', OLD.version, OLD.restaurant_id
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE OR REPLACE TRIGGER published_menus_never_change
BEFORE UPDATE OR DELETE ON catalog.menu_versions
FOR EACH ROW WHEN (OLD.state = 'published')
EXECUTE FUNCTION catalog.refuse_change_of_published_menu();

CREATE TABLE catalog.sold_out (
    restaurant_id UUID NOT NULL,
    thing_id TEXT NOT NULL,
    since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (restaurant_id, thing_id),
    CONSTRAINT sold_out_restaurant_exists FOREIGN KEY(restaurant_id) REFERENCES catalog.restaurants (id)
);

CREATE TABLE catalog.daily_stock (
    restaurant_id UUID NOT NULL,
    item_id TEXT NOT NULL,
    day DATE NOT NULL,
    stock INTEGER NOT NULL,
    reserved INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (restaurant_id, item_id, day),
    CONSTRAINT daily_stock_within_stock CHECK (reserved BETWEEN 0 AND stock),
    CONSTRAINT daily_stock_restaurant_exists FOREIGN KEY(restaurant_id) REFERENCES catalog.restaurants (id)
)
 WITH (fillfactor = 50);

CREATE TABLE catalog.kitchen_slots (
    restaurant_id UUID NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    capacity INTEGER NOT NULL,
    reserved INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (restaurant_id, starts_at),
    CONSTRAINT kitchen_slots_within_capacity CHECK (reserved BETWEEN 0 AND capacity),
    CONSTRAINT kitchen_slots_restaurant_exists FOREIGN KEY(restaurant_id) REFERENCES catalog.restaurants (id)
)
 WITH (fillfactor = 50);

ALTER TABLE catalog.restaurants ADD CONSTRAINT restaurants_published_version_exists FOREIGN KEY(id, published_version) REFERENCES catalog.menu_versions (restaurant_id, version);
