"""The built-in mailbox: an SMTP server that keeps what arrives, and a page to read it.

`server` is its process (`Mailbox`, `run`); `mailer` is how others send to it. They are imported by their own names, so
that a worker which only sends does not load a web server.
"""
