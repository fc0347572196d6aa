"""The queries of deepzero_bench the way the paper's code runs them, in PyTorch (float32, no gradients): the features
at every residual block are kept, one weight is perturbed, the network runs from its block on with batch statistics,
and the losses are subtracted.

    deepzero_bench --queries --case DIR …      writes DIR/model.safetensors and DIR/case.safetensors
    python3 bench/peer_pytorch.py --case DIR --way nchw --threads 2 --repeats 3

Ways: nchw (as the reference runs it), channels-last, processes (channels-last, one process a core, one thread each;
CPU alone), batched (several perturbed copies in one call as grouped convolutions; layout and number of copies as found
fastest before the timing) and vmap (the same by vmap). With --device cuda, -tf32 or -autocast behind a way's name rounds
as these do; cuDNN looks for its fastest algorithms during the warm-up. The estimates of every way are compared with those
of the harness, and with the plain way where it is another. A way that rounds and fails this is reported as not usable; one
in float32 ends the run."""

import argparse
import json
import multiprocessing
import sys
import time

import torch

import peer_vmap
from peer_device import ROUNDINGS, Device, split
from peer_queries import LAYOUTS, Case, Peer

# Two float32 losses near 2.3 are subtracted: at mu = 5e-3 rounding alone leaves 1 to 2 % (measured, 2-norm over the
# sample), a wrong block or wrong statistics leave 50 % and more.
TOLERANCE = 5e-2
PROBE = 24  # coordinates, spread over the sample, that warm up and choose the batched way's form
WAYS = ('nchw', 'channels-last', 'processes', 'batched', 'vmap')
COPIES = {'cpu': (2, 4, 8), 'cuda': (8, 32, 128)}  # that are tried in a call


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
    device = case.device
    if way in ('batched', 'vmap'):
        peer, run, form = fastest_batched(case, way)
    else:
        peer, form = Peer(case, way), way
        run = peer.plain
    peer.base()
    run([case.queries[i] for i in probe_of(case.queries)])
    base_seconds, seconds, values = [], [], []
    for _ in range(repeats):
        device.finish()
        begin = time.perf_counter()
        peer.base()
        device.finish()
        middle = time.perf_counter()
        values = run(case.queries)
        device.finish()
        seconds.append(time.perf_counter() - middle)
        base_seconds.append(middle - begin)
    return seconds, base_seconds, values, form


def fastest_batched(case, way):
    """Tries layouts and numbers of copies on some whole groups of the sample; those that do not fit are left out."""
    if way == 'vmap' and peer_vmap.find() is None:
        raise SystemExit(f'peer_pytorch: PyTorch {torch.__version__} has no vmap; install 2.0 or newer')
    seen = {}
    for query in case.queries:
        seen.setdefault(query[0], []).append(query)
    sizes = sorted(seen.values(), key=len)
    some = [query for group in sizes[len(sizes) // 2::8] for query in group[:8]]
    best = None
    for layout in LAYOUTS:
        peer = Peer(case, layout)
        peer.base()
        call = peer.vmapped if way == 'vmap' else peer.call
        for copies in COPIES[case.device.name]:
            try:
                peer.batched(some[:copies], copies, call)
                begin = time.perf_counter()
                peer.batched(some, copies, call)
            except RuntimeError as error:
                if 'out of memory' not in str(error):
                    raise
                continue
            taken = time.perf_counter() - begin
            if best is None or taken < best[0]:
                best = (taken, peer, call, copies, f'{layout}, {copies} copies')
    if best is None:
        raise SystemExit(f'peer_pytorch: {way}: not even {COPIES[case.device.name][0]} copies fit into memory')
    _, peer, call, copies, form = best
    return peer, lambda queries: peer.batched(queries, copies, call), form


def worker(directory, rank, workers, repeats, gate, results):
    try:
        measured_worker(directory, rank, workers, repeats, gate, results)
    except BaseException:
        # Nobody waits for one that has failed.
        gate.abort()
        raise


def measured_worker(directory, rank, workers, repeats, gate, results):
    torch.set_num_threads(1)
    with torch.no_grad():
        case = Case(directory, Device('cpu'))
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
        context.Process(target=worker, args=(directory, rank, workers, repeats, gate, results), daemon=True)
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
    way, rounding = split(options.way)
    device = Device(options.device, rounding)
    if way == 'processes':
        seconds, base_seconds, values, form = many_processes(options.case, options.threads, options.repeats)
        torch.set_num_threads(options.threads)
        case = Case(options.case, device)
    else:
        torch.set_num_threads(options.threads)
        torch.set_num_interop_threads(1)
        case = Case(options.case, device)
        seconds, base_seconds, values, form = one_process(case, way, options.repeats)

    # Checked in the same run: against the harness on all coordinates, against the plain way on some. The rounding of
    # float32 losses is the same for large and small estimates, so the few are measured by the size of them all.
    check = {'againstHarness': relative_error(case.estimates, values)}
    if way != 'nchw':
        places = probe_of(case.queries)
        plain = Peer(case, 'nchw')
        plain.base()
        difference = torch.tensor(plain.plain([case.queries[i] for i in places]), dtype=torch.float64)
        difference -= torch.tensor([values[i] for i in places], dtype=torch.float64)
        size = torch.as_tensor(case.estimates, dtype=torch.float64).square().mean().sqrt()
        check['againstPlain'] = (difference.square().mean().sqrt() / size).item()
    rates = [len(values) / taken for taken in seconds]
    on_device = {'device': device.title(), 'memoryPeakBytes': device.memory_peak()} if device.is_cuda else {}
    return {
        **on_device,
        'way': options.way,
        'form': form,
        'usable': all(error <= TOLERANCE for error in check.values()),
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
    parser.add_argument('--way', default='nchw', help=f'{", ".join(WAYS)}, with -{" or -".join(ROUNDINGS)} behind it')
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    parser.add_argument('--threads', type=int, default=2, help='threads, or processes')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--json', action='store_true', help='print the result as one line of JSON')
    options = parser.parse_args()
    way, rounding = split(options.way)
    if way not in WAYS:
        parser.error(f'--way: expected one of {", ".join(WAYS)}, received {options.way}')
    if options.device == 'cpu' and rounding == 'tf32' or options.device == 'cuda' and way == 'processes':
        parser.error(f'--way: {options.way} is not for --device {options.device}')
    with torch.no_grad():
        result = measure(options)
    if options.json:
        print(json.dumps(result))
    else:
        rate = result['queriesPerSecond']
        print(f"{result['way']} ({result['form']}): {rate['median']:.1f} queries/s "
              f"({rate['least']:.1f} … {rate['most']:.1f}), check {result['check']}")
    if not result['usable'] and rounding == 'f32':
        print(f'peer_pytorch: the estimates differ by more than {TOLERANCE}: {result["check"]}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
