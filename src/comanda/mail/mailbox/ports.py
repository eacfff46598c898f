"""Where the mailbox listens when nobody says otherwise."""

DEFAULT_SMTP_PORT = 8025
DEFAULT_HTTP_PORT = 8026
