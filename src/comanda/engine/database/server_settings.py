"""The settings of the embedded PostgreSQL: one box, shared with everything else that runs on it."""

import os
from collections.abc import Mapping
from pathlib import Path

MEBIBYTE = 1024 * 1024

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes() -> int:
    """Return the memory that this machine or container has, in bytes."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for limit in CGROUP_LIMITS:
        try:
            text = Path(limit).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            found.append(int(text))
    return min(found)


def box_settings(memory: int) -> dict[str, str]:
    """Return the settings for a box with `memory` bytes. Durability is PostgreSQL's own: fsync stays on."""
    shared = max(128 * MEBIBYTE, min(memory // 8, 2048 * MEBIBYTE))
    return {
        "max_connections": "200",
        "shared_buffers": f"{shared // MEBIBYTE}MB",
        "effective_cache_size": f"{max(memory // 2, shared) // MEBIBYTE}MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "128MB",
        # Few checkpoints: each makes the next change of every page write the page whole into the WAL.
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        # The wheel's PostgreSQL is built without lz4; pglz costs more processor time than it saves disk on one box.
        "wal_compression": "off",
        "random_page_cost": "1.1",
        "jit": "off",
        # The log and the cursors grow and change all day: small steps, often.
        "autovacuum_naptime": "15s",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_vacuum_insert_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.02",
        "autovacuum_vacuum_cost_limit": "2000",
        # A forgotten open transaction would hold every reader's horizon.
        "idle_in_transaction_session_timeout": "30s",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %a ",
        "log_checkpoints": "off",
        "log_lock_waits": "on",
    }


def as_file(settings: Mapping[str, str]) -> str:
    """Return `settings` in the form of `postgresql.conf`."""
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
    return "# Written by comanda at every start; ALTER SYSTEM overrides it.\n" + "\n".join(lines) + "\n"
