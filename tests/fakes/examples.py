"""The examples of a page of the docs: each a curl command, and what its answer looks like."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx

ADDRESS = "http://localhost:8000"

PAIR = re.compile(r"```sh\n(?P<command>curl .*?)```\n```http\n(?P<answer>.*?)```", re.DOTALL)

ANYTHING = "…"


class Example(NamedTuple):
    """A request, and what must be in its answer; `…` stands for anything."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    status: int
    answer_headers: dict[str, str]
    answer: Any

    async def send(self, client: httpx.AsyncClient, variables: Mapping[str, str]) -> httpx.Response:
        """Send the request, `$NAMES` replaced by `variables`."""
        body = _replaced(self.body, variables) if self.body is not None else None
        headers = {name: _replaced(value, variables) for name, value in self.headers.items()}
        return await client.request(self.method, _replaced(self.path, variables), headers=headers, content=body)

    def check(self, response: httpx.Response) -> None:
        """Assert that the answer is as the page says."""
        assert response.status_code == self.status, response.text
        for name, value in self.answer_headers.items():
            assert _like(response.headers[name], value), (name, response.headers[name])
        assert _holds(response.json(), self.answer), (response.text, self.answer)


def examples_in(page: str) -> Iterator[Example]:
    """Return the examples of a page, in their order."""
    for found in PAIR.finditer(page):
        method, path, headers, body = _request(shlex.split(found["command"].replace("\\\n", " ")))
        head, _, text = found["answer"].partition("\n\n")
        status, *lines = head.splitlines()
        answer_headers = dict(line.split(": ", 1) for line in lines)
        yield Example(method, path, headers, body, int(status.split()[1]), answer_headers, json.loads(_as_json(text)))


def _request(words: list[str]) -> tuple[str, str, dict[str, str], str | None]:
    headers: dict[str, str] = {}
    body = path = None
    rest = iter(words[1:])
    for word in rest:
        match word:
            case "-i":
                pass
            case "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            case "-d":
                body = next(rest)
            case _ if word.startswith(ADDRESS):
                path = word.removeprefix(ADDRESS)
            case _:
                raise AssertionError(f"The examples are kept to -i, -H and -d; this one has {word}.")
    assert path is not None
    return "GET" if body is None else "POST", path, headers, body


def _as_json(text: str) -> str:
    """Turn a trailing `…` of a group of fields into nothing, and one that stands for a value into a text."""
    return re.sub(r": …", f': "{ANYTHING}"', re.sub(r",\s*…\s*}", "}", text))


def _holds(value: Any, shown: Any) -> bool:
    if shown == ANYTHING:
        return True
    if isinstance(shown, dict):
        return isinstance(value, dict) and all(name in value and _holds(value[name], shown[name]) for name in shown)
    if isinstance(shown, list):
        return len(value) == len(shown) and all(_holds(*pair) for pair in zip(value, shown, strict=True))
    return bool(value == shown)


def _like(value: str, shown: str) -> bool:
    return re.fullmatch(".+".join(re.escape(part) for part in shown.split(ANYTHING)), value) is not None


def _replaced(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$([A-Z]+)", lambda found: variables[found[1]], text)
