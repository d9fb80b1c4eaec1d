"""Live models of PyTorch: what they compute, how they train, what they write, and that no pickled code is run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qml_dynamics.base.errors import ProblemError
from qml_dynamics.learning.growth import Recorder, from_torch, log_volume, record
from qml_dynamics.learning.growth.mlp import forward

pytestmark = pytest.mark.torch


def test_live_state_dicts_of_pytorch_while_it_trains() -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.Tanh(), torch.nn.Linear(6, 3))
    with pytest.raises(ProblemError, match=r"other entries: 1\.weight, 1\.bias, 1\.running_mean"):
        from_torch(model.state_dict())
    before = from_torch(model.state_dict(), skip=["1"])
    assert before.names == ("0", "3")
    assert "1.running_mean" in before.skipped
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    rows, labels = torch.randn(20, 4), torch.randint(0, 3, (20,))
    steps, biases, losses = [], [], []
    for _ in range(5):
        net = from_torch(model.state_dict(), skip=["1"])
        loss = torch.nn.functional.cross_entropy(model(rows), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        steps.append(net.weights)
        biases.append(net.biases)
        losses.append(loss.item())
    run = record(steps, biases=biases, activation="tanh", curves={"loss": losses})
    assert steps[0][0] == pytest.approx(before.weights[0])  # a copy: training went on
    assert np.abs(np.diff(run["log_volume/total"])).min() > 0
    assert run["loss"][-1] < run["loss"][0]


def test_live_layers_that_are_no_linear_ones_are_refused() -> None:
    import torch
    from torch.nn.utils import parametrizations

    linear = torch.nn.Linear
    models: list[Any] = [
        torch.nn.Sequential(parametrizations.weight_norm(linear(4, 4)), linear(4, 4)),
        torch.nn.Sequential(parametrizations.spectral_norm(linear(4, 4)), linear(4, 4)),
        torch.nn.Sequential(torch.nn.LSTM(4, 4), linear(4, 4)),
        torch.nn.ModuleDict({"attention": torch.nn.MultiheadAttention(4, 2), "last": linear(4, 4)}),
        torch.nn.ModuleDict({"embedding": torch.nn.Embedding(4, 4), "last": linear(4, 4)}),
        torch.nn.Sequential(linear(4, 4), torch.nn.PReLU(), linear(4, 4)),
    ]
    for model in models:
        with pytest.raises(ProblemError, match="must hold linear layers one after the other"):
            from_torch(model.state_dict())


@pytest.mark.parametrize(("name", "layer"), [("relu", "ReLU"), ("tanh", "Tanh"), ("logistic", "Sigmoid")])
def test_arrays_of_a_live_model_compute_what_it_computes(name: str, layer: str) -> None:
    import torch

    torch.manual_seed(1)
    phi = getattr(torch.nn, layer)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 7), phi(), torch.nn.Linear(7, 5, bias=False), phi(), torch.nn.Linear(5, 3)
    ).double()
    rows = torch.randn(30, 4, dtype=torch.float64)
    net = from_torch(model.state_dict())
    logits = model(rows).detach()
    assert forward(net.weights, net.biases, rows.numpy(), name).after[-1] == pytest.approx(logits.numpy(), abs=1e-12)
    assert not net.biases[1].any()
    recorder = Recorder(rows, activation=name, output="softmax")  # tensors are read as they are
    recorder(0, [model[0].weight, model[2].weight, model[4].weight], [model[0].bias, np.zeros(5), model[4].bias])
    seen = recorder.recording()
    p = torch.softmax(logits, dim=1)
    entropy = float(-(p * p.log()).sum(dim=1).mean())
    assert seen["entropy/shannon/output"][0] == pytest.approx(entropy, abs=1e-12)
    # the Jacobians by PyTorch's own derivatives
    row, volumes = rows[:1], []
    for i in (0, 2, 4):
        block = model[i] if i == 4 else torch.nn.Sequential(model[i], model[i + 1])
        jacobian = torch.autograd.functional.jacobian(block, row)[0, :, 0].numpy()
        volumes.append(np.log(np.maximum(np.linalg.svd(jacobian, compute_uv=False), 1e-300)))
        row = block(row).detach()
    one = record([net.weights], biases=[net.biases], X=rows[:1], activation=name)
    if name != "relu":  # there singular values of rows that sleep are zero, and left out
        assert one["log_volume/jacobian/layer"][0] == pytest.approx([v.sum() for v in volumes], abs=1e-9)
    else:
        assert one["log_volume/jacobian/layer"][0] == pytest.approx([v[v > -25].sum() for v in volumes], abs=1e-9)
        assert one["dropped/jacobian/layer"][0].tolist() == [(v <= -25).sum() for v in volumes]
        assert one["dropped/jacobian/layer"].sum() > 0


def test_files_that_pytorch_writes_and_types_that_numpy_has_not(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    exact = model[2].weight.detach().double().numpy()
    torch.save(model.state_dict(), tmp_path / "state.pt")
    assert from_torch(tmp_path / "state.pt").weights[1].tolist() == exact.tolist()
    save_file(model.state_dict(), tmp_path / "state.safetensors")
    assert from_torch(tmp_path / "state.safetensors").weights[1].tolist() == exact.tolist()
    half = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()}
    rounded = half["2.weight"].double().numpy()
    assert 0 < np.abs(rounded - exact).max() < 1e-2
    assert from_torch(half).weights[1].tolist() == rounded.tolist()
    save_file(half, tmp_path / "half.safetensors")
    assert from_torch(tmp_path / "half.safetensors").weights[1].tolist() == rounded.tolist()
    whole = {"epoch": 3, "model_state_dict": model.state_dict(), "loss": 0.5}
    torch.save(whole, tmp_path / "checkpoint.pt")
    assert from_torch(tmp_path / "checkpoint.pt", key="model_state_dict").names == ("0", "2")
    with pytest.raises(ProblemError, match=r"`key` must name the state dict.*'model_state_dict'"):
        from_torch(tmp_path / "checkpoint.pt")
    layer = model[0].state_dict()
    assert from_torch(layer).weights[0].shape == (6, 4)
    sparse = {"weight": model[0].weight.detach().to_sparse()}
    assert from_torch(sparse).weights[0] == pytest.approx(from_torch(layer).weights[0])
    assert log_volume(model[0].weight) == pytest.approx(log_volume(from_torch(layer).weights))


def test_pickled_code_is_never_run(tmp_path: Path) -> None:
    """A pickled model, and a file that would write another file when it is unpickled, are refused unread."""
    import torch

    model = torch.nn.Linear(2, 3)
    torch.save(model, tmp_path / "whole.pt")
    mark = tmp_path / "mark"
    torch.save({"weight": _Writes(mark)}, tmp_path / "code.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"weight": _Writes(mark)}, protocol=2))
    for name in ("whole.pt", "code.pt", "plain.pt"):
        with pytest.raises(ProblemError, match="saved state dict of plain tensors"):
            from_torch(tmp_path / name)
    assert not mark.exists()
    torch.load(tmp_path / "code.pt", weights_only=False)
    assert mark.exists()  # the test's file is one that would have done it


class _Writes:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_tensors_without_real_numbers_are_named() -> None:
    import torch

    with pytest.raises(ProblemError, match="complex numbers"):
        from_torch({"weight": torch.ones(3, 2, dtype=torch.complex64)})
    with pytest.raises(ProblemError, match=r"source\['weight'\]` must hold arrays"):
        from_torch({"weight": torch.empty(3, 2, device="meta")})
    with pytest.raises(ProblemError, match=r"model\.state_dict\(\)"):
        from_torch(torch.nn.Linear(2, 3))
