"""What nvidia-smi says of the GPUs of this machine: whether there is one, its name and driver, and how it stood while
something ran. Standard library only."""

import shutil
import subprocess
import threading

FIELDS = ('name', 'driver_version', 'memory.total', 'compute_cap', 'power.limit', 'clocks.max.sm')
CONDITION = ('clocks.sm', 'temperature.gpu', 'power.draw', 'utilization.gpu', 'memory.used')
NO_GPU = ('no NVIDIA GPU can be used on this machine: {}; run this where `nvidia-smi` lists one')


def ask(fields, run=subprocess.run):
    """One dictionary per GPU. Raises RuntimeError with a reason where there is none."""
    if run is subprocess.run and shutil.which('nvidia-smi') is None:
        raise RuntimeError(NO_GPU.format('there is no nvidia-smi, which comes with the driver'))
    done = run(['nvidia-smi', f'--query-gpu={",".join(fields)}', '--format=csv,noheader,nounits'],
               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode != 0 or not lines:
        raise RuntimeError(NO_GPU.format(f'nvidia-smi says "{lines[0].strip() if lines else "nothing"}"'))
    return [dict(zip(fields, (cell.strip() for cell in line.split(',')))) for line in lines]


def gpus(run=subprocess.run):
    return ask(FIELDS, run)


def condition():
    """Clocks, temperature, power and use of each GPU at this moment; empty where it cannot be known."""
    try:
        return ask(CONDITION)
    except RuntimeError:
        return []


class MemoryWatch:
    """The most memory of the first GPU that was in use between enter and exit, by looking once a second."""

    def __init__(self, look=condition, period=1.0):
        self.look, self.period = look, period
        self.most = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.ended.is_set():
            seen = self.look()
            if not seen:
                return
            try:
                self.most = max(self.most or 0, int(seen[0]['memory.used']))
            except ValueError:
                return
            self.ended.wait(self.period)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
