"""The errors of payments.

PaymentError
├── WebhookRejected     what came in is not signed by the provider, or not in time, or not readable
└── Contradiction       the provider says two things that cannot both be true; a person has to look
"""

from comanda.engine.errors import ComandaError, DeadLetter


class PaymentError(ComandaError):
    """The root of the errors of payments."""


class WebhookRejected(PaymentError):
    """A webhook that was not proven to come from the provider. Nothing of it was believed."""


class Contradiction(PaymentError, DeadLetter):
    """The provider says what cannot be: another amount for our key, say. Trying again would not help."""
