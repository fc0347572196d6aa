"""Queries in PyTorch: a case that deepzero_bench wrote, and the estimates of its coordinates one at a time or several in a
call."""

import json

import torch
import torch.nn.functional as F

import peer_vmap
from peer_network import Network, read_safetensors

LAYOUTS = {'nchw': torch.contiguous_format, 'channels-last': torch.channels_last}


class Case:
    def __init__(self, directory, device):
        self.device = device
        model, self.metadata = read_safetensors(f'{directory}/model.safetensors')
        self.model = {name: device.place(tensor) for name, tensor in model.items()}
        tensors, metadata = read_safetensors(f'{directory}/case.safetensors')
        self.images, self.labels = device.place(tensors['input']), device.place(tensors['labels'])
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
        with self.case.device.arithmetic():
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
        if self.case.device.is_cuda:
            return self.plain_on_device(queries)
        with self.case.device.arithmetic():
            return [self.one(name, element) for name, element in queries]

    def plain_on_device(self, queries):
        """As one(), but that nothing waits for the device before the last query."""
        losses = []
        with self.case.device.arithmetic():
            for name, element in queries:
                start = self.network.block_of(self.network.owner[name])
                tensor = self.network.parameters[name]
                index = unravel(element, tensor.shape)
                saved = tensor[index].clone()
                tensor[index] = saved + self.case.mu
                losses.append(F.cross_entropy(self.network.logits(start, self.features[start]), self.case.labels))
                tensor[index] = saved
        return [(loss - self.base_loss) / self.case.mu for loss in torch.stack(losses).tolist()]

    def batched(self, queries, copies, call=None):
        """The estimates in the order given, up to `copies` of one parameter in a call."""
        call = call or self.call
        groups = {}
        for place, (name, element) in enumerate(queries):
            groups.setdefault(name, []).append((place, element))
        results = [0.0] * len(queries)
        for name, members in groups.items():
            for first in range(0, len(members), copies):
                part = members[first:first + copies]
                for (place, _), estimate in zip(part, call(name, [element for _, element in part])):
                    results[place] = estimate
        return results

    def perturbed(self, name, elements):
        """The parameter with one element moved, for each of them."""
        tensor = self.network.parameters[name]
        stack = tensor.contiguous().repeat(len(elements), *[1] * tensor.dim())
        flat = stack.view(len(elements), -1)
        for copy, element in enumerate(elements):
            flat[copy, element] += self.case.mu
        return flat.view(len(elements), *tensor.shape)

    def call(self, name, elements):
        op_index = self.network.owner[name]
        start = self.network.block_of(op_index)
        with self.case.device.arithmetic():
            stack = self.perturbed(name, elements)
            logits = self.network.copies_logits(start, self.features[start], op_index, name, stack)
            labels = self.case.labels[:, None].expand(-1, len(elements))
            losses = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction='none')
            losses = losses.view(-1, len(elements)).mean(0)
        return [(loss - self.base_loss) / self.case.mu for loss in losses.tolist()]

    def vmapped(self, name, elements):
        start = self.network.block_of(self.network.owner[name])
        with self.case.device.arithmetic():
            losses = peer_vmap.losses(self.network, start, self.features[start], self.case.labels, name,
                                      self.perturbed(name, elements))
        return [(loss - self.base_loss) / self.case.mu for loss in losses.tolist()]


def unravel(element, shape):
    index = []
    for extent in reversed(shape):
        index.append(element % extent)
        element //= extent
    return tuple(reversed(index))
