"""The system under test: every part a process of its own, which a test kills, stops and starts again.

Nobody supervises these processes but the test: what it kills stays dead until it says otherwise.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil

from comanda.contexts.payments.sandbox.wire import Faults
from comanda.environment import as_environ
from comanda.house import House, build_house
from comanda.installation import derived_secret
from comanda.processes.ports import answers, listener, port_of
from comanda.settings import Settings
from tests.acceptance.postgres import Postgres
from tests.acceptance.waiting import drained, until
from tests.fakes.ports import free_port

READY_S = 60.0
END_S = 30.0

WEBS = ("web-1", "web-2")
WORKERS = ("worker-1", "worker-2")
HELPERS = ("sandbox", "mailbox")

COMMANDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(WEBS, ("serve",)),
    **dict.fromkeys(WORKERS, ("work",)),
    **{name: (name,) for name in HELPERS},
}


class System:
    """Two web processes, two workers, the provider, the mailbox and PostgreSQL, on one data directory.

    Args:
        folder: for data and logs.
        commands: what each process runs.
        chosen: settings that differ from the defaults.

    Attributes:
        settings: of all its processes.
        house: the test's own view: the database, the consumers and the provider's ledger.
    """

    def __init__(self, folder: Path, *, commands: Mapping[str, Sequence[str]] = COMMANDS, **chosen: Any) -> None:
        self.folder = folder
        self._commands = commands
        self._chosen = chosen
        self.postgres = Postgres(folder / "data")
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        # Kept to the end, so that no other program takes the port while a web process is dead.
        self._reserved = listener("127.0.0.1", 0)
        self.settings = Settings(data=folder / "data", port=port_of(self._reserved))
        self.house: House

    @property
    def address(self) -> str:
        """Where the web processes are."""
        return f"http://127.0.0.1:{self.settings.port}"

    async def start(self) -> None:
        """Start everything, with the demo restaurant in it."""
        await self.postgres.start()
        sandbox, mailbox, smtp = (free_port() for _ in range(3))
        self.settings = Settings(
            data=self.settings.data,
            port=self.settings.port,
            database_url=self.postgres.url,
            sandbox_port=sandbox,
            payments_url=f"sandbox://127.0.0.1:{sandbox}",
            mailbox_port=mailbox,
            smtp_port=smtp,
            mail_url=f"mailbox://127.0.0.1:{smtp}?http={mailbox}",
            log="json",
            **self._chosen,
        )
        status, output = await self.command("seed", "--json")
        assert status == 0, output
        self.house = build_house(self.settings, role="test", connections=4)
        await self.house.database.start()
        await self.launch(*self._commands)
        await self.ready()

    async def stop(self) -> None:
        """Stop everything; a process that does not end in order is a fault."""
        for names in (WEBS, WORKERS, HELPERS):
            await asyncio.gather(*(self._end(name, signal.SIGTERM) for name in names))
        with contextlib.suppress(AttributeError):
            await self.house.database.stop()
            for stop in self.house.stops:
                await stop()
        await self.postgres.stop()
        self._reserved.close()

    async def launch(self, *names: str) -> None:
        """Start these processes, where they do not run."""
        for name in names:
            ended = self._processes.get(name)
            if ended is None or ended.returncode is not None:
                self._processes[name] = await self._spawn(*self._commands[name], log=name)

    async def kill(self, name: str) -> None:
        """Kill a process at once, as the kernel does when memory runs out."""
        await self._end(name, signal.SIGKILL)

    async def ready(self) -> None:
        """Wait until both web processes, the provider and the mailbox answer."""
        for name in self._commands.keys() & WEBS:
            await until(lambda name=name: self._listens(name), what=f"{name} listens", patience_s=READY_S)  # type: ignore[misc]
        port = self.settings.port
        places = [(port, "/readyz"), (self.settings.sandbox_port, "/"), (self.settings.mailbox_port, "/healthz")]
        for place, path in places:
            await until(lambda place=place, path=path: _up(place, path), what=f"{path} answers", patience_s=READY_S)  # type: ignore[misc]

    def unhurt(self) -> None:
        """Check that no process has ended but those that the test ended."""
        ended = {
            name: process.returncode for name, process in self._processes.items() if process.returncode is not None
        }
        assert not ended, (ended, {name: self.log_of(name)[-3000:] for name in ended})

    async def drained(self, *, patience_s: float = 90.0) -> None:
        """Wait until every event was handled and every payment, refund and receipt has come to its end."""
        await drained(self.house.database, self.house.consumers, patience_s=patience_s)

    async def audited(self) -> dict[str, Any]:
        """Run `comanda audit`; return its report, in which nothing is wrong."""
        status, output = await self.command("audit", "--age", "0s", "--json")
        report: dict[str, Any] = json.loads(output)
        wrong = [invariant for invariant in report["invariants"] if invariant["wrong"]]
        assert status == 0, wrong
        assert report["clean"] is True
        return report

    async def misbehave(self, faults: Faults | None = None) -> None:
        """Tell the provider what to do wrong from now on; nothing, when nothing is said."""
        await self._provider("PUT", "/admin/faults", faults or Faults())

    async def charges_under_way(self) -> int:
        """Return how many charges and refunds the provider is working on."""
        answer: dict[str, int] = await self._provider("GET", "/admin/under-way")
        return answer["calls"]

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command of `comanda` to its end; return its status and what it wrote."""
        process = await self._spawn(*arguments, log="commands", output=True)
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    def log_of(self, name: str) -> str:
        """Return what a process has logged."""
        return (self.folder / f"{name}.log").read_text()

    async def _listens(self, name: str) -> bool:
        """Whether a web process takes connections; on the port that they share, only the kernel can tell which does."""
        self.unhurt()
        process = psutil.Process(self._processes[name].pid)
        return any(c.status == psutil.CONN_LISTEN for c in process.net_connections(kind="tcp"))

    async def _provider(self, method: str, path: str, body: Faults | None = None) -> Any:
        headers = {"authorization": f"Bearer {derived_secret(self.settings, 'sandbox key')}"}
        url = f"http://127.0.0.1:{self.settings.sandbox_port}{path}"
        sent = None if body is None else {name: getattr(body, name) for name in body.__struct_fields__}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, json=sent) as answer,
        ):
            answer.raise_for_status()
            return await answer.json()

    async def _spawn(self, *arguments: str, log: str, output: bool = False) -> asyncio.subprocess.Process:
        with (self.folder / f"{log}.log").open("ab") as file:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "comanda",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if output else file,
                stderr=file,
                env=self._environ(),
                start_new_session=True,
            )

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COMANDA_")}
        return kept | as_environ(self.settings)

    async def _end(self, name: str, number: signal.Signals) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise AssertionError(f"{name} did not end within {END_S:.0f} s.") from None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


@contextlib.asynccontextmanager
async def healed(system: System) -> AsyncIterator[System]:
    """Lend a system, and see to it that everything runs and behaves again afterwards."""
    try:
        yield system
        system.unhurt()
    finally:
        await system.launch(*COMMANDS)
        await system.ready()
        await system.misbehave()


async def _up(port: int, path: str) -> bool:
    if path != "/":
        return await answers("127.0.0.1", port, path)
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
