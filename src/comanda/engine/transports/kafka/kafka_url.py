"""What a URL `kafka://…` says, and the client's settings that follow from it."""

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from comanda.engine.errors import SettingError

EXAMPLE = "kafka://broker1:9092,broker2:9092/comanda.events"
TOPIC = "comanda.events"

OPTIONS = frozenset({"tls", "sasl", "ca", "session_s", "replicas"})
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_SERVER = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class KafkaAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the topic is, and how to speak to its brokers.

    Attributes:
        servers: `host:port`, of some of the brokers.
        topic: of all events; two houses on one Kafka take two topics.
        user: for SASL; empty is none.
        tls: whether to encrypt.
        sasl: the mechanism by which the user is known.
        ca: file of the authorities that are trusted; empty is the system's.
        session_s: how long a worker that is silent keeps its partitions, from Kafka and from us.
        replicas: of the topic's partitions when we make it; -1 leaves that to the brokers.
    """

    servers: tuple[str, ...]
    topic: str = TOPIC
    user: str = ""
    password: str = ""
    tls: bool = False
    sasl: str = "SCRAM-SHA-512"
    ca: str = ""
    session_s: float = 10.0
    replicas: int = -1

    @classmethod
    def parse(cls, url: str) -> "KafkaAddress":
        """Read `kafka://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…][/TOPIC][?option=…]`; raise `SettingError`."""
        parts = urlsplit(url)
        signed, _, hosts = parts.netloc.rpartition("@")
        user, _, password = signed.partition(":")
        servers = tuple(hosts.split(","))
        topic = parts.path.strip("/") or TOPIC
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.scheme != "kafka" or not all(_SERVER.fullmatch(server) for server in servers):
            raise SettingError(f"The events URL names no broker of Kafka with its port; write {EXAMPLE}.")
        if not _TOPIC.fullmatch(topic) or parts.fragment:
            raise SettingError(f"The events URL names a topic {topic!r} that Kafka would not take; write {EXAMPLE}.")
        if unknown := options.keys() - OPTIONS:
            raise SettingError(
                f"The events URL has an option {min(unknown)!r}; there are {', '.join(sorted(OPTIONS))}."
            )
        return cls(
            servers=servers,
            topic=topic,
            user=unquote(user),
            password=unquote(password),
            tls=_one_of(options, "tls", ("false", "true")) == "true",
            sasl=_one_of(options, "sasl", MECHANISMS[::-1]),
            ca=options.get("ca", ""),
            session_s=_number(options, "session_s", least=1, most=300, default=10),
            replicas=_number(options, "replicas", least=1, most=99, default=-1),
        )

    @property
    def lease_s(self) -> float:
        """How long a lease in the cursor table lasts without renewal.

        Shorter than Kafka's session by what a heartbeat takes: when Kafka gives the partitions of a silent worker to
        another, its leases have ended.
        """
        return self.session_s * 2 / 3

    @property
    def carrier(self) -> str:
        """The name under which places of this topic stand in the cursor table."""
        return f"kafka.{self.topic}"

    def client(self) -> dict[str, Any]:
        """Return the settings of librdkafka that every client of ours has."""
        settings: dict[str, Any] = {
            "bootstrap.servers": ",".join(self.servers),
            "client.id": "comanda",
            "security.protocol": f"{'SASL_' if self.user else ''}{'SSL' if self.tls else 'PLAINTEXT'}",
            # A broker that comes back is found again within a second; librdkafka would wait up to ten.
            "reconnect.backoff.ms": 250,
            "reconnect.backoff.max.ms": 1000,
            # It would write a line for each try to reach a broker; what it tells `error_cb` says as much.
            "log_level": 0,
        }
        if self.user:
            settings |= {"sasl.mechanism": self.sasl, "sasl.username": self.user, "sasl.password": self.password}
        if self.ca:
            settings["ssl.ca.location"] = self.ca
        return settings


def _one_of(options: dict[str, str], name: str, words: tuple[str, ...]) -> str:
    word = options.get(name, words[0])
    if word not in words:
        raise SettingError(f"The events URL says {name}={word}; write one of {', '.join(words)}.")
    return word


def _number(options: dict[str, str], name: str, *, least: int, most: int, default: int) -> int:
    if name not in options:
        return default
    text = options[name]
    if not text.isdecimal() or not least <= int(text) <= most:
        raise SettingError(f"The events URL says {name}={text}; write a whole number from {least} to {most}.")
    return int(text)
