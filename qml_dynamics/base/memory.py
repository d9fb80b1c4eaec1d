"""Memory that this process may still take, in bytes: of the machine, of its control groups (container, scheduler), of its own limits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_NONE = 1 << 62  # no limit is known: leave the decision to the allocator
_GROUPS = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Bytes that this process may still allocate: the least of what the machine has and of every limit on the process."""
    return max(0, min(_machine(), *_own_limits(), *_group_limits(Path("/proc/self/cgroup"), _GROUPS)))


def _machine() -> int:
    """Linux: MemAvailable; elsewhere all of the physical memory."""
    found = _fields(Path("/proc/meminfo")).get("MemAvailable")
    if found is not None:
        return found
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no sysconf on this system
        return _NONE


def _own_limits() -> Iterator[int]:
    """What ``ulimit -v`` and ``ulimit -d`` leave."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = _fields(Path("/proc/self/status"))
    for limit, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        soft = resource.getrlimit(limit)[0]
        if soft != resource.RLIM_INFINITY:
            yield soft - used.get(field, 0)


def _fields(path: Path) -> dict[str, int]:
    """Lines ``Name: 123 kB`` of a file of the kernel, in bytes."""
    found = {}
    for words in map(str.split, _text(path).splitlines()):
        if len(words) == 3 and words[2] == "kB" and words[1].isdigit():
            found[words[0].rstrip(":")] = 1024 * int(words[1])
    return found


def _group_limits(own: Path, root: Path) -> Iterator[int]:
    """What the control groups of this process leave, of both versions, and every group above them."""
    for line in _text(own).splitlines():
        _, kinds, place = (*line.split(":", 2), "", "")[:3]
        if kinds == "":
            yield from _left(root, place, "memory.max", "memory.current", "inactive_file")
        elif "memory" in kinds.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            yield from _left(root / "memory", place, *names)


def _left(root: Path, place: str, limit: str, usage: str, cache: str) -> Iterator[int]:
    """Limit minus usage of a group and of those above it; a container often sees its own group as the root."""
    parts = [part for part in place.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        folder = root.joinpath(*parts[:depth])
        most, used = _text(folder / limit).strip(), _text(folder / usage).strip()
        if most.isdigit() and used.isdigit():
            stat = dict(line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
            spare = stat.get(cache, "0").strip()
            yield int(most) - int(used) + (int(spare) if spare.isdigit() else 0)  # pages of files are given back


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
