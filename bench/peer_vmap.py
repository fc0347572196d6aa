"""Several perturbed copies of one parameter in a call by vmap, which batches every op of the rest of the network: what a user
of PyTorch would write first. torch.func of PyTorch 2, or functorch beside 1.13."""

import torch
import torch.nn.functional as F


def find():
    """The function vmap, or None where this PyTorch has none."""
    if hasattr(torch, 'func'):
        return torch.func.vmap
    try:
        import functorch
        return functorch.vmap
    except ImportError:
        return None


def losses(network, start, feature, labels, name, stack):
    """The loss of each of the weights in `stack` [Q, …] in place of the parameter `name`."""
    own = network.parameters[name]

    def one(weight):
        network.parameters[name] = weight
        return F.cross_entropy(network.logits(start, feature), labels)

    try:
        return find()(one)(stack)
    finally:
        network.parameters[name] = own
