CREATE SCHEMA IF NOT EXISTS staff;

CREATE TABLE staff.accounts (
    id UUID NOT NULL,
    restaurant_id UUID NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    roles TEXT[] NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    attributes JSONB DEFAULT '{}' NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT accounts_email_normalised CHECK (email = lower(btrim(email)) AND email <> ''),
    CONSTRAINT accounts_roles_known CHECK (roles <@ ARRAY['owner', 'kitchen', 'marketer', 'operator']::text[]),
    CONSTRAINT accounts_password_hashed CHECK (password_hash LIKE '$argon2id$%')
);

CREATE UNIQUE INDEX accounts_one_per_email ON staff.accounts (email);

CREATE INDEX accounts_by_restaurant ON staff.accounts (restaurant_id);

CREATE TABLE staff.sign_in_tries (
    key TEXT NOT NULL,
    tries INTEGER NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (key),
    CONSTRAINT sign_in_tries_not_negative CHECK (tries >= 0)
);

CREATE INDEX sign_in_tries_by_age ON staff.sign_in_tries (since);

CREATE TABLE staff.sessions (
    token_hash BYTEA NOT NULL,
    account_id UUID NOT NULL,
    kind TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (token_hash),
    CONSTRAINT sessions_kind_known CHECK (kind IN ('browser', 'program')),
    CONSTRAINT sessions_token_hashed CHECK (length(token_hash) = 32),
    CONSTRAINT sessions_of_account FOREIGN KEY(account_id) REFERENCES staff.accounts (id) ON DELETE CASCADE
);

CREATE INDEX sessions_by_account ON staff.sessions (account_id);

CREATE INDEX sessions_by_use ON staff.sessions (seen_at);

CREATE INDEX sessions_by_end ON staff.sessions (expires_at);
