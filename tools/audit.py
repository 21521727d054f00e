"""Look the locked packages up in the database of known vulnerabilities; exit with 1 when one is vulnerable.

pip-audit does the work, but says "No known vulnerabilities found" also when it could look nothing up, and fails when
there is no network. Here both are said to be what they are, and are no failure: `python -m tools.audit [LOCK]`. Further
options go to pip-audit.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
_UNREACHABLE = re.compile(r"requests\.exceptions\.|could not connect|not redirecting properly", re.I)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path, nargs="?", default=LOCK)
    arguments, options = parser.parse_known_args()
    sys.exit(audit(arguments.lock, options))


def audit(lock: Path, options: list[str]) -> int:
    """Print what is known of the packages of a lock file and return the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--no-deps", "--disable-pip"]
    done = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if _UNREACHABLE.search(done.stderr):
            print(f"not audited: the database of vulnerabilities cannot be reached ({reason})")
            return 0
        print(f"pip-audit failed: {reason}", file=sys.stderr)
        return 1
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for known in package["vulns"]:
            mended = ", ".join(known["fix_versions"]) or "no version"
            print(f"{package['name']} {package['version']}: {known['id']}, mended in {mended}: {known['description']}")
    skipped = sum("skip_reason" in package for package in packages)
    print(
        f"{len(packages) - skipped} of {len(packages)} packages audited, {len(vulnerable)} vulnerable"
        + (f"; the database that was reached does not know {skipped}" if skipped else "")
    )
    return 1 if vulnerable else 0


if __name__ == "__main__":
    main()
