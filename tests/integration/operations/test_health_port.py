"""A worker's port for those who keep it: whether it lives, whether it can work."""

import asyncio
import contextlib
from pathlib import Path

import httpx
import pytest

from comanda.app import build_worker
from comanda.engine.errors import SettingError
from comanda.processes.health_port import HealthPort
from comanda.settings import Settings
from tests.fakes.lanes import until


async def status(port: HealthPort, path: str) -> int:
    """Return the status of a GET."""
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{port.port}{path}")).status_code


async def test_a_worker_is_ready_while_it_renews(database_url: str, tmp_path: Path) -> None:
    """Not before it has said hello, not after it has left; it lives all the while."""
    worker = build_worker(Settings(data=tmp_path, database_url=database_url), None)
    port = HealthPort("127.0.0.1", 0, lambda: worker.ready)
    await port.start()
    assert [await status(port, path) for path in ("/livez", "/readyz", "/other")] == [200, 503, 404]
    await worker.start()

    async def ready() -> bool:
        return await status(port, "/readyz") == 200

    await until(ready)
    await worker.stop()
    assert [await status(port, path) for path in ("/livez", "/readyz")] == [200, 503]
    await port.stop()


async def test_nonsense_and_silence_are_borne() -> None:
    """What is no request gets an answer or a closed connection, and the next one is answered."""
    port = HealthPort("127.0.0.1", 0, lambda: True)
    await port.start()
    for said in (b"\r\n", b"\x00\xff\n", b"GET\n", b"x" * 10_000 + b"\n", b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
        writer.write(said)
        writer.write_eof()
        with contextlib.suppress(ConnectionResetError):  # What it did not read was thrown away.
            assert (await reader.read())[9:12] in {b"404", b""}
        writer.close()
    assert await status(port, "/livez") == 200
    with pytest.raises(SettingError, match="--health-port"):
        await HealthPort("127.0.0.1", port.port, lambda: True).start()
    await port.stop()
