"""Writes ``torch_mlp.safetensors``: a perceptron that PyTorch trained, some rows, and what PyTorch computes for them.

Run it where PyTorch and safetensors are installed: ``python make_torch_file.py``.
"""

from __future__ import annotations

from pathlib import Path

SIZES = (4, 5, 6, 5, 4, 6, 3)  # more than ten modules: "10.weight" comes after "2.weight"


def main() -> None:
    """Train for 50 steps, so that no weight is as it was initialised, and write."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(3)
    parts: list[torch.nn.Module] = []
    for i, (inputs, outputs) in enumerate(zip(SIZES, SIZES[1:])):
        parts.append(torch.nn.Linear(inputs, outputs, bias=i != 2))
        parts.append(torch.nn.ReLU())
    model = torch.nn.Sequential(*parts[:-1])
    rows = torch.randn(7, SIZES[0])
    labels = torch.randint(0, SIZES[-1], (7,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(50):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(rows), labels).backward()
        optimizer.step()
    with torch.no_grad():
        tensors = {**model.state_dict(), "rows": rows, "logits": model(rows)}
    save_file(tensors, str(Path(__file__).with_name("torch_mlp.safetensors")))


if __name__ == "__main__":
    main()
