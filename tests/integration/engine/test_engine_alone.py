"""The engine without restaurants: the example of the docs, and the tables it makes."""

import asyncio
import contextlib
import re
import sys
from pathlib import Path

from comanda.engine.database import Database
from comanda.engine.installation import install
from tests.fakes.lanes import until

PAGE = Path(__file__).parents[3] / "docs" / "engine.md"

SHAPE = """
SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
FROM information_schema.columns WHERE table_schema = 'engine' AND table_name !~ '_(default|p\\d+)$'
AND table_name <> 'schema_version' ORDER BY 1, 2
"""

CONSTRAINTS = """
SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'engine'::regnamespace AND conrelid::regclass::text !~ '_(default|p\\d+)$'
AND conrelid::regclass::text <> 'engine.schema_version' ORDER BY 1, 2
"""

INDEXES = """
SELECT tablename, indexname, indexdef FROM pg_indexes
WHERE schemaname = 'engine' AND tablename !~ '_(default|p\\d+)$' AND tablename <> 'schema_version' ORDER BY 1, 2
"""


async def test_the_example_of_the_docs_counts_each_sale_once(empty_database_url: str, tmp_path: Path) -> None:
    """Four of it run at once, two are killed; each has sold one book, and each sale is counted once."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert len(found[1].splitlines()) <= 40
    program = tmp_path / "once.py"
    program.write_text(found[1])
    database = Database(empty_database_url)
    await database.start()

    async def sold(count: int) -> bool:
        if await database.fetch_value("SELECT to_regclass('stock')") is None:
            return False
        return bool(await database.fetch_value("SELECT min(copies) = $1 FROM stock", 100 - count))

    async def logged(count: int) -> bool:
        if await database.fetch_value("SELECT to_regclass('engine.events')") is None:
            return False
        return bool(await database.fetch_value("SELECT count(*) = $1 FROM engine.events", count))

    running = []
    try:
        for number in range(4):
            running.append(await asyncio.create_subprocess_exec(sys.executable, program, empty_database_url))
            await until(lambda wanted=number + 1: logged(wanted))  # type: ignore[misc]
            if number % 2:
                running[-1].kill()
        await until(lambda: sold(4))
    finally:
        await _end(running)
        await database.stop()


async def _end(processes: list[asyncio.subprocess.Process]) -> None:
    """Kill what still runs: it may be cut off anywhere."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_what_is_installed_is_what_the_migrations_make(database: Database, empty_database_url: str) -> None:
    """The engine's tables, made on their own, are those of a migrated database; making them again changes nothing."""
    alone = Database(empty_database_url)
    await alone.start()
    try:
        await asyncio.gather(install(alone), install(alone))
        await install(alone)
        for question in (SHAPE, CONSTRAINTS, INDEXES):
            made = [tuple(row.values()) for row in await alone.fetch(question)]
            migrated = [tuple(row.values()) for row in await database.fetch(question)]
            assert made == migrated
    finally:
        await alone.stop()
