"""The transport `sns+sqs://`."""

from comanda.engine.transports.sns_sqs.address import Address
from comanda.engine.transports.sns_sqs.transport import SnsSqsTransport, build

__all__ = ["Address", "SnsSqsTransport", "build"]
