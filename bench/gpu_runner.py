"""Runs the commands of bench/gpu.py one after another: each with a limit of its own within that of all, its output kept,
and whatever it leaves of processes ended. A command that fails does not stop the others."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import Callable, List, Optional

import gpu_machine
import harness

TAIL = 4000  # characters of output that a record keeps of a command that failed
LEAST = 5  # seconds: with less left, nothing is started

# A step is as that of its commands which comes last here; one with something passed and something left out has passed.
STATUSES = ('skipped', 'passed', 'out of time', 'failed', 'timeout', 'interrupted')
FAILURES = ('failed', 'timeout', 'interrupted')


@dataclass
class Command:
    """`json`: whether it writes a result to the file behind --json. `memory`: whether the device's memory is looked at
    meanwhile, which takes a little of its time. `judge` takes exit code, output and result, and returns (status, reason,
    result)."""

    name: str
    argv: List[str]
    limit: float
    environment: dict = field(default_factory=dict)
    json: bool = True
    memory: bool = False
    judge: Optional[Callable] = None


def exit_code(code, text, result):
    """What a command is judged by unless it says otherwise."""
    if code == 0:
        return 'passed', None, result
    said = [line.strip() for line in text.splitlines() if line.strip()]
    return 'failed', f'exit code {code}' + (f': {said[-1][:300]}' if said else ''), result


def shown(word):
    """A word of a command line without where this checkout and its temporary files lie."""
    word = str(word)
    return os.path.relpath(word, harness.ROOT) if word.startswith(harness.ROOT + os.sep) else word


class Runner:
    def __init__(self, seconds, clock=time.monotonic, watch=gpu_machine.MemoryWatch):
        self.clock, self.watch = clock, watch
        self.end = clock() + seconds

    def left(self):
        return self.end - self.clock()

    def run(self, command):
        """The entry of the record."""
        line = ' '.join([*(f'{key}={shown(value)}' for key, value in command.environment.items()),
                         *map(shown, command.argv)])
        entry = {'name': command.name, 'command': line}
        if self.left() < LEAST:
            return {**entry, 'status': 'out of time', 'seconds': 0, 'reason': 'the time limit of all steps was reached'}
        limit = min(command.limit, self.left())
        with tempfile.TemporaryDirectory(prefix='deepzero-gpu-') as folder:
            path = os.path.join(folder, 'result.json')
            argv = [*map(str, command.argv), *(['--json', path] if command.json else [])]
            start = self.clock()
            with self.watch() if command.memory else contextlib.nullcontext() as memory:
                code, text = execute(argv, {**os.environ, **command.environment}, limit)
            entry['seconds'] = round(self.clock() - start, 2)
            if memory is not None and memory.most is not None:
                entry['deviceMemoryMiB'] = memory.most
            result = None
            if command.json and os.path.exists(path):
                with open(path) as file:
                    result = json.load(file)
        if code in ('timeout', 'interrupted'):
            entry.update(status=code, reason=f'ended after {limit:.0f} s' if code == 'timeout' else 'interrupted')
        elif isinstance(code, str):
            entry.update(status='failed', reason=code)
        else:
            status, reason, result = (command.judge or exit_code)(code, text, result)
            if status == 'passed' and command.json and result is None:
                status, reason = 'failed', 'wrote no result'
            entry.update(status=status, exitCode=code)
            if reason:
                entry['reason'] = reason
        if result is not None:
            entry['result'] = result
        if entry['status'] in FAILURES:
            entry['output'] = text[-TAIL:]
        return entry


def execute(argv, environment, limit):
    """Exit code, or 'timeout', 'interrupted', or why it could not be started; and the output."""
    with tempfile.TemporaryFile('w+', errors='replace') as file:
        try:
            process = subprocess.Popen(argv, cwd=harness.ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            return f'cannot be started: {error.strerror}', ''
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = 'timeout'
        except KeyboardInterrupt:
            code = 'interrupted'
        if isinstance(code, str):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        file.seek(0)
        return code, file.read()


def worst(statuses):
    return max(statuses, key=STATUSES.index, default='skipped')
