"""`python tether.py PROGRAM ARGUMENT…` becomes PROGRAM, which the kernel then ends (SIGTERM) when its parent dies.

The supervisor starts its programs so: without it a supervisor that is killed leaves them behind, holding ports and folders.
Needs nothing but the standard library, because it runs with `-I -S`, in ten milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; a program that is executed keeps it


def main() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 the point is to become the program, without a shell


if __name__ == "__main__":
    main()
