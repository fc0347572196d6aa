"""What a record of bench/gpu.py says in short: its steps, and the figures beside their goals and floors."""

STEPS_PER_EPOCH = 196  # ceil(50,000 / 256)
GOAL_RATIO = 10  # times the reference way
GOAL_SHARE = 0.3  # of the peak of mma.sync, in the dense convolutions of stage 3


def step(record, name):
    return next((step for step in record['steps'] if step['name'] == name), {'commands': []})


def results(record, name):
    """(name of the command, its result) of those that left one."""
    return [(command['name'], command['result']) for command in step(record, name)['commands'] if 'result' in command]


def dense_share(kernels, stage='layer3'):
    """Operations of a stage's dense convolutions over their time and the peak, or None where they were not timed."""
    dense = [one for route in kernels['routes'] for one in route['steps']
             if one['kind'] == 'conv2d' and one['difference'] == 'dense' and one['op'].startswith(stage)
             and one['seconds'] > 0]
    if not dense:
        return None
    peak = kernels['peaks']['mmaBf16' if kernels['precision'] == 'bf16' else
                            'mmaF16' if kernels['precision'] == 'f16' else 'fma']
    return sum(one['operations'] for one in dense) / sum(one['seconds'] for one in dense) / peak


def gradcheck_figures(record):
    for precision, result in results(record, 'gradcheck'):
        lines = [(case['case'], line) for case in result['cases'] for line in case['lines']
                 if line['name'].startswith('cge/')]
        beyond = [(case, line) for case, line in lines if not line['passed']]
        if beyond:
            text = '; '.join(f'{case} {line["name"]} {line["error"]}' for case, line in beyond)
        else:
            worst = max(lines, key=lambda one: one[1]['error'] / one[1]['tolerance'])
            text = f'at most {worst[1]["error"]:.1e} of {worst[1]["tolerance"]:.0e} ({worst[0]}, {worst[1]["name"]})'
        yield f'gradcheck {precision}', text, 'within tolerance', not beyond


def query_figures(record, name, floors):
    for network, result in results(record, name):
        own = result.get('deepzero', result)
        rate, seconds = own['queriesPerSecond']['median'], own['stepSeconds']
        text = f'{rate:,.0f} queries/s, {seconds:.2f} s a step, {STEPS_PER_EPOCH * seconds:,.0f} s an epoch'
        if floors is not None:
            text += f'; floor {floors["seconds"]:.2f} s a step op by op, {floors["fusedSeconds"]:.2f} s fused ' \
                    f'(operations {floors["operationSeconds"]:.2f} s, bytes {floors["byteSeconds"]:.2f} s)'
        yield f'{name}: {network}', text, None, None
        usable = {way: peer for way, peer in result.get('pytorch', {}).items() if peer['usable']}
        for way, peer in usable.items():
            goal = f'{GOAL_RATIO} x' if way == 'nchw' and name == 'queries' else None
            yield (f'  beside PyTorch {way}', f'{peer["queriesPerSecond"]["median"]:,.1f} queries/s, '
                   f'{peer["ratio"]:.1f} x ({peer["form"]})', goal, peer['ratio'] >= GOAL_RATIO if goal else None)
        if usable:
            best = min(usable, key=lambda way: usable[way]['ratio'])
            yield f'  beside its best, {best}', f'{usable[best]["ratio"]:.1f} x', None, None
        for way, peer in result.get('pytorch', {}).items():
            if not peer['usable']:
                yield f'  PyTorch {way}', f'estimates off by more than 5 %: {peer["check"]}', None, None
        for way, reason in result.get('failures', {}).items():
            yield f'  PyTorch {way}', reason, None, None


def figures(record):
    """(name, text, goal or None, whether it is met or None)."""
    list_ = list(gradcheck_figures(record))
    for _, result in results(record, 'peaks')[:1]:
        p = result['peaks']
        list_.append(('peaks', f'mma f16 {p["mmaF16"] / 1e12:.0f}, bf16 {p["mmaBf16"] / 1e12:.0f}, '
                      f'fma {p["fma"] / 1e12:.1f} TFLOP/s; memory {p["memoryBytesPerSecond"] / 1e9:,.0f}, '
                      f'L2 {p["l2BytesPerSecond"] / 1e9:,.0f} GB/s', None, None))
    floors = {}
    for name, result in results(record, 'kernels'):
        floors[name] = result['stepFloor']
        if name == 'uniform':
            share = dense_share(result)
            list_.append(('dense convolutions of stage 3', 'not timed op by op' if share is None else
                          f'{100 * share:.1f} % of the peak', f'{100 * GOAL_SHARE:.0f} %',
                          None if share is None else share >= GOAL_SHARE))
    list_ += query_figures(record, 'queries', floors.get('uniform'))
    list_ += query_figures(record, 'ratios', floors.get('ratios'))
    list_ += query_figures(record, 'networks', None)
    for command in step(record, 'streams')['commands']:
        if 'result' in command:
            memory = f', {command["deviceMemoryMiB"]:,} MiB in use' if 'deviceMemoryMiB' in command else ''
            list_.append((command['name'],
                          f'{command["result"]["queriesPerSecond"]["median"]:,.0f} queries/s{memory}', None, None))
    return list_


def lines(record):
    """The short table, line by line."""
    out = [f'{record["device"]}, driver {record["driver"]}, commit {record["commit"] or "unknown"}', '']
    for one in record['steps']:
        reason = one.get('reason') or '; '.join(f'{command["name"]}: {command["reason"]}' for command in one['commands']
                                                if command.get('reason'))
        out.append(f'{one["name"]:12} {one["status"]:12} {one["seconds"]:8.1f} s  {reason}'.rstrip())
    found = figures(record)
    if found:
        out.append('')
    for name, text, goal, met in found:
        judged = '' if goal is None else f'  [{goal}: {"met" if met else "not known" if met is None else "NOT met"}]'
        out.append(f'{name:34} {text}{judged}')
    return out
