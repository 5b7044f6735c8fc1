"""Starts Python programs by a fork of a process that has their imports: 0.05 s instead of 1 s.

`Mother` is that process. Who wants a program starts this file with the mother's address and the
program's path: a process that lends its input and output, ends as the program ends, and whose
death is the program's.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

IMPORTS = "import numpy, safetensors.numpy, napari_unet.core.instances, napari_unet.runs.jobs"


class Mother:
    """A process with all imports; `command` starts a program through it."""

    def __init__(self, folder: Path) -> None:
        self._address = folder / "mother"
        # it ends with the end of its input: however we ended
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-W", "ignore", __file__, str(self._address)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def command(self, program: Path) -> tuple[str, ...]:
        """Arguments of Python that start this program."""
        return ("-I", "-S", __file__, str(self._address), str(program))

    def close(self) -> None:
        self._process.communicate()


def lend(address: str, program: str) -> None:
    """Ask for the program, then end as it does."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        fds = array.array("i", [0, 1, 2])
        line.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        line.sendall(json.dumps([program, dict(os.environ)]).encode() + b"\n")
        ended = line.makefile().readline()
    code = int(ended or 1)
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def serve(address: str) -> None:
    """Fork for each who asks, until the end of the input."""
    exec(IMPORTS)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        print("ready", flush=True)  # noqa: T201
        while door in select.select([door, 0], [], [])[0]:
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                look_after(line)
            line.close()


def look_after(line: socket.socket) -> None:
    """Run a program in a process of its own; it does not outlive the one who asked for it."""
    _, fds, *_ = socket.recv_fds(line, 1, 3)
    program, environment = json.loads(line.makefile().readline())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        line.close()
        os.environ.clear()
        os.environ.update(environment)
        for number, fd in enumerate(fds):
            os.dup2(fd, number)
            os.close(fd)
        runpy.run_path(program, run_name="__main__")
        sys.exit()
    for fd in (0, 1, 2, *fds):
        os.close(fd)
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, line], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):  # it has gone
        line.sendall(f"{code}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    serve(*sys.argv[1:]) if len(sys.argv) == 2 else lend(*sys.argv[1:])
