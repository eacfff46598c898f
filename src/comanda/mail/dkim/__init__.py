"""Signing mails (DKIM, RFC 6376), so that whoever gets one can tell that its sender's domain stands behind it."""

from comanda.mail.dkim.keys import DkimKey, load_key
from comanda.mail.dkim.signer import SIGNED, DkimSigner

__all__ = ["SIGNED", "DkimKey", "DkimSigner", "load_key"]
