"""The queries of deepzero_bench the way the paper's code runs them, in PyTorch (float32, no gradients): the features
at every residual block are kept, one weight is perturbed, the network runs from its block on with batch statistics,
and the losses are subtracted.

    deepzero_bench --queries --case DIR …      writes DIR/model.safetensors and DIR/case.safetensors
    python3 bench/peer_pytorch.py --case DIR --way nchw --threads 2 --repeats 3

Ways: nchw (as the reference runs it), channels-last, processes (channels-last, one process a core, one thread each)
and batched (several perturbed copies in one call; layout and number of copies as found fastest before the timing).
The estimates of every way are compared with those of the harness, and with the plain way where it is another."""

import argparse
import json
import multiprocessing
import sys
import time

import torch
import torch.nn.functional as F

from peer_network import Network, read_safetensors

# Two float32 losses near 2.3 are subtracted: at mu = 5e-3 rounding alone leaves 1 to 2 % (measured, 2-norm over the
# sample), a wrong block or wrong statistics leave 50 % and more.
TOLERANCE = 5e-2
PROBE = 24  # coordinates, spread over the sample, that warm up and choose the batched way's form
LAYOUTS = {'nchw': torch.contiguous_format, 'channels-last': torch.channels_last}


class Case:
    def __init__(self, directory):
        self.model, self.metadata = read_safetensors(f'{directory}/model.safetensors')
        tensors, metadata = read_safetensors(f'{directory}/case.safetensors')
        self.images, self.labels = tensors['input'], tensors['labels']
        self.mu = json.loads(metadata['mu'])
        names = json.loads(metadata['parameters'])
        self.queries = [
            (names[parameter], element)
            for parameter, element in zip(tensors['cge/param_index'].tolist(), tensors['cge/element_index'].tolist())
        ]
        self.estimates = tensors['estimates'].double()


class Peer:
    """A network with its base pass done: features and loss."""

    def __init__(self, case, layout):
        self.case = case
        self.network = Network(case.model, case.metadata, LAYOUTS[layout])
        self.features = None
        self.base_loss = None

    def base(self):
        self.features = self.network.features(self.case.images)
        last = self.network.starts[-1]
        self.base_loss = F.cross_entropy(self.network.logits(last, self.features[last]), self.case.labels).item()

    def one(self, name, element):
        """The estimate of one coordinate; the weight is restored to its saved value."""
        start = self.network.block_of(self.network.owner[name])
        tensor = self.network.parameters[name]
        index = unravel(element, tensor.shape)
        saved = tensor[index].item()
        tensor[index] = saved + self.case.mu
        loss = F.cross_entropy(self.network.logits(start, self.features[start]), self.case.labels).item()
        tensor[index] = saved
        return (loss - self.base_loss) / self.case.mu

    def plain(self, queries):
        return [self.one(name, element) for name, element in queries]

    def batched(self, queries, copies):
        """The estimates in the order given, up to `copies` of one parameter in a call."""
        groups = {}
        for place, (name, element) in enumerate(queries):
            groups.setdefault(name, []).append((place, element))
        results = [0.0] * len(queries)
        for name, members in groups.items():
            for first in range(0, len(members), copies):
                part = members[first:first + copies]
                for (place, _), estimate in zip(part, self.call(name, [element for _, element in part])):
                    results[place] = estimate
        return results

    def call(self, name, elements):
        op_index = self.network.owner[name]
        start = self.network.block_of(op_index)
        tensor = self.network.parameters[name]
        stack = tensor.contiguous().repeat(len(elements), *[1] * tensor.dim())
        flat = stack.view(len(elements), -1)
        for copy, element in enumerate(elements):
            flat[copy, element] += self.case.mu
        stack = flat.view(len(elements), *tensor.shape)
        logits = self.network.copies_logits(start, self.features[start], op_index, name, stack)
        labels = self.case.labels[:, None].expand(-1, len(elements))
        losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction='none')
        losses = losses.view(-1, len(elements)).mean(0)
        return [(loss - self.base_loss) / self.case.mu for loss in losses.tolist()]


def unravel(element, shape):
    index = []
    for extent in reversed(shape):
        index.append(element % extent)
        element //= extent
    return tuple(reversed(index))


def relative_error(expected, actual):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    actual = torch.as_tensor(actual, dtype=torch.float64)
    return ((actual - expected).norm() / expected.norm()).item()


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def probe_of(queries):
    count = min(PROBE, len(queries))
    return [(2 * i + 1) * len(queries) // (2 * count) for i in range(count)]


def one_process(case, way, repeats):
    """Seconds of each repeat, of the base pass, the estimates, and the form that was chosen."""
    if way == 'batched':
        peer, run, form = fastest_batched(case)
    else:
        peer, form = Peer(case, way), way
        run = peer.plain
    peer.base()
    run([case.queries[i] for i in probe_of(case.queries)])
    base_seconds, seconds, values = [], [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        peer.base()
        middle = time.perf_counter()
        values = run(case.queries)
        seconds.append(time.perf_counter() - middle)
        base_seconds.append(middle - begin)
    return seconds, base_seconds, values, form


def fastest_batched(case):
    """Tries layouts and numbers of copies on some whole groups of the sample."""
    seen = {}
    for query in case.queries:
        seen.setdefault(query[0], []).append(query)
    sizes = sorted(seen.values(), key=len)
    some = [query for group in sizes[len(sizes) // 2::8] for query in group[:8]]
    best = None
    for layout in LAYOUTS:
        peer = Peer(case, layout)
        peer.base()
        for copies in (2, 4, 8):
            peer.batched(some[:copies], copies)
            begin = time.perf_counter()
            peer.batched(some, copies)
            taken = time.perf_counter() - begin
            if best is None or taken < best[0]:
                best = (taken, peer, copies, f'{layout}, {copies} copies')
    _, peer, copies, form = best
    return peer, lambda queries: peer.batched(queries, copies), form


def worker(directory, rank, workers, repeats, gate, results):
    torch.set_num_threads(1)
    with torch.no_grad():
        case = Case(directory)
        own = case.queries[rank::workers]
        peer = Peer(case, 'channels-last')
        peer.base()
        peer.plain([own[i] for i in probe_of(own)])
        for _ in range(repeats):
            gate.wait()
            peer.base()
            gate.wait()
            values = peer.plain(own)
            gate.wait()
        results.put((rank, values))


def many_processes(directory, workers, repeats):
    """As one_process; the base pass is every process's own."""
    context = multiprocessing.get_context('fork')
    gate = context.Barrier(workers + 1)
    results = context.Queue()
    processes = [
        context.Process(target=worker, args=(directory, rank, workers, repeats, gate, results))
        for rank in range(workers)
    ]
    for process in processes:
        process.start()
    base_seconds, seconds = [], []
    for _ in range(repeats):
        gate.wait()
        begin = time.perf_counter()
        gate.wait()
        middle = time.perf_counter()
        gate.wait()
        seconds.append(time.perf_counter() - middle)
        base_seconds.append(middle - begin)
    parts = dict(results.get() for _ in processes)
    for process in processes:
        process.join()
    count = sum(len(part) for part in parts.values())
    values = [parts[i % workers][i // workers] for i in range(count)]
    return seconds, base_seconds, values, f'channels-last, {workers} processes'


def measure(options):
    if options.way == 'processes':
        seconds, base_seconds, values, form = many_processes(options.case, options.threads, options.repeats)
        torch.set_num_threads(options.threads)
        case = Case(options.case)
    else:
        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        case = Case(options.case)
        seconds, base_seconds, values, form = one_process(case, options.way, options.repeats)

    # Checked in the same run: against the harness on all coordinates, against the plain way on some. The rounding of
    # float32 losses is the same for large and small estimates, so the few are measured by the size of them all.
    check = {'againstHarness': relative_error(case.estimates, values)}
    if options.way != 'nchw':
        places = probe_of(case.queries)
        plain = Peer(case, 'nchw')
        plain.base()
        difference = torch.tensor(plain.plain([case.queries[i] for i in places]), dtype=torch.float64)
        difference -= torch.tensor([values[i] for i in places], dtype=torch.float64)
        size = torch.as_tensor(case.estimates, dtype=torch.float64).square().mean().sqrt()
        check['againstPlain'] = (difference.square().mean().sqrt() / size).item()
    rates = [len(values) / taken for taken in seconds]
    return {
        'way': options.way,
        'form': form,
        'torch': torch.__version__,
        'threads': options.threads,
        'sample': len(values),
        'repeats': options.repeats,
        'baseSeconds': median(base_seconds),
        'queriesPerSecond': {'median': median(rates), 'least': min(rates), 'most': max(rates)},
        'check': check,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--case', required=True, help='directory that deepzero_bench --queries --case wrote')
    parser.add_argument('--way', default='nchw', choices=['nchw', 'channels-last', 'processes', 'batched'])
    parser.add_argument('--threads', type=int, default=2, help='threads, or processes')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--json', action='store_true', help='print the result as one line of JSON')
    options = parser.parse_args()
    with torch.no_grad():
        result = measure(options)
    if options.json:
        print(json.dumps(result))
    else:
        rate = result['queriesPerSecond']
        print(f"{result['way']} ({result['form']}): {rate['median']:.1f} queries/s "
              f"({rate['least']:.1f} … {rate['most']:.1f}), check {result['check']}")
    if not all(error <= TOLERANCE for error in result['check'].values()):
        print(f'peer_pytorch: the estimates differ by more than {TOLERANCE}: {result["check"]}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
