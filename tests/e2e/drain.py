"""A drain of a node, watched while it runs."""

import subprocess
import threading
import time


class Drain:
    """A running `kubectl drain` and what it has said so far."""

    def __init__(self, argv: list[str]) -> None:
        self._said: list[str] = []
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, words: str, seconds: float) -> float:
        """Wait until it has said these words; return the seconds since its start."""
        while not any(words in line for line in self._said):
            waited = time.monotonic() - self._started
            assert waited < seconds, f"not said after {seconds:g} s: {words}\n{self._said}"
            time.sleep(0.2)
        return time.monotonic() - self._started

    def wait(self, seconds: float) -> None:
        """Wait for its end, which must be a success."""
        status = self._process.wait(timeout=seconds)
        self._reader.join()
        assert status == 0, "".join(self._said)

    def _read(self) -> None:
        with self._process:
            for line in self._process.stdout or ():
                self._said.append(line)
