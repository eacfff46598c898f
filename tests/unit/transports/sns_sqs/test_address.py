import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comanda.engine.errors import SettingError
from comanda.engine.transports.sns_sqs.address import Address

VALID_QUEUE = re.compile(r"(?=.{1,80}$)[A-Za-z0-9_-]+(\.fifo)?")


def test_a_url_says_where_and_how() -> None:
    """Region, prefix and options are read; what is not said has its default."""
    url = "sns+sqs://eu-central-1/shop?fifo=false&endpoint=http://127.0.0.1:5000&visibility_s=3&receives=7"
    assert Address.parse(url) == Address(
        region="eu-central-1",
        prefix="shop",
        fifo=False,
        endpoint="http://127.0.0.1:5000",
        visibility_s=3,
        receives=7,
    )
    assert Address.parse("sns+sqs://us-east-1/shop") == Address(region="us-east-1", prefix="shop", fifo=True)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sns+sqs://eu-central-1", "region and prefix"),
        ("sns+sqs:///shop", "region and prefix"),
        ("sns+sqs://eu-central-1/shop/more", "region and prefix"),
        ("sns+sqs://eu-central-1/shop?fifo=yes", "fifo=true or fifo=false"),
        ("sns+sqs://eu-central-1/shop?receives=1001", "from 1 to 1000"),
        ("sns+sqs://eu-central-1/shop?visibility_s=ten", "from 1 to 3600"),
        ("sns+sqs://eu-central-1/shop?fast=true", "'fast'"),
    ],
)
def test_a_wrong_url_says_what_to_write(url: str, said: str) -> None:
    """What cannot be meant is refused with a sentence that helps."""
    with pytest.raises(SettingError, match=re.escape(said)):
        Address.parse(url)


def test_names_are_those_of_the_consumers() -> None:
    """An operator finds a consumer's queue by its name."""
    fifo, standard = (Address(region="r", prefix="shop", fifo=fifo) for fifo in (True, False))
    assert fifo.topic_name == "shop.fifo"
    assert fifo.queue_name("kitchen.tickets") == "shop-kitchen-tickets.fifo"
    assert fifo.queue_name("kitchen.tickets", dead=True) == "shop-kitchen-tickets-dead.fifo"
    assert standard.topic_name == "shop"
    assert standard.queue_name("kitchen.tickets") == "shop-kitchen-tickets"


@given(st.sets(st.text(max_size=120), min_size=1, max_size=6), st.booleans())
def test_every_consumer_has_queues_of_its_own_with_names_that_sqs_takes(consumers: set[str], fifo: bool) -> None:  # noqa: FBT001 - by Hypothesis
    """However consumers are called, their queues and dead letters have valid names, each its own."""
    address = Address(region="r", prefix="p" * 40, fifo=fifo)
    names = [address.queue_name(consumer, dead=dead) for consumer in consumers for dead in (True, False)]
    assert len(set(names)) == len(names)
    assert all(VALID_QUEUE.fullmatch(name) for name in names)


def test_a_dot_and_a_dash_make_two_names() -> None:
    """Consumers whose names differ only in what a queue's name cannot show do not share a queue."""
    address = Address(region="r", prefix="shop")
    assert address.queue_name("a.b") != address.queue_name("a-b")
