"""A `deepzero-network/1` model file as PyTorch calls: the whole network, a suffix from a residual block on, and the
same suffix for several perturbed copies in one call.

Values are [N, C, H, W]; a value of Q copies is [N, Q·C, H, W], so that batch norm keeps its statistics per copy and a
convolution becomes a grouped one (what functorch.vmap does, without its permutations)."""

import json
import struct

import torch
import torch.nn.functional as F

DTYPES = {'F32': torch.float32, 'F64': torch.float64, 'I32': torch.int32, 'I64': torch.int64}


def read_safetensors(path):
    """Tensors and metadata of a safetensors file."""
    with open(path, 'rb') as file:
        (length,) = struct.unpack('<Q', file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    metadata = header.pop('__metadata__', {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        tensor = torch.frombuffer(data, dtype=torch.uint8)[begin:end].clone()
        tensors[name] = tensor.view(DTYPES[entry['dtype']]).view(entry['shape'])
    return tensors, metadata


class Network:
    """No gradients. `layout` is torch.contiguous_format or torch.channels_last, `statistics` what batch norm normalises
    with, 'batch' or 'running'."""

    def __init__(self, model, metadata, layout, statistics='batch'):
        self.spec = json.loads(metadata['network'])
        self.ops = self.spec['ops']
        self.layout = layout
        self.statistics = statistics
        self.parameters = {
            name: tensor.contiguous(memory_format=layout) if tensor.dim() == 4 else tensor.clone()
            for name, tensor in model.items()
        }
        self.owner = {f'{op["name"]}.{role}': i for i, op in enumerate(self.ops) for role in ('weight', 'bias')}
        self.starts = self._block_starts()

    def _block_starts(self):
        """Indices of the ops that begin a block: those after which a single value is alive, cut behind an activation
        or a pool. In a residual network these are the stem, the residual blocks and the classifier."""
        last_use = {}
        for i, op in enumerate(self.ops):
            for name in op['inputs']:
                last_use[name] = i
        starts = [0]
        alive = set()
        for i, op in enumerate(self.ops[:-1]):
            alive = {name for name in alive | {op['name']} if last_use.get(name, -1) > i}
            if alive == {op['name']} and op['op'] in ('relu', 'maxPool2d') and self.ops[i + 1]['op'] != 'maxPool2d':
                starts.append(i + 1)
        return starts

    def block_of(self, op_index):
        return max(start for start in self.starts if start <= op_index)

    def features(self, images):
        """The input of every block."""
        kept = {0: images.contiguous(memory_format=self.layout)}
        for start, end in zip(self.starts, self.starts[1:]):
            kept[end] = self._run(start, end, kept[start])
        return kept

    def logits(self, start, value):
        """[N, K] from the input of a block on."""
        return self._run(start, len(self.ops), value)

    def _run(self, start, end, value):
        before = self.ops[start]['inputs'][0]
        values = {before: value}
        for op in self.ops[start:end]:
            values[op['name']] = self._apply(op, [values[name] for name in op['inputs']])
        return values[self.ops[end - 1]['name']]

    def _apply(self, op, inputs):
        x, kind = inputs[0], op['op']
        weight = self.parameters.get(f'{op["name"]}.weight')
        bias = self.parameters.get(f'{op["name"]}.bias')
        if kind == 'conv2d':
            return F.conv2d(x, weight, bias, op['stride'], op['padding'])
        if kind == 'batchNorm2d':
            if self.statistics == 'batch':
                return F.batch_norm(x, None, None, weight, bias, True, 0.0, op['eps'])
            mean, variance = (self.parameters[f'{op["name"]}.running_{what}'] for what in ('mean', 'var'))
            return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, op['eps'])
        if kind == 'relu':
            return F.relu(x)
        if kind == 'add':
            return x + inputs[1]
        if kind == 'shortcutA':
            return shortcut_a(x, op)
        if kind == 'maxPool2d':
            return F.max_pool2d(x, op['kernel'], op['stride'], op['padding'])
        if kind == 'globalAvgPool':
            return x.mean((2, 3))
        if kind == 'linear':
            return F.linear(x.flatten(1), weight, bias)
        raise ValueError(f'expected an op that this peer knows, received {kind}')

    def copies_logits(self, start, value, op_index, name, stack):
        """[N, Q, K] of Q copies: the op `op_index` has `stack` [Q, …] in place of its parameter `name`."""
        copies = stack.shape[0]
        values = {self.ops[start]['inputs'][0]: (value, False)}
        for i, op in enumerate(self.ops[start:], start):
            inputs = [values[input_name] for input_name in op['inputs']]
            if i == op_index:
                values[op['name']] = (self._apply_perturbed(op, inputs[0][0], name, stack), True)
            elif any(batched for _, batched in inputs):
                values[op['name']] = (self._apply_copies(op, inputs, copies), True)
            else:
                values[op['name']] = (self._apply(op, [x for x, _ in inputs]), False)
        return values[self.ops[-1]['name']][0]

    def _apply_perturbed(self, op, x, name, stack):
        copies = stack.shape[0]

        def each(role):
            own = f'{op["name"]}.{role}'
            tensor = self.parameters.get(own)
            if own == name:
                return stack
            return None if tensor is None else tensor.expand(copies, *tensor.shape)

        weight, bias = each('weight'), each('bias')
        if op['op'] == 'linear':
            return torch.einsum('nj,qkj->nqk', x.flatten(1), weight) + bias
        flat_bias = None if bias is None else bias.reshape(-1)
        if op['op'] == 'batchNorm2d':
            many = x.repeat(1, copies, 1, 1).contiguous(memory_format=self.layout)
            return F.batch_norm(many, None, None, weight.reshape(-1), flat_bias, True, 0.0, op['eps'])
        filters = weight.reshape(-1, *weight.shape[2:]).contiguous(memory_format=self.layout)
        return F.conv2d(x, filters, flat_bias, op['stride'], op['padding'])

    def _apply_copies(self, op, inputs, copies):
        (x, _), kind = inputs[0], op['op']
        weight = self.parameters.get(f'{op["name"]}.weight')
        bias = self.parameters.get(f'{op["name"]}.bias')
        if kind == 'conv2d':
            filters = weight.repeat(copies, 1, 1, 1).contiguous(memory_format=self.layout)
            many_bias = None if bias is None else bias.repeat(copies)
            return F.conv2d(x, filters, many_bias, op['stride'], op['padding'], 1, copies)
        if kind == 'batchNorm2d':
            return F.batch_norm(x, None, None, weight.repeat(copies), bias.repeat(copies), True, 0.0, op['eps'])
        if kind == 'add':
            sides = [side if batched else side.repeat(1, copies, 1, 1) for side, batched in inputs]
            return sides[0] + sides[1]
        if kind == 'shortcutA':
            split = x.view(x.shape[0], copies, -1, *x.shape[2:])
            return shortcut_a(split, op).flatten(1, 2).contiguous(memory_format=self.layout)
        if kind == 'linear':
            return F.linear(x.reshape(x.shape[0], copies, -1), weight, bias)
        return self._apply(op, [x])


def shortcut_a(x, op):
    """Option A: every stride-th pixel, the new channels zero on both sides. x is [..., C, H, W]."""
    added = op['out'] - x.shape[-3]
    stride = op['stride']
    return F.pad(x[..., ::stride, ::stride], (0, 0, 0, 0, added // 2, added - added // 2))
