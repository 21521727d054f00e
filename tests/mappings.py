"""What the system knows of the files that this process has mapped."""

from pathlib import Path


def is_scattered(path: Path) -> bool:
    """Tell whether the system was told that a mapped file is read here and there ("rr" in smaps, see proc(5))."""
    _, mapping = Path("/proc/self/smaps").read_text(encoding="utf-8").split(str(path), 1)
    return "rr" in mapping.split("VmFlags:")[1].splitlines()[0].split()
