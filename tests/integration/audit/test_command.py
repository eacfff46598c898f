import asyncio
import os
import sys

import msgspec
import pytest

from comanda.environment import as_environ
from comanda.settings import Settings
from tests.integration.audit.fault import order
from tests.integration.audit.scene import Scene, sandbox

pytestmark = pytest.mark.slow  # Each run of the command is a process that loads the program.


async def _run(settings: Settings, *arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "comanda",
        "audit",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **as_environ(settings)},
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_the_command_ends_with_0_or_with_1_and_a_list(scene: Scene) -> None:
    """What is wrong is told with the order's number, for people and for programs, and by the exit status."""
    async with sandbox(scene.settings) as settings:
        status, output, errors = await _run(settings, "--age", "0s")
        assert (status, errors) == (0, "")
        assert "invariants hold" in output
        await scene.execute(f"DELETE FROM kitchen.tickets WHERE order_id = {order('plain')}")
        status, output, errors = await _run(settings, "--age", "0s")
        assert (status, errors) == (1, "")
        assert "Order 1001 is paid and has no ticket." in output
        status, output, errors = await _run(settings, "--age", "0s", "--json")
        report = msgspec.json.decode(output)
    assert (status, errors, report["clean"]) == (1, "", False)
    assert "tickets.one-per-paid-order" in {found["name"] for found in report["invariants"] if found["wrong"]}


async def test_a_provider_that_does_not_answer_is_told_in_one_sentence(scene: Scene) -> None:
    """Without the provider's ledger nothing can be said, and it is not said that all is well."""
    async with sandbox(scene.settings) as settings:
        gone = settings
    status, output, errors = await _run(gone, "--age", "0s")
    assert (status, output) == (69, "")
    assert errors.startswith("comanda: The payment sandbox does not answer")
    assert errors.count("\n") == 1


async def test_an_age_that_is_none_is_told_in_one_sentence(scene: Scene) -> None:
    """A duration is asked for by example."""
    status, output, errors = await _run(scene.settings, "--age", "soon")
    assert (status, output) == (78, "")
    assert "write a duration such as 90s" in errors
