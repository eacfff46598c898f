"""The API keeps its description: Schemathesis makes requests of it, good and bad, and looks at every answer."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.fakes.served_house import ServedHouse

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"

ENDS_THE_TOKEN = "/api/v1/staff/tokens/current"


async def schemathesis(served: ServedHouse, folder: Path, *options: str) -> tuple[int, str]:
    """Run Schemathesis, the same in every run; return its exit status and what it told."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"),
        "--no-color",
        "run",
        f"{served.address}/openapi.json",
        f"--checks={CHECKS}",
        "--phases=examples,coverage,fuzzing",
        "--generation-deterministic",
        "--seed=1",
        "--max-examples=8",
        "--workers=1",
        "--request-timeout=20",
        "--warnings=off",
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(200):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, told.decode()


@pytest.mark.slow  # Thousands of requests, good and bad.
async def test_every_answer_is_in_the_description(served: ServedHouse, tmp_path: Path) -> None:
    """Signed in as an owner, whatever is sent: no server errors, and no answer that the description does not have."""
    status, told = await schemathesis(
        served, tmp_path, "-H", f"Authorization: Bearer {served.token}", f"--exclude-path={ENDS_THE_TOKEN}"
    )
    assert status == 0, told


@pytest.mark.slow  # Hundreds of requests, good and bad.
async def test_whoever_is_not_signed_in_gets_the_described_answers(served: ServedHouse, tmp_path: Path) -> None:
    """Without a token, the staff's paths answer as described too; ending no token is no error."""
    status, told = await schemathesis(served, tmp_path, "--include-path-regex=^/api/v1/(staff|kitchen)/")
    assert status == 0, told


async def test_a_planted_answer_is_found(tmp_path: Path) -> None:
    """A server whose answer is not in its description fails the same run."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Planted", "version": "1"},
        "paths": {
            "/thing": {
                "get": {
                    "responses": {
                        "200": {
                            "description": "A number.",
                            "content": {"application/json": {"schema": {"type": "integer"}}},
                        }
                    }
                }
            }
        },
    }
    answers = {"/openapi.json": document, "/thing": "not a number"}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        body = json.dumps(answers.get(path, "nothing")).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        planted = ServedHouse(address=f"http://127.0.0.1:{port}", database_url="", password="", token="")
        status, told = await schemathesis(planted, tmp_path)
    assert status == 1
    assert "Response violates schema" in told


async def test_each_operation_tells_its_body_and_its_refusals(served: ServedHouse) -> None:
    """What changes something says what it takes, and everything says that it may refuse, as a problem document."""
    async with served.client() as client:
        document = (await client.get("/openapi.json")).json()
    operations = [
        (method, path, operation) for path, item in document["paths"].items() for method, operation in item.items()
    ]
    assert len(operations) > 20
    for method, path, operation in operations:
        assert "application/problem+json" in operation["responses"]["default"]["content"], path
        if method == "put" and "sold-out" not in path:
            assert "application/json" in operation["requestBody"]["content"], path


async def test_the_events_are_described_beside_the_operations(served: ServedHouse) -> None:
    """The house answers with its AsyncAPI document: anybody may learn what it tells."""
    async with served.client() as client:
        document = (await client.get("/asyncapi.json")).json()
    assert document["asyncapi"] == "3.0.0"
    assert "receipts.send.receives.ordering.OrderPaid" in document["operations"]
