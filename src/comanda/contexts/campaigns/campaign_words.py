"""What the staff's pages call the states of campaigns, and the colours of their badges."""

from typing import Any

from comanda.contexts.campaigns.states import State

STATE_WORDS: dict[State, str] = {
    "draft": "Draft",
    "scheduled": "Scheduled",
    "freezing": "Being prepared",
    "sending": "Sending",
    "paused": "Paused",
    "finished": "Finished",
    "cancelled": "Cancelled",
}

STATE_BADGES: dict[State, str] = {
    "draft": "plain",
    "scheduled": "cool",
    "freezing": "accent",
    "sending": "accent",
    "paused": "wait",
    "finished": "good",
    "cancelled": "bad",
}

WORDS: dict[str, Any] = {"state_words": STATE_WORDS, "state_badges": STATE_BADGES}
"""What templates that show states are given."""
