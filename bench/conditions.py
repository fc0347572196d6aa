"""What surrounds a measurement, and whether it may be recorded. Load and commit are read before anything is built: a
build leaves a load of its own, and what it compiles is what is measured. Standard library only.

    start = conditions.Start(options.record, options.anyway)
    around = conditions.Cpu(start, harness.build(), threads)
    … measure …
    result = {**around.close(), **result}
    if options.record: harness.record(result, …)

Each of the three ends the program with code 1 and a sentence where the result was to be recorded and may not be;
without --record it is a warning, and with --anyway WHY both reasons go into the record."""

import datetime
import os
import sys

import gpu_machine
import harness

LOAD = 0.15  # average per core, beside our own work, above which figures are suspect
SCALING = 0.95  # of the register-only loop over the threads; below it two virtual CPUs share a core
ANYWAY = 'record although the tree has uncommitted changes or the machine is not at rest; WHY goes into the record'


def scaling(peak):
    """Of the register-only loop, over the threads."""
    best = next(peak[isa] for isa in ('avx512', 'avx2', 'neon', 'scalar') if isa in peak)
    return best['allThreads'] / (best['oneThread'] * peak['threads'])


def tree_reasons(commit):
    if not commit:
        return ['no git says which commit this is; measure in a checkout']
    if commit.endswith('-dirty'):
        return ['the tree has uncommitted changes, so that no commit says what is measured; commit or stash them']
    return []


def changed_reasons(commit):
    if harness.commit() in ('', commit):
        return []
    return ['the tree or its commit changed meanwhile; measure again and leave it alone']


def load_reasons(load, cores):
    if load <= LOAD * cores:
        return []
    return [f'the load average is {load:.2f}, above {LOAD * cores:.2f} ({LOAD} per core), so others use the cores; '
            'stop them and wait some minutes']


def scaling_reasons(when, value):
    if value >= SCALING:
        return []
    return [f'{when} it a register-only loop scaled to {value:.2f} of the threads, below {SCALING}, so others share the '
            'cores; measure when they do not']


class Start:
    """How the tree and the machine stood before the build."""

    def __init__(self, recorded, anyway=None, commit=None):
        """`commit`: of a checkout without git."""
        self.recorded, self.anyway = recorded, anyway
        self.commit = harness.commit() or commit or ''
        self.load, self.cores = os.getloadavg()[0], os.cpu_count()
        self.judge(self.reasons())

    def reasons(self):
        """Why figures are not to be recorded, and what to do."""
        return [*tree_reasons(self.commit), *load_reasons(self.load, self.cores)]

    def judge(self, reasons):
        if reasons and self.recorded and not self.anyway:
            sys.exit(f'bench: not recorded: {"; ".join(reasons)}, or say with --anyway WHY why it counts all the same')
        for reason in reasons:
            print(f'warning: not to be recorded: {reason}')

    def describe(self, reasons):
        """The part of the record that is the same for all measurements."""
        return {
            'date': datetime.date.today().isoformat(),
            'commit': self.commit,
            'command': harness.command_line(),
            'loadBefore': self.load,
            'loadCores': self.cores,
            **({'recordedAnyway': {'why': self.anyway, 'despite': reasons}} if reasons and self.anyway else {}),
        }


class Around:
    """From the build to the end of the measurement."""

    def __init__(self, start):
        self.start = start

    def reasons(self):
        """Those that came up since the start."""
        return changed_reasons(self.start.commit)

    def close(self):
        """The part of the record that says how it was made."""
        after = self.after()
        self.start.judge(self.reasons())
        return {**self.start.describe([*self.start.reasons(), *self.reasons()]), **after}


class Cpu(Around):
    """With the machine's peaks before and after."""

    def __init__(self, start, binary, threads):
        super().__init__(start)
        self.binary, self.threads = binary, threads
        self.before = self.peaks()
        self.scales = {'before': scaling(self.before)}
        start.judge(self.reasons())

    def peaks(self):
        return harness.run(self.binary, ['--peak', '--threads', self.threads])

    def reasons(self):
        return [*super().reasons(),
                *(reason for when, value in self.scales.items() for reason in scaling_reasons(when, value))]

    def after(self):
        after = self.peaks()
        self.scales['after'] = scaling(after)
        print(f'a register-only loop scales to {self.scales["before"]:.2f} of the threads before, '
              f'{self.scales["after"]:.2f} after')
        return {'scaling': self.scales, 'peakBefore': self.before, 'peakAfter': after}


class Device(Around):
    """Where a GPU is measured: its driver, and its clocks and use before and after."""

    def __init__(self, start):
        super().__init__(start)
        self.gpus = gpu_machine.gpus()
        self.before = gpu_machine.condition()

    def after(self):
        return {'gpus': self.gpus, 'conditionBefore': self.before, 'conditionAfter': gpu_machine.condition()}
