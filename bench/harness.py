"""deepzero_bench from Python: building it, running it for its JSON, and writing a record. Standard library only."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMPILED = ('engine', 'cpu', 'cuda', 'bench')  # folders


def output(command, environment=None, check=True, errors=None):
    """`errors` is where standard error goes; with subprocess.PIPE, into the CalledProcessError."""
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=check, stdout=subprocess.PIPE, stderr=errors, text=True
    ).stdout.strip()


def build(folder='build-native'):
    """The path of deepzero_bench, built in that folder."""
    if not os.path.exists(os.path.join(ROOT, folder, 'build.ninja')):
        if folder != 'build-native':
            raise SystemExit(f'bench: {folder} is not configured; run cmake there first, or leave --build out')
        output(['cmake', '--preset', 'native'])
    output(['cmake', '--build', folder, '--target', 'deepzero_bench', '--parallel', str(os.cpu_count())])
    return binary(folder)


def binary(folder='build-native'):
    return os.path.join(ROOT, folder, 'bench', 'deepzero_bench')


def run(binary, arguments, show=False, codes=(0,)):
    """What deepzero_bench writes with --json. With `show` its table is printed as well. Exit codes other than `codes`
    raise CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix='deepzero-bench-') as folder:
        path = os.path.join(folder, 'result.json')
        command = [binary, *map(str, arguments), '--json', path]
        done = subprocess.run(command, cwd=ROOT, stdout=None if show else subprocess.DEVNULL)
        if done.returncode not in codes:
            raise subprocess.CalledProcessError(done.returncode, command)
        with open(path) as file:
            return json.load(file)


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(values):
    return {'median': median(values), 'least': min(values), 'most': max(values), 'all': list(values)}


def commit():
    """With `-dirty` behind it where a file was changed, or a new one lies where CMake would find it. Empty where there is no
    git or no checkout."""
    if shutil.which('git') is None:
        return ''
    dirty = output(['git', 'status', '--porcelain', '--untracked-files=no'], check=False) or output(
        ['git', 'ls-files', '--others', '--exclude-standard', '--', *COMPILED, ':!bench/results'], check=False)
    return output(['git', 'rev-parse', 'HEAD'], check=False) + ('-dirty' if dirty else '')


def file_name(*parts):
    """Small letters, digits and dashes."""
    return '-'.join(re.sub(r'[^a-z0-9]+', '-', str(part).lower()).strip('-') for part in parts)


def command_line():
    """How this program was started, from the root of the checkout."""
    return ' '.join(['python3', os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]])


def record(result, *parts, device='cpu'):
    """Writes bench/results/DATE-DEVICE-PARTS.json; where that name is taken, with -2, -3, … behind it."""
    stem = os.path.join('bench', 'results', f'{result["date"]}-{file_name(device, *parts)}')
    os.makedirs(os.path.join(ROOT, 'bench', 'results'), exist_ok=True)
    paths = (f'{stem}{"" if number == 1 else f"-{number}"}.json' for number in itertools.count(1))
    path = next(path for path in paths if not os.path.exists(os.path.join(ROOT, path)))
    with open(os.path.join(ROOT, path), 'x') as file:
        file.write(json.dumps(result, indent=2) + '\n')
    print(f'recorded in {path}')


def ended(error):
    """Ends this program as another one did, whose own message stands above."""
    print(error.stdout or '', end='', file=sys.stderr)
    sys.exit(f'bench: {" ".join(map(str, error.cmd))} ended with code {error.returncode}')
