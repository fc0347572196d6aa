"""Which Python runs the peer: the first one that has PyTorch, among $PYTHON, the one that runs this, every python3 on the
path, and the system's."""

import os
import subprocess
import sys

INSTALL = 'apt-get install python3-torch, or pip install torch, or PYTHON=/path/to/python3 that has it'


def candidates():
    found = [os.environ.get('PYTHON'), sys.executable]
    found += [os.path.join(folder, 'python3') for folder in os.environ.get('PATH', '').split(os.pathsep) if folder]
    found.append('/usr/bin/python3')
    known = [path for path in found if path and os.access(path, os.X_OK)]
    return list(dict.fromkeys(known))


def has_torch(python):
    """Looks for the package without loading it."""
    code = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'
    return subprocess.run([python, '-c', code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def find():
    """Its path, or the end of this program in one line."""
    tried = candidates()
    for python in tried:
        if has_torch(python):
            return python
    raise SystemExit(f'bench: expected a python3 with PyTorch, found none among {", ".join(tried)}; {INSTALL}')


def allocator(tuned):
    """The peer's environment. PyTorch asks the system for every large tensor anew; glibc can be told to keep them."""
    environment = dict(os.environ)
    if tuned:
        environment.update(MALLOC_MMAP_THRESHOLD_='4294967296', MALLOC_TRIM_THRESHOLD_='4294967296',
                           MALLOC_TOP_PAD_='268435456')
    return environment
