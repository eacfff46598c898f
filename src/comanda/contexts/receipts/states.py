"""The states of a receipt.

sending ──> sent
   │ └────> failed      the mail server has said that it never will take it
   └──────> uncertain   nobody knows whether it was taken, and the policy is not to send again
"""

from typing import Final, Literal

ReceiptState = Literal["sending", "sent", "failed", "uncertain"]

SENDING: Final = "sending"
SENT: Final = "sent"
FAILED: Final = "failed"
UNCERTAIN: Final = "uncertain"

STATES: tuple[ReceiptState, ...] = (SENDING, SENT, FAILED, UNCERTAIN)
