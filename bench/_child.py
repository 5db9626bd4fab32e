"""Runs a command and prints its wall seconds, peak memory and exit code as JSON on the last line of stdout.

Started as a process of its own that imports next to nothing: a child's peak memory counts the moment before it became
the command, when it still was a copy of its parent, so a large parent would be measured in place of a small command.
"""

import json
import resource
import subprocess
import sys
import time

if __name__ == "__main__":
    began = time.perf_counter()
    done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    error = done.stderr.decode(errors="replace")[-2000:]
    print(json.dumps({"seconds": seconds, "peak_bytes": peak, "code": done.returncode, "error": error}))
