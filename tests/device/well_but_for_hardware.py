"""Run where the package is installed: all is well but for hardware that cannot be there, and XNNPACK is really on."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

HARDWARE = {"camera", "pins"}


def main() -> None:
    done = subprocess.run(["vigil", "doctor", "--json"], capture_output=True, text=True, check=False)
    findings = {row["check"]: row for row in map(json.loads, done.stdout.splitlines())}
    for row in findings.values():
        print(f"{row['status']:8} {row['check']}: {row['found']}")
    if done.stderr or len(findings) < 10:
        sys.exit(f"doctor: {done.stderr}")
    bad = [name for name, row in findings.items() if row["status"] == "failed"]
    absent = {name for name, row in findings.items() if row["status"] == "absent"}
    if bad or not absent <= HARDWARE:
        sys.exit(f"expected nothing to fail and only {HARDWARE} to be absent, found {bad} and {absent}")
    if findings["interpreter"]["status"] != "ok":
        sys.exit("XNNPACK did not take the graphs: what was tested is not what runs on a Pi")
    print(f"{platform.machine()}, Python {platform.python_version()}")


main()
