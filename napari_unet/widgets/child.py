"""The worker process: the only file that knows `QProcess`.

It starts ``python -m napari_unet.runs.worker`` when it is told to get warm or is given its first
command, passes its messages on, and says when it has died. The protocol is described in
docs/architecture.md.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from qtpy.QtCore import QObject, QProcess, QTimer, Signal

from napari_unet.runs.messages import parse, write_line

# -P: modules that lie in the user's current folder are not ours
WORKER = ("-P", "-u", "-m", "napari_unet.runs.worker")
PATIENCE = 4000  # ms after "stop" before the worker is killed; it promises 2 s
FAREWELL = 3000  # ms that closing napari waits for the worker to save
TAIL = 30  # lines of the worker's stderr that are kept to explain a death


class Child(QObject):
    """One worker process, started when needed, started anew when it has died."""

    message = Signal(dict)  # what the worker said
    work_began = Signal()  # a command was given
    died = Signal(str)  # it ended without being asked to; one sentence says how

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._ready = False
        self._leaving = False
        self._begun = False  # it works on a command
        self._fell = False  # the last one died without being asked to
        self._waiting: deque[str] = deque()  # until there is a worker
        self._given: deque[str] = deque()  # to the worker, which has not begun them
        self._rest = b""
        self._errors: deque[str] = deque(maxlen=TAIL)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE)
        self._patience.timeout.connect(self._kill)

    @property
    def pid(self) -> int:
        """Process id of the worker, 0 = none runs."""
        return int(self._process.processId()) if self._process is not None else 0

    @property
    def ready(self) -> bool:
        """A worker is there and can take a command at once."""
        return self._ready

    @property
    def busy(self) -> bool:
        """A command was given that is not done."""
        return self._begun or bool(self._given or self._waiting)

    @property
    def last_errors(self) -> str:
        """The end of what the worker wrote to stderr."""
        return "\n".join(self._errors)

    def warm(self) -> None:
        """Start the worker, if there is none: it needs seconds until it can take a command.

        Not after one has died: it would do so again, unseen, with each stroke.
        """
        if self._process is None and not self._fell:
            self._start()

    def send(self, command: str) -> None:
        """Give a command; it waits until the worker is ready."""
        self._waiting.append(command)  # first: a start that fails drops what waits
        if self._process is None:
            self._start()
        self._flush()

    def stop(self) -> bool:
        """Ask to end what is running. A worker that does not answer is killed.

        Returns
        -------
        False if it has not been given anything: nothing needs to end.
        """
        given = not self._waiting and self.busy
        self._waiting.clear()
        if self._process is None or not given:
            return False
        self._process.write(b"stop\n")
        self._patience.start()
        return True

    def wait(self, seconds: float) -> None:
        """Ask what is running to hold its next step for a moment: the window has work to do."""
        if self._process is not None and (self._begun or self._given):
            self._process.write(write_line(f"wait {seconds}"))

    def close(self) -> None:
        """napari is closing: let the worker save and leave. An idle one has nothing to save."""
        process = self._process
        if process is None:
            return
        self._leaving = True
        idle = not (self._begun or self._given)
        self._waiting.clear()
        process.write(b"stop\nquit\n")
        process.closeWriteChannel()
        if idle or not process.waitForFinished(FAREWELL):
            process.kill()
            process.waitForFinished(1000)
        self._forget()

    def _start(self) -> None:
        process = QProcess(self)
        process.readyReadStandardOutput.connect(self._on_output)
        process.readyReadStandardError.connect(self._on_stderr)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        self._process, self._rest, self._ready, self._leaving = process, b"", False, False
        self._errors.clear()
        process.start(sys.executable, list(WORKER))

    def _flush(self) -> None:
        while self._ready and self._waiting and self._process is not None:
            self._given.append(self._waiting.popleft())
            self._process.write(write_line(self._given[-1]))
            self.work_began.emit()

    def _on_output(self) -> None:
        process = self._process
        if process is None:
            return
        self._rest += bytes(process.readAllStandardOutput())
        *lines, self._rest = self._rest.split(b"\n")  # keep the unfinished line
        for line in lines:
            said = parse(line)
            if said is not None and self._process is process:  # no listener has closed it
                self._on_message(said)

    def _on_message(self, said: dict[str, Any]) -> None:
        if said["event"] == "ready":
            self._ready, self._fell = True, False
            self._flush()
        # one after the other, in the order given; some fail before they have begun
        if said["event"] in ("started", "done", "failed"):
            if not self._begun and self._given:
                self._given.popleft()
            self._begun = said["event"] == "started"
        if said["event"] in ("done", "failed"):
            self._patience.stop()
        self.message.emit(said)

    def _on_stderr(self) -> None:
        if self._process is not None:
            text = bytes(self._process.readAllStandardError()).decode(errors="replace")
            self._errors.extend(text.splitlines())

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:  # all others come with `finished`
            self._forget()
            self._fell = True
            self.died.emit("The worker process could not be started.")

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._on_output()
        self._on_stderr()
        waiting, leaving = [*self._given, *self._waiting], self._leaving
        self._forget()
        if leaving:
            return
        if status == QProcess.ExitStatus.NormalExit and code == 0:
            for command in waiting:  # it left after a stop; what was asked since needs a new one
                self.send(command)
            if not waiting:
                self.died.emit("")
            return
        self._fell = True
        self.died.emit(self._cause(code, status))

    def _cause(self, code: int, status: QProcess.ExitStatus) -> str:
        if status == QProcess.ExitStatus.CrashExit:
            return f"The worker process was killed or crashed (signal {code})."
        last = next((x for x in reversed(self._errors) if x.strip()), "")
        return f"The worker process ended with an error. {last}".strip()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _forget(self) -> None:
        self._patience.stop()
        self._waiting.clear()
        self._given.clear()
        self._ready = self._begun = False
        if self._process is not None:
            # what it has still to say, such as its end, is not of the next one
            self._process.blockSignals(True)
            self._process.deleteLater()
            self._process = None
