"""Starts Python programs by a fork of a process that has their imports: 0.05 s instead of 1 to 3 s.

`serving` has that process, `ForkServer` asks it, from any process. `Forked` is a program that it
has started, to be used like a `subprocess.Popen`. Who can only start a command starts this file
with the address of the server and the path of the program: a process that lends its input and
output, ends as the program ends, and whose death is that of the program.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

PATIENCE = 300  # s that the server may take for its imports, where other programs fill every core


@contextlib.contextmanager
def serving(address: Path, *imports: str) -> Iterator[None]:
    """A process with these imports, which starts programs; they end with it."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore", __file__, "serve", str(address), *imports],
        stdin=subprocess.PIPE,  # it ends with the end of its input: however we ended
    )
    try:
        yield
    finally:
        process.communicate()


class ForkServer:
    """Starts programs by their path in the server of this address; waits until it is there."""

    def __init__(self, address: Path) -> None:
        self._address = str(address)

    def command(self, program: Path) -> tuple[str, ...]:
        """Arguments of Python that start this program."""
        return ("-I", "-S", __file__, "lend", self._address, str(program))

    def start(self, program: Path, stderr: int | None = None, **environment: str) -> Forked:
        """The program, with pipes for its input and output."""
        errors = 2 if stderr is None else stderr
        return Forked(self._address, str(program), {**os.environ, **environment}, errors)


class Forked:
    """A running program; ends with SIGKILL where its owner goes away."""

    def __init__(
        self, address: str, program: str, environment: dict[str, str], stderr: int
    ) -> None:
        (self._in, stdin), (stdout, self._out) = os.pipe(), os.pipe()
        self._line = asked(address, program, environment, (self._in, self._out, stderr))
        os.close(self._in), os.close(self._out)
        self._answer = self._line.makefile()
        self.pid = int(self._answer.readline())
        how: Any = {"encoding": "utf-8", "errors": "surrogateescape"}
        self.stdin: IO[str] = os.fdopen(stdin, "w", **how)
        self.stdout: IO[str] = os.fdopen(stdout, **how)
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, -N where signal N has ended it."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            self.returncode = int(self._answer.readline())
            self._answer.close()
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def asked(
    address: str, program: str, environment: dict[str, str], streams: tuple[int, int, int]
) -> socket.socket:
    """Where the program's pid and later its exit code come, a line each."""
    line = connected(address)
    fds = array.array("i", streams)
    line.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    line.sendall(json.dumps([program, environment]).encode() + b"\n")
    return line


def connected(address: str) -> socket.socket:
    """A line to the server, once it has its imports."""
    deadline = time.monotonic() + PATIENCE
    while True:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return line


def lend(address: str, program: str, *_: str) -> None:
    """Ask for the program, then end as it does; it is not told what else stands in the command."""
    with asked(address, program, dict(os.environ), (0, 1, 2)) as line:
        _pid, *ended = line.makefile()
    code = int(ended[0]) if ended else 1
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def serve(address: str, *imports: str) -> None:
    """Fork for each who asks, until the end of the input."""
    for name in imports:
        importlib.import_module(name)
    gc.freeze()  # what was imported stays, and is shared with all that start here
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen()
        while door in select.select([door, 0], [], [])[0]:
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                look_after(line)
            line.close()


def look_after(line: socket.socket) -> None:
    """Run a program in a process of its own; it does not outlive the one who asked for it."""
    _, fds, *_ = socket.recv_fds(line, 1, 3)
    wanted = line.makefile().readline()
    if not wanted:  # who asked was killed meanwhile
        os._exit(0)
    program, environment = json.loads(wanted)
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
    line.sendall(f"{child}\n".encode())
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, line], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):  # it has gone
        line.sendall(f"{code}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    {"serve": serve, "lend": lend}[sys.argv[1]](*sys.argv[2:])
