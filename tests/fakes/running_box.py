"""`comanda up` as an operator has it: a process started, read, interrupted and killed."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

PATIENCE_S = 60
LOOK_S = 0.02

Answer = tuple[int, Any]


class RunningBox:
    """One `comanda up` on a data directory, ready.

    Attributes:
        told: what it printed on its standard output until it was ready.
        address: where its web processes are.
        processes: all its processes, the supervisor first.
    """

    def __init__(self, data: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.errors = data.with_name(f"{data.name}.err")
        self.process = start(data, *arguments, errors=self.errors, environ=environ)
        self.told = self._read_until_ready()
        found = re.search(r"http://127\.0\.0\.1:\d+(?=/staff)", self.told)
        assert found is not None, self.told
        self.address = found[0]
        self.processes = self.all_processes()

    def get(self, path: str) -> Answer:
        """Return status and JSON (or text) of a GET."""
        return call(self.address + path)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        """Return status and JSON of a POST of JSON."""
        return call(self.address + path, body, **headers)

    def all_processes(self) -> list[psutil.Process]:
        """Return the supervisor and all that descends from it."""
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def child(self, name: str) -> psutil.Process:
        """Return the child of that name."""
        return next(p for p in self.all_processes() if p.is_running() and "".join(p.cmdline()[:1]) == f"comanda {name}")

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def kill(self, *victims: psutil.Process) -> None:
        """Kill processes at once, and wait until they are gone."""
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        if self.process.pid in {victim.pid for victim in victims}:
            self.process.wait(PATIENCE_S)
        psutil.wait_procs([v for v in victims if v.pid != self.process.pid], timeout=PATIENCE_S)

    def left_over(self, patience_s: float = PATIENCE_S) -> list[str]:
        """Return the processes that still run after `patience_s`, or none as soon as there is none."""
        _, alive = psutil.wait_procs(self.processes, timeout=patience_s)
        return [" ".join(process.cmdline()) for process in alive]

    def end(self) -> None:
        """End whatever still runs; for the end of a test."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.processes = [*self.processes, *self.all_processes()]
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE_S)
        for process in self.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read_until_ready(self) -> str:
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                return "".join(lines)
        status = self.process.wait(PATIENCE_S)
        raise AssertionError(f"`comanda up` ended with {status}: {self.errors.read_text()[-4000:]}")


def start(data: Path, *arguments: str, errors: Path, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `comanda up` on free ports."""
    with errors.open("a") as error_output:
        return subprocess.Popen(
            [sys.executable, "-m", "comanda", "up", "--data", str(data), "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=error_output,
            text=True,
            env={**_environ(), **(environ or {})},
        )


def run(*arguments: str, environ: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command of `comanda` to its end; return status, output and errors."""
    done = subprocess.run(
        [sys.executable, "-m", "comanda", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**_environ(), **(environ or {})},
    )
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def running_box(data: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[RunningBox]:
    """Lend a box that is ready, and leave nothing of it behind."""
    box = RunningBox(data, *arguments, environ=environ)
    try:
        yield box
    finally:
        box.end()


def until(holds: Callable[[], bool], *, what: str) -> None:
    """Wait until a condition of other processes holds, which have no event to wait on; fail when it never does."""
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if holds():
            return
        threading.Event().wait(LOOK_S)
    raise AssertionError(f"Still not: {what}.")


def call(url: str, body: object = None, **headers: str) -> Answer:
    """Return status and JSON (or text) of a request."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - as above
            return answer.status, _decoded(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _decoded(error.read())


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _environ() -> dict[str, str]:
    free = {f"COMANDA_{name}_PORT": "0" for name in ("SANDBOX", "MAILBOX", "SMTP")}
    return {name: value for name, value in os.environ.items() if not name.startswith("COMANDA_")} | free
