"""What bench/ refuses to record, what it writes where that is overruled, and what the tables show of it."""

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'bench'))

import compare  # noqa: E402
import conditions  # noqa: E402
import epochs  # noqa: E402
import gpu  # noqa: E402
import harness  # noqa: E402
import record  # noqa: E402
import tables  # noqa: E402

COMMIT = '0123456789abcdef'


class Machine:
    """A tree and a machine as the test wants them. What a program says is in `said`."""

    def __init__(self, commit=COMMIT, load=0.1, cores=2, scales=1.0):
        self.commit, self.load, self.cores, self.scales = commit, load, cores, scales
        self.said = io.StringIO()
        self.built = 0

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        for patch in (mock.patch.object(harness, 'commit', lambda: self.commit),
                      mock.patch.object(harness, 'build', self.build),
                      mock.patch.object(harness, 'run', self.run),
                      mock.patch.object(harness, 'record', mock.Mock()),
                      mock.patch.object(os, 'getloadavg', lambda: (self.load, 0, 0)),
                      mock.patch.object(os, 'cpu_count', lambda: self.cores),
                      contextlib.redirect_stdout(self.said)):
            self.stack.enter_context(patch)
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def build(self, *_):
        """Leaves a load of its own, as compilers do."""
        self.built += 1
        self.load = 50.0
        return 'deepzero_bench'

    def run(self, _, arguments, **__):
        if '--peak' in arguments:
            return {'threads': 2, 'scalar': {'oneThread': 1.0, 'allThreads': 2.0 * self.scales}}
        return {'mode': 'queries', 'network': 'cnn-1x4', 'isa': 'avx512', 'sparsity': 0.9}

    def recorded(self, *arguments):
        """What bench/record.py writes."""
        with mock.patch.object(sys, 'argv', [os.path.join(harness.ROOT, 'bench', 'record.py'), '--queries', *arguments]):
            record.main()
        return harness.record.call_args[0][0]


class Records(unittest.TestCase):
    def test_a_record_of_the_same_day_and_name_is_kept(self):
        with tempfile.TemporaryDirectory() as root, mock.patch.object(harness, 'ROOT', root), \
                contextlib.redirect_stdout(io.StringIO()):
            for value in (1, 2, 3):
                harness.record({'date': '2026-01-02', 'value': value}, 'CNN 1x4', 'scaling')
            folder = os.path.join(root, 'bench', 'results')
            stem = '2026-01-02-cpu-cnn-1x4-scaling'
            values = {}
            for name in os.listdir(folder):
                with open(os.path.join(folder, name)) as file:
                    values[name] = json.load(file)['value']
        self.assertEqual(values, {f'{stem}.json': 1, f'{stem}-2.json': 2, f'{stem}-3.json': 3})


class Refusals(unittest.TestCase):
    def refusal(self, machine):
        with machine, self.assertRaises(SystemExit) as ended:
            machine.recorded()
        harness_record = harness.record  # the real one again
        self.assertNotIsInstance(harness_record, mock.Mock)
        # sys.exit with a text prints it and ends with code 1.
        self.assertIsInstance(ended.exception.code, str)
        self.assertRegex(ended.exception.code, r'^bench: not recorded: [^\n]*--anyway WHY[^\n]*$')
        return ended.exception.code

    def test_at_rest_and_committed_nothing_is_refused_and_the_builds_own_load_does_not_count(self):
        with Machine() as machine:
            made = machine.recorded()
        self.assertEqual((made['commit'], made['loadBefore'], made['loadCores']), (COMMIT, 0.1, 2))
        self.assertNotIn('recordedAnyway', made)
        self.assertNotIn('warning', machine.said.getvalue())

    def test_uncommitted_changes_are_refused_before_the_build(self):
        machine = Machine(commit=f'{COMMIT}-dirty')
        self.assertRegex(self.refusal(machine), 'uncommitted changes.*commit or stash')
        self.assertEqual(machine.built, 0)

    def test_a_commit_that_nobody_knows_is_refused(self):
        self.assertRegex(self.refusal(Machine(commit='')), 'no git says which commit')

    def test_load_is_refused_by_what_each_core_has(self):
        self.assertRegex(self.refusal(Machine(load=0.31)), 'load average is 0.31, above 0.30 .*wait')
        self.assertRegex(self.refusal(Machine(load=2.5, cores=16)), 'above 2.40')
        self.assertRegex(self.refusal(Machine(load=float('nan'))), 'load average is nan')
        for load, cores in ((0.3, 2), (2.4, 16)):
            with Machine(load=load, cores=cores) as machine:
                self.assertEqual(machine.recorded()['loadBefore'], load)

    def test_shared_cores_are_refused(self):
        self.assertRegex(self.refusal(Machine(scales=0.9)), 'before it a register-only loop scaled to 0.90')

    def test_what_changes_meanwhile_is_refused(self):
        with Machine() as machine, self.assertRaises(SystemExit) as ended:
            start = conditions.Start(True)
            around = conditions.Cpu(start, 'deepzero_bench', 2)
            machine.commit, machine.scales = f'{COMMIT}-dirty', 0.5
            around.close()
        self.assertRegex(ended.exception.code, 'changed meanwhile.*after it a register-only loop scaled to 0.50')

    def test_an_override_is_written_with_its_reasons(self):
        with Machine(commit=f'{COMMIT}-dirty', load=9.0, scales=0.5) as machine:
            made = machine.recorded('--anyway', 'a rehearsal')
        self.assertEqual(made['recordedAnyway']['why'], 'a rehearsal')
        self.assertEqual(len(made['recordedAnyway']['despite']), 4)  # the loop before and after
        self.assertEqual(made['commit'], f'{COMMIT}-dirty')
        with Machine() as machine:
            self.assertNotIn('recordedAnyway', machine.recorded('--anyway', 'a rehearsal'))

    def test_without_a_record_it_is_a_warning(self):
        with Machine(load=9.0) as machine:
            conditions.Start(False)
        self.assertRegex(machine.said.getvalue(), '^warning: not to be recorded: the load average is 9.00')

    def test_every_command_that_records_asks_first(self):
        gpus = [{'name': 'A device', 'driver_version': '1'}]
        commands = {
            'compare.py': (compare.main, ['--record']),
            'epochs.py': (epochs.main, ['--record']),
            'gpu.py': (lambda: gpu.main(['--only', 'peaks']), []),
        }
        for name, (main, arguments) in commands.items():
            with self.subTest(name), Machine(load=9.0) as machine, \
                    mock.patch.object(gpu.gpu_machine, 'gpus', lambda: gpus), mock.patch.object(gpu, 'prepare', machine.build), \
                    mock.patch.object(sys, 'argv', [name, *arguments]):
                with self.assertRaises(SystemExit) as ended:
                    main()
                self.assertRegex(str(ended.exception.code), '^bench: not recorded: the load average is 9.00')
                self.assertEqual(machine.built, 0)

    def test_a_checkout_without_git_is_told_its_commit(self):
        with Machine(commit=''):
            start = conditions.Start(True, commit='abc')
            self.assertEqual(start.describe(start.reasons())['commit'], 'abc')
        with Machine(commit=f'{COMMIT}-dirty'), self.assertRaises(SystemExit):
            conditions.Start(True, commit='abc')


@unittest.skipIf(shutil.which('git') is None, 'no git')
class Trees(unittest.TestCase):
    def test_what_makes_a_tree_dirty(self):
        with tempfile.TemporaryDirectory() as root, mock.patch.object(harness, 'ROOT', root):
            def put(path, text):
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), 'w') as file:
                    file.write(text)

            def git(*arguments):
                harness.output(['git', '-c', 'user.name=a', '-c', 'user.email=a@example.org', *arguments])

            git('init', '--quiet')
            put('cpu/a.cpp', 'a')
            git('add', '.')
            git('commit', '--quiet', '--no-gpg-sign', '--message', 'a')
            self.assertRegex(harness.commit(), '^[0-9a-f]{40}$')
            # Neither a record of before nor notes are compiled.
            put('bench/results/a.json', '{}')
            put('notes.txt', 'a')
            self.assertRegex(harness.commit(), '^[0-9a-f]{40}$')
            put('cpu/b.cpp', 'b')
            self.assertRegex(harness.commit(), '^[0-9a-f]{40}-dirty$')
            os.remove(os.path.join(root, 'cpu/b.cpp'))
            put('cpu/a.cpp', 'b')
            self.assertRegex(harness.commit(), '^[0-9a-f]{40}-dirty$')


class Tables(unittest.TestCase):
    RECORD = {'mode': 'profile', 'queries': {'ops': []}, 'processor': 'A CPU', 'isa': 'avx2', 'threads': 2,
              'command': 'python3 bench/record.py --profile', 'date': '2026-01-02', 'commit': f'{COMMIT}-dirty',
              'loadBefore': 3.236, 'scaling': {'before': 0.794, 'after': 1.0}}

    def test_they_say_what_was_not_committed_and_how_busy_the_machine_was(self):
        self.assertEqual(tables.lines_of(self.RECORD)[-1], 'A CPU, avx2, 2 threads, `python3 bench/record.py --profile`, '
                         'commit 0123456-dirty, load before 3.24, before it the loop in registers scaled to 0.79 of the '
                         'threads, 2026-01-02.')

    def test_they_say_why_it_was_recorded_all_the_same(self):
        made = {**self.RECORD, 'commit': COMMIT, 'loadCores': 16, 'scaling': {'before': 1.0, 'after': 1.0},
                'recordedAnyway': {'why': 'a rehearsal', 'despite': ['x']}}
        self.assertRegex(tables.lines_of(made)[-1],
                         'commit 0123456, load before 3.24 on 16 cores, 2026-01-02, recorded all the same: a rehearsal.$')


if __name__ == '__main__':
    unittest.main()
