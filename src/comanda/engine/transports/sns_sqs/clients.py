"""AWS's clients, and what their errors mean to us."""

from typing import TYPE_CHECKING

import boto3.session
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from comanda.engine.errors import Unavailable
from comanda.engine.transports.sns_sqs.address import Address

if TYPE_CHECKING:  # The packages of types are for development alone.
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient

FAILURES = (BotoCoreError, ClientError)
"""What a call raises: boto's own errors, and AWS's answers."""

POLL_S = 20
"""How long a receive waits for a message, at most what SQS admits."""

CONNECTIONS = 64
"""Connections that a client keeps open; calls beyond them open and close one each."""

MISSING = frozenset(
    {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NotFound", "NotFoundException", "TopicNotFound"}
)
"""What AWS and stand-ins call a topic or queue that is not there."""


class Clients(msgspec.Struct, frozen=True):
    """One client for each kind of call.

    Attributes:
        sqs: for calls that are answered at once.
        polls: for receives, which wait.
    """

    sns: "SNSClient"
    sqs: "SQSClient"
    polls: "SQSClient"


def connect(address: Address) -> Clients:
    """Make the clients; credentials come by boto's own chain. Blocks for some 0.1 s; asks nobody."""
    session = boto3.session.Session(region_name=address.region)
    return Clients(
        session.client("sns", endpoint_url=address.endpoint, config=_config(read_s=5)),
        session.client("sqs", endpoint_url=address.endpoint, config=_config(read_s=5)),
        session.client("sqs", endpoint_url=address.endpoint, config=_config(read_s=POLL_S + 5)),
    )


def is_missing(error: Exception) -> bool:
    """Whether a call failed because its topic or queue does not exist."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in MISSING


def unavailable(what: str, error: Exception) -> Unavailable:
    """Return the error to raise for a call that failed."""
    return Unavailable(f"{what} does not answer as it should: {error}")


def _config(*, read_s: int) -> Config:
    # Two tries: who calls us tries again by himself, and knows better for how long.
    return Config(
        connect_timeout=3,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=CONNECTIONS,
    )
