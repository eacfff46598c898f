"""The rules of the intake's verdicts that need no database."""

from datetime import timedelta

import pytest

from comanda.contexts.ordering.judging import Rules
from comanda.engine.errors import SettingError

HOUR = timedelta(hours=1)


def test_answers_outlive_the_window_in_which_they_are_given_again() -> None:
    """A setting that could not keep its promise is told at the start, in a sentence that names both variables."""
    with pytest.raises(SettingError, match=r"COMANDA_IDEMPOTENCY_KEEP.*COMANDA_FORM_WINDOW"):
        Rules(window=2 * HOUR, keep=HOUR, public_url="")
    assert Rules(window=2 * HOUR, keep=2 * HOUR, public_url="").keep == 2 * HOUR
