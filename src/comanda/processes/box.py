"""What runs on one box: which ports it keeps, and which children it has."""

import socket
from collections.abc import Callable

import msgspec

from comanda.engine.clock import Clock
from comanda.processes.child import Child
from comanda.processes.nursery import Nursery
from comanda.processes.ports import port_of, reachable, reserve
from comanda.settings import Settings


class Box:
    """The ports and the children that the settings ask for.

    Attributes:
        settings: with the ports that were found and the addresses of the built-in provider and mailbox.
        helpers: the built-in provider and mailbox, which need no database.
        webs, workers: the processes that do.
    """

    def __init__(
        self, settings: Settings, *, nursery: Nursery, clock: Clock, hopeless: Callable[[str, int], bool]
    ) -> None:
        self.settings = settings
        self._nursery = nursery
        self._clock = clock
        self._hopeless = hopeless
        self._ports: list[socket.socket] = []
        self.helpers: list[Child] = []
        self.webs = [self._child(f"web-{n + 1}", "serve") for n in range(settings.web_processes)]
        self.workers = [self._child(f"worker-{n + 1}", "work") for n in range(settings.worker_processes)]
        if settings.payments_url == "sandbox:":
            self.helpers.append(self._child("sandbox", "sandbox"))
        if settings.mail_url == "mailbox:":
            self.helpers.append(self._child("mailbox", "mailbox"))
        if settings.returns_url:
            self.workers.append(self._child("returns", "returns"))

    @property
    def children(self) -> list[Child]:
        """All children, in the order in which they stop."""
        return [*self.webs, *self.workers, *self.helpers]

    async def reserve_ports(self) -> None:
        """Find or check the ports, and keep the web's. Raises `SettingError`, which names the port that is taken."""
        settings = self.settings
        web = await reserve("web server", settings.host, settings.port, self._clock)
        # Kept to the end, so that no program comes in between while a web process is started again.
        self._ports.append(web)
        found = {"port": port_of(web)}
        if settings.payments_url == "sandbox:":
            found["sandbox_port"] = await self._free("sandbox provider", settings.sandbox_port)
        if settings.mail_url == "mailbox:":
            found["mailbox_port"] = await self._free("mailbox's page", settings.mailbox_port)
            found["smtp_port"] = await self._free("mailbox's SMTP server", settings.smtp_port)
        settings = msgspec.structs.replace(settings, **found)
        self.settings = msgspec.structs.replace(
            settings,
            data=settings.data.absolute(),
            payments_url=_sandbox_url(settings),
            mail_url=_mailbox_url(settings),
        )

    async def _free(self, name: str, port: int) -> int:
        reserved = await reserve(name, "127.0.0.1", port, self._clock)
        with reserved:
            return port_of(reserved)

    def release_ports(self) -> None:
        """Let go of the ports."""
        while self._ports:
            self._ports.pop().close()

    def _child(self, name: str, *arguments: str) -> Child:
        return Child(name, arguments, nursery=self._nursery, clock=self._clock, hopeless=self._hopeless)


def _sandbox_url(settings: Settings) -> str:
    if settings.payments_url != "sandbox:":
        return settings.payments_url
    return f"sandbox://127.0.0.1:{settings.sandbox_port}"


def _mailbox_url(settings: Settings) -> str:
    if settings.mail_url != "mailbox:":
        return settings.mail_url
    return f"mailbox://127.0.0.1:{settings.smtp_port}?http={settings.mailbox_port}"


def inside_address(settings: Settings) -> str:
    """Return where processes on this box reach the web processes."""
    host = reachable(settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
