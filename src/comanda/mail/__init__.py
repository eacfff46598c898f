"""Messages, and the ways to send them."""
