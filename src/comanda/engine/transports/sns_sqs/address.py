"""What a URL `sns+sqs://…` says, and the names of topic and queues that follow from it."""

import hashlib
import re
from urllib.parse import parse_qsl, urlsplit

import msgspec

from comanda.engine.errors import SettingError

EXAMPLE = "sns+sqs://eu-central-1/comanda?fifo=true"

QUEUE_NAME_LENGTH = 80
"""Characters of a queue's name, `.fifo` included. API reference of SQS, CreateQueue."""

VISIBILITY_S = 10
RECEIVES = 100

DIGITS = 10
"""Hexadecimal digits that stand for what a name could not hold."""

_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,40}")
_REGION = re.compile(r"[a-z0-9-]+")
_PLAIN = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the topic and the queues are, and how they are made.

    Attributes:
        prefix: begins the name of all that is ours there; two houses in one account take two prefixes.
        fifo: whether topic and queues keep the order of each key. Without, SNS and SQS promise no order at all.
        endpoint: of a stand-in for AWS; None for AWS itself.
        visibility_s: seconds for which a message is ours without a word from us. It is extended while we work, so
            that this bounds how long a killed worker's messages wait.
        receives: how often a message may be received before SQS moves it to the dead letters, 1 to 1000.
    """

    region: str
    prefix: str
    fifo: bool = True
    endpoint: str | None = None
    visibility_s: int = VISIBILITY_S
    receives: int = RECEIVES

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read `sns+sqs://REGION/PREFIX?fifo=…&endpoint=…&visibility_s=…&receives=…`; raise `SettingError`."""
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        if parts.scheme != "sns+sqs" or not _REGION.fullmatch(parts.netloc) or not _PREFIX.fullmatch(prefix):
            raise SettingError(f"The events URL {url} names no region and prefix of SNS; write {EXAMPLE}.")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = options.keys() - {"fifo", "endpoint", "visibility_s", "receives"}
        if unknown:
            raise SettingError(f"The events URL has an option {min(unknown)!r} that means nothing; write {EXAMPLE}.")
        return cls(
            region=parts.netloc,
            prefix=prefix,
            fifo=_boolean(options.get("fifo", "true")),
            endpoint=options.get("endpoint") or None,
            visibility_s=_number(options, "visibility_s", default=VISIBILITY_S, most=3600),
            receives=_number(options, "receives", default=RECEIVES, most=1000),
        )

    @property
    def topic_name(self) -> str:
        """The topic's name."""
        return self.prefix + self._ending

    def queue_name(self, consumer: str, *, dead: bool = False) -> str:
        """Return the name of a consumer's queue, or of the queue of its dead letters.

        A name that the rules of SQS do not admit as it is (other characters, too long) gets digits of its hash.
        """
        end = ("-dead" if dead else "") + self._ending
        name = f"{self.prefix}-{consumer.replace('.', '-')}"
        room = QUEUE_NAME_LENGTH - len("-dead") - len(self._ending)
        if not _PLAIN.fullmatch(consumer) or len(name) > room:
            digits = hashlib.sha256(consumer.encode()).hexdigest()[:DIGITS]
            name = re.sub(r"[^A-Za-z0-9_-]", "-", name)[: room - DIGITS - 1] + "-" + digits
        return name + end

    @property
    def _ending(self) -> str:
        return ".fifo" if self.fifo else ""


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise SettingError(f"The events URL says fifo={text}; write fifo=true or fifo=false.")
    return text == "true"


def _number(options: dict[str, str], name: str, *, default: int, most: int) -> int:
    text = options.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise SettingError(f"The events URL says {name}={text}; write a whole number from 1 to {most}.")
    return int(text)
