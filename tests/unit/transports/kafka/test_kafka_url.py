import pytest

from comanda.engine.errors import SettingError
from comanda.engine.transports.kafka.kafka_url import KafkaAddress


def test_a_url_says_all_that_a_client_needs() -> None:
    """Brokers, topic, user, encryption: each stands where librdkafka looks for it, and the password is decoded."""
    url = "kafka://shop:p%40ss@one:9092,two:9093/orders.log?tls=true&sasl=PLAIN&ca=/etc/ca.pem&session_s=30&replicas=3"
    address = KafkaAddress.parse(url)
    assert (address.topic, address.replicas, address.session_s) == ("orders.log", 3, 30)
    assert address.carrier == "kafka.orders.log"
    settings = address.client()
    assert settings["bootstrap.servers"] == "one:9092,two:9093"
    assert settings["security.protocol"] == "SASL_SSL"
    assert (settings["sasl.username"], settings["sasl.password"]) == ("shop", "p@ss")
    assert (settings["sasl.mechanism"], settings["ssl.ca.location"]) == ("PLAIN", "/etc/ca.pem")


def test_a_short_url_takes_the_defaults() -> None:
    """A broker alone is enough; without a user nothing is signed."""
    address = KafkaAddress.parse("kafka://localhost:9092")
    assert address.topic == "comanda.events"
    settings = address.client()
    assert settings["security.protocol"] == "PLAINTEXT"
    assert "sasl.username" not in settings


def test_a_lease_ends_before_kafka_gives_the_partitions_to_another() -> None:
    """Whatever the session: the lease and the heartbeat that may be on its way fit into it."""
    for session_s in (1, 2, 10, 300):
        address = KafkaAddress.parse(f"kafka://localhost:9092?session_s={session_s}")
        assert address.lease_s + min(3.0, session_s / 4) < session_s


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("kafka:", "no broker"),
        ("kafka://localhost", "no broker"),
        ("kafka://localhost:9092,", "no broker"),
        ("kafka://localhost:9092/a/b", "a/b"),
        ("kafka://localhost:9092/t?acks=1", "acks"),
        ("kafka://localhost:9092/t?session_s=0", "from 1 to 300"),
        ("kafka://localhost:9092/t?tls=yes", "false, true"),
        ("kafka://u:secret@localhost:9092/t?sasl=GSSAPI", "SCRAM-SHA-256"),
    ],
)
def test_a_wrong_url_says_what_to_write(url: str, told: str) -> None:
    """The sentence names what is wrong, and never the password."""
    with pytest.raises(SettingError) as caught:
        KafkaAddress.parse(url)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
