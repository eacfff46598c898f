"""What a server's EHLO says that it can do."""

from dataclasses import dataclass

from comanda.mail.pipeline.replies import Reply


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What the server offers; all off for one that knows only HELO.

    Attributes:
        pipelining: commands may be sent in groups (RFC 2920).
        size: SIZE is offered (RFC 1870).
        most_octets: the largest mail that it takes, or None when it names no limit.
        eight_bit: octets over 127 in the content (8BITMIME, RFC 6152).
        smtputf8: addresses of other letters than ASCII (RFC 6531).
        starttls: TLS on this connection (RFC 3207).
        log_ins: the mechanisms of AUTH (RFC 4954), in capitals.
    """

    pipelining: bool = False
    size: bool = False
    most_octets: int | None = None
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    log_ins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reply: Reply) -> "Capabilities":
        """Return what the reply to EHLO offers. Its first line is the server's name."""
        offered: dict[str, set[str]] = {}
        for line in reply.lines[1:]:
            # Old servers write AUTH=LOGIN for AUTH LOGIN.
            keyword, *arguments = line.decode(errors="replace").upper().replace("AUTH=", "AUTH ").split() or [""]
            offered.setdefault(keyword, set()).update(arguments)
        limits = [int(limit) for limit in offered.get("SIZE", ()) if limit.isascii() and limit.isdigit()]
        return cls(
            pipelining="PIPELINING" in offered,
            size="SIZE" in offered,
            most_octets=min((limit for limit in limits if limit), default=None),
            eight_bit="8BITMIME" in offered,
            smtputf8="SMTPUTF8" in offered,
            starttls="STARTTLS" in offered,
            log_ins=frozenset(offered.get("AUTH", ())),
        )
