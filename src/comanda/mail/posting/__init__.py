"""Mails posted by a process that may be killed at any moment: what became of each is known afterwards."""

from comanda.mail.posting.office import PostOffice
from comanda.mail.posting.post import Absent, Key, Post, Posting
from comanda.mail.posting.posting_url import posting_from_url

__all__ = ["Absent", "Key", "Post", "PostOffice", "Posting", "posting_from_url"]
