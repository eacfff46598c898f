import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from comanda.cli.main import app
from tests.fakes.running_box import PATIENCE_S, RunningBox, run, running_box, start, until

pytestmark = pytest.mark.slow  # Each test starts every process of a whole box, some of them twice.


@pytest.fixture
def box(data: Path) -> Iterator[RunningBox]:
    """A box that is ready."""
    with running_box(data) as box:
        yield box


def _order(box: RunningBox) -> dict[str, Any]:
    """Place an order of the first item that needs no choice."""
    _, menu = box.get("/api/v1/restaurants/demo/menu")
    item = next(
        item
        for category in menu["categories"]
        for item in category["items"]
        if all(group["min"] == 0 for group in item["option_groups"])
    )
    status, order = box.post(
        "/api/v1/orders",
        {
            "restaurant": "demo",
            "customer": {"name": "Ada", "email": "ada@example.com", "phone": "+12125550123"},
            "fulfilment": {"type": "pickup"},
            "lines": [{"item": item["id"], "quantity": 1, "options": []}],
        },
    )
    assert status == 201, order
    placed: dict[str, Any] = order
    return placed


def _path(order: dict[str, Any]) -> str:
    return "/" + order["tracking"].split("/", 3)[3] if "://" in order["tracking"] else str(order["tracking"])


def test_one_command_starts_everything_and_ctrl_c_ends_it(box: RunningBox) -> None:
    """Pages and API answer, addresses and the first password are printed, files are private; Ctrl-C leaves nothing."""
    assert box.get("/readyz")[0] == 200
    assert box.get("/api/v1/restaurants/demo/menu")[0] == 200
    for line in ("Menu", "Mailbox", "password"):
        assert line in box.told
    readable = [path.name for path in box.data.iterdir() if path.is_file() and path.stat().st_mode & 0o077]
    assert readable == []
    names = {"".join(process.cmdline()[:1]) for process in box.processes}
    assert {"comanda web-1", "comanda web-2", "comanda worker-1", "comanda sandbox", "comanda mailbox"} <= names

    assert box.interrupt() == 0
    assert box.left_over() == []


def test_a_second_start_finds_its_data_and_tells_no_password(data: Path) -> None:
    """What was ordered before an orderly end is there after the next start, which makes no second account."""
    with running_box(data) as first:
        order = _order(first)
        assert first.interrupt() == 0
    with running_box(data) as second:
        assert second.get(_path(order))[0] == 200
        assert "password" not in second.told


def test_a_start_after_everything_was_killed_finds_its_data(data: Path) -> None:
    """After a kill -9 of every process, PostgreSQL included, the next start recovers what was answered with 201."""
    with running_box(data) as first:
        order = _order(first)
        first.kill(*first.all_processes())
    with running_box(data) as second:
        assert second.get(_path(order))[0] == 200
        assert second.get("/readyz")[0] == 200


def test_a_killed_supervisor_takes_everything_along(box: RunningBox) -> None:
    """When the supervisor alone is killed, its children and its PostgreSQL end by themselves."""
    box.kill(psutil.Process(box.process.pid))
    assert box.left_over() == []


def test_a_killed_web_process_is_replaced(box: RunningBox) -> None:
    """A web process that dies is started again, and requests are answered meanwhile."""
    victim = box.child("web-1")
    box.kill(victim)
    until(lambda: _replaced(box, "web-1", victim.pid), what="web-1 runs again")
    assert box.get("/readyz")[0] == 200


def test_a_killed_nursery_is_replaced_with_its_children(box: RunningBox) -> None:
    """The process from which children are forked may die as well: it and they are started again."""
    nursery = psutil.Process(box.process.pid).children()[0]
    victim = box.child("web-1")
    box.kill(nursery)
    until(lambda: _replaced(box, "web-1", victim.pid), what="web-1 runs again")
    until(lambda: _found(box, "/readyz"), what="it answers again")


def test_a_killed_postgres_is_started_again(box: RunningBox) -> None:
    """A PostgreSQL that is killed recovers under the running processes, which find it again without a restart."""
    order = _order(box)
    server = next(p for p in box.all_processes() if p.name() == "postgres" and p.ppid() == box.process.pid)
    box.kill(server)
    until(lambda: _found(box, _path(order)), what="the order is found again")


def test_a_second_start_on_the_same_data_is_refused_in_one_sentence(box: RunningBox) -> None:
    """Two supervisors never share a data directory."""
    status, _, told = run("up", "--data", str(box.data), "--port", "0")
    assert status == 78
    assert told.count("\n") == 1
    assert f"process {box.process.pid}" in told


def test_a_taken_port_is_told_in_one_sentence(data: Path) -> None:
    """A port on which another program listens is found out, also when that program would share it."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, _, told = run("up", "--data", str(data), "--port", str(port))
    assert status == 78
    assert told.splitlines()[-1] == (
        f"comanda: Port {port}, wanted for the web server, is taken by another program: choose another port."
    )


def test_an_interrupt_during_the_start_leaves_nothing(data: Path) -> None:
    """Ctrl-C while the database is being made ends what was begun, and the next start is a clean one."""
    process = start(data, errors=data.with_name("err"))
    supervisor = psutil.Process(process.pid)
    while not (begun := supervisor.children(recursive=True)):
        assert process.poll() is None
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    _, alive = psutil.wait_procs(begun, timeout=PATIENCE_S)
    assert alive == []
    assert process.stdout is not None
    process.stdout.close()
    with running_box(data) as box:
        assert box.get("/readyz")[0] == 200


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"COMANDA_DATABSE_URL": "x"}, "did you mean COMANDA_DATABASE_URL?"),
        ({"COMANDA_FORM_WINDOW": "soon"}, "COMANDA_FORM_WINDOW is 'soon', which cannot be used"),
        ({"COMANDA_DATA": "/proc/nowhere"}, "cannot be written to"),
    ],
)
def test_a_wrong_setting_is_told_in_one_sentence(environ: dict[str, str], told: str) -> None:
    """An operator reads one sentence, not a traceback."""
    status, output, errors = run("up", environ=environ)
    assert (status, output) == (78, "")
    assert told in errors
    assert errors.count("\n") == 1


def _replaced(box: RunningBox, name: str, pid: int) -> bool:
    """Whether a child of that name runs that is not the one that was killed."""
    title = [f"comanda {name}"]
    for process in box.all_processes():
        with contextlib.suppress(psutil.Error):
            if process.pid != pid and process.cmdline()[:1] == title:
                return True
    return False


def _found(box: RunningBox, path: str) -> bool:
    with contextlib.suppress(OSError):
        return box.get(path)[0] == 200
    return False


def test_every_command_has_a_help_text_with_an_example() -> None:
    """`--help` of the program lists the commands, and each command's shows how it is called."""
    status, listed, _ = run("--help")
    assert status == 0
    commands = [
        line.split()[0]
        for line in listed.split("Commands:")[1].splitlines()
        if line.startswith("  ") and line[2] != " "
    ]
    assert {"up", "serve", "work", "migrate", "seed"} <= set(commands)
    for command in commands:
        told = CliRunner().invoke(app, [command, "--help"])
        assert told.exit_code == 0, told.output
        example = told.output.split("Example:")[1]
        assert f"comanda {command}" in " ".join(example.split())
