"""The system that is drilled: two web processes, three workers, the sandbox provider, the mailbox and PostgreSQL.

All are processes of their own, forked as `comanda up` forks them, on free ports and one data directory. They reach
each other through links alone: each process its database, the guests the web, the workers the provider and the mail
server, the provider's webhooks the web.
"""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
import msgspec
import psutil

from comanda.contexts.payments.sandbox.wire import Faults
from comanda.drill.errors import DrillError
from comanda.drill.part import Part, all_up
from comanda.drill.plan import (
    GUESTS_LINK,
    LEASE_S,
    LINKS,
    MAIL_LINK,
    MAIL_SERVER,
    PROVIDER,
    PROVIDER_LINK,
    WEBHOOK_LINK,
    WEBS,
    WORKERS,
)
from comanda.drill.proxy import Proxy
from comanda.drill.server import Server
from comanda.engine.clock import Clock
from comanda.engine.database.cluster import SUPERUSER
from comanda.engine.database.embedded import DATABASE
from comanda.environment import as_environ
from comanda.installation import derived_secret
from comanda.processes.nursery import Nursery
from comanda.processes.ports import answers, listener, port_of
from comanda.settings import Settings

LOG_FILE = "processes.log"

HOST = "127.0.0.1"

LOOK_UPS = "workers to mailbox's page"
"""The link by which workers ask the mailbox what it has; it is not hurt, for the mailbox is when its process is."""

ADMIN_S = 5.0
ADMIN_TRIES = 60
PAUSE_S = 0.2


class System:
    """The system, as an async context: inside it, all its parts are up.

    Args:
        folder: for the data directory and the log.
        clock: of the drill.

    Attributes:
        settings: as an observer wants them who reaches everything without a link.
        log_file: what all processes log.
        parts: the processes, by name; `postgres` is no part but the `server`.
        links: the links, by name.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self.log_file = folder / LOG_FILE
        self._log = self.log_file.open("ab")
        self._nursery = Nursery(self._log.fileno())
        # Kept to the end, so that no other program takes the port while a web process is dead.
        self._reserved = listener(HOST, 0)
        self.server = Server(folder / "data", clock)
        self.links = {name: Proxy(name) for name in (*LINKS, LOOK_UPS)}
        self.settings = Settings(data=(folder / "data").absolute(), port=port_of(self._reserved))
        self.parts = {
            **{name: self._part(name, "serve", self._web_listens) for name in WEBS},
            **{name: self._part(name, "work", self._worker_said_hello) for name in WORKERS},
            PROVIDER: self._part(PROVIDER, "sandbox", self._provider_listens),
            MAIL_SERVER: self._part(MAIL_SERVER, "mailbox", self._mailbox_answers),
        }

    @property
    def address(self) -> str:
        """Where guests order: behind their link."""
        return f"http://{HOST}:{self.links[GUESTS_LINK].port}"

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _start(self) -> None:
        """Start everything. Raises `DrillError` when something does not come up."""
        links = [link.start() for link in self.links.values()]
        await asyncio.gather(self._nursery.start(), self.server.postgres.start(), *links)
        sandbox, mailbox, smtp = (_free_port() for _ in range(3))
        self.settings = msgspec.structs.replace(
            self.settings,
            database_url=self.server.url,
            sandbox_port=sandbox,
            payments_url=f"sandbox://{HOST}:{sandbox}",
            mailbox_port=mailbox,
            smtp_port=smtp,
            mail_url=f"mailbox://{HOST}:{smtp}?http={mailbox}",
            lease=msgspec.convert(LEASE_S, type(self.settings.lease), strict=False),
            log="json",
        )
        environs = self._aim()
        await self._prepare()
        await asyncio.gather(*(part.start_with(environs[name]) for name, part in self.parts.items()))
        await all_up(list(self.parts.values()))

    async def _stop(self) -> None:
        helpers = [self.parts[name] for name in (PROVIDER, MAIL_SERVER)]
        await asyncio.gather(*(part.stop() for part in self.parts.values() if part not in helpers))
        await asyncio.gather(*(part.stop() for part in helpers))
        await self._nursery.stop()
        await asyncio.gather(*(link.stop() for link in self.links.values()))
        await self.server.postgres.stop()
        self._reserved.close()
        self._log.close()

    async def whole(self) -> None:
        """Wait until everything runs again. Raises `DrillError` when something does not."""
        await self.server.answers()
        await all_up(list(self.parts.values()))

    async def misbehave(self, faults: Faults) -> None:
        """Tell the provider what to do wrong from now on, as soon as it listens."""
        headers = {"authorization": f"Bearer {derived_secret(self.settings, 'sandbox key')}"}
        url = f"http://{HOST}:{self.settings.sandbox_port}/admin/faults"
        body = {name: getattr(faults, name) for name in faults.__struct_fields__}
        for _ in range(ADMIN_TRIES):
            timeout = aiohttp.ClientTimeout(total=ADMIN_S)
            try:
                async with (
                    aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
                    session.put(url, json=body) as answer,
                ):
                    answer.raise_for_status()
                    return
            except (aiohttp.ClientError, TimeoutError, OSError):
                await self._clock.sleep(PAUSE_S)
        raise DrillError("The provider does not take orders.")

    def _aim(self) -> dict[str, dict[str, str]]:
        """Say where each link leads; return the settings of each part, which say who uses which."""
        settings = self.settings
        socket_file = self.server.socket
        for name, link in self.links.items():
            link.target = {
                GUESTS_LINK: (HOST, settings.port),
                WEBHOOK_LINK: (HOST, settings.port),
                PROVIDER_LINK: (HOST, settings.sandbox_port),
                MAIL_LINK: (HOST, settings.smtp_port),
                LOOK_UPS: (HOST, settings.mailbox_port),
            }.get(name, socket_file)
        mail_url = f"mailbox://{HOST}:{self.links[MAIL_LINK].port}?http={self.links[LOOK_UPS].port}"
        payments_url = f"sandbox://{HOST}:{self.links[PROVIDER_LINK].port}"
        environs = {}
        for name in self.parts:
            seen = settings
            if name in (*WEBS, *WORKERS):
                port = self.links[f"{name} to postgres"].port
                seen = msgspec.structs.replace(
                    settings,
                    database_url=f"postgresql://{SUPERUSER}@{HOST}:{port}/{DATABASE}?sslmode=disable",
                    payments_url=payments_url,
                    mail_url=mail_url,
                    public_url=f"http://{HOST}:{settings.port}",
                )
            elif name == PROVIDER:
                seen = msgspec.structs.replace(settings, port=self.links[WEBHOOK_LINK].port)
            environs[name] = as_environ(seen)
        return environs

    async def _prepare(self) -> None:
        """Migrate the database."""
        arguments: Sequence[str] = ["seed", "--json", "--no-demo", "--no-first-account"]
        seeding = await self._nursery.spawn("seed", arguments, as_environ(self.settings), capture=True)
        if (await seeding.wait()).status != 0:
            raise DrillError("The database cannot be prepared.")

    def _part(self, name: str, command: str, ready: Any) -> Part:
        return Part(name, [command], nursery=self._nursery, clock=self._clock, ready=ready)

    async def _web_listens(self, pid: int) -> bool:
        """Whether a web process takes connections; on the port that they share, only the kernel can tell which does."""
        try:
            connections = psutil.Process(pid).net_connections(kind="tcp")
        except psutil.Error:
            return False
        return any(c.status == psutil.CONN_LISTEN and c.laddr.port == self.settings.port for c in connections)

    async def _worker_said_hello(self, pid: int) -> bool:
        """Whether a worker takes part in the work: it has written itself into the list of workers."""
        return bool(await self.server.value("SELECT count(*) FROM engine.workers WHERE pid = $1", pid))

    async def _provider_listens(self, pid: int) -> bool:
        return await _lives(pid) and _connects(self.settings.sandbox_port)

    async def _mailbox_answers(self, pid: int) -> bool:
        return await _lives(pid) and await answers(HOST, self.settings.mailbox_port, "/healthz")


async def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid)


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return port_of(probe)
