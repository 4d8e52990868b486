"""Models as XANESNET saves them, on state_dicts we build with its layer names."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from torch import nn

from xnet_exporter.export.xanesnet import import_xanesnet
from xnet_onnx import DataSetError, load_bundle
from xnet_onnx.bundle.load import read_models
from xnet_onnx.cli import main
from xnet_onnx.cli.verification import verify_bundle
from xnet_onnx.inference.ensemble import open_session, run_ensemble

pytestmark = pytest.mark.slow


class Cnn(nn.Module):
    """Layer names of XANESNET's CNN: conv_layers.I.(0|1|2), dense_layers.(1|2|3)."""

    def __init__(self, outputs: int, activation: nn.Module) -> None:
        super().__init__()
        blocks, channels = [], 1
        for filters in (2, 4):
            blocks.append(
                nn.Sequential(
                    nn.Conv1d(channels, filters, 8, 2),
                    nn.BatchNorm1d(filters),
                    activation,
                    nn.Dropout(0.2),
                )
            )
            channels = filters
        self.conv_layers = nn.Sequential(*blocks)
        width = self.conv_layers.eval()(torch.zeros(1, 1, 475)).numel()
        self.dense_layers = nn.Sequential(
            nn.Flatten(), nn.Linear(width, 32), activation, nn.Linear(32, outputs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.dense_layers(self.conv_layers(x.unsqueeze(1)))
        return result


class Mlp(nn.Module):
    """Layer names of XANESNET's MLP: dense_layers.(0|3|6)."""

    def __init__(self, outputs: int, activation: nn.Module) -> None:
        super().__init__()
        self.dense_layers = nn.Sequential(
            nn.Linear(475, 64), nn.Dropout(0.1), activation,
            nn.Linear(64, 32), nn.Dropout(0.1), activation,
            nn.Linear(32, outputs),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.dense_layers(x)
        return result


def make_model(folder: Path, kind: str, activation: str, outputs: int, members: int) -> list[nn.Module]:
    folder.mkdir()
    torch.manual_seed(3)
    made = []
    for i in range(members):
        layer = {"prelu": nn.PReLU(init=0.1 + 0.05 * i), "relu": nn.ReLU(), "tanh": nn.Tanh()}[activation]
        model = (Cnn if kind == "cnn" else Mlp)(outputs, layer)
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 1.5)
        target = folder if members == 1 else folder / f"model_{i + 1:03d}"
        target.mkdir(exist_ok=True)
        torch.save(model.state_dict(), target / "model_weights.pth")
        made.append(model.eval())
    metadata = {
        "mode": "train_xanes",
        "model": {"type": kind, "activation": activation, "in_size": 475, "stride": 2, "kernel_size": 8},
        "descriptors": [{"type": "wacsf", "r_min": 1.0, "r_max": 6.0, "n_g2": 50, "n_g4": 0}],
    }
    (folder / "metadata.yaml").write_text(yaml.dump_all([metadata]))
    return made


@pytest.mark.parametrize(
    ("kind", "activation", "outputs", "members"),
    [("cnn", "prelu", 51, 2), ("cnn", "tanh", 50, 1), ("mlp", "prelu", 50, 1), ("mlp", "relu", 51, 2)],
)
def test_parity(tmp_path: Path, kind: str, activation: str, outputs: int, members: int) -> None:
    models = make_model(tmp_path / "m", kind, activation, outputs, members)
    parity = import_xanesnet(tmp_path / "m", tmp_path / "b", name="imported", version="1")
    assert max(parity.values()) < 1e-5
    bundle = load_bundle(tmp_path / "b")
    verify_bundle(bundle)
    x = np.random.default_rng(0).uniform(0, 1.5, size=(6, 475)).astype(np.float32)
    found = run_ensemble(bundle, x, np.full(6, 26, dtype=np.int64))
    assert found.shape == (6, members, 50)
    for i, model in enumerate(models):
        with torch.no_grad():
            # XANESNET's vector starts with G1 where it has 51 values.
            expected = model(torch.from_numpy(x)).numpy()[:, -50:]
        np.testing.assert_allclose(found[:, i], expected, atol=1e-5)
        name = f"member_{i:02d}.onnx"
        single = open_session(read_models(bundle.path, [name], bundle.card)[name])
        np.testing.assert_allclose(single.run(None, {"spectrum": x})[0], expected, atol=1e-5)


def test_command(tmp_path: Path) -> None:
    make_model(tmp_path / "m", "cnn", "prelu", 51, 2)
    arguments = ["export", "--from-xanesnet", str(tmp_path / "m"), "--out", str(tmp_path / "b")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "b" / "member_01.onnx").is_file()


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("__import__('pathlib').Path('owned').touch()",)


def test_weights_are_data_not_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "m", "mlp", "relu", 50, 1)
    (tmp_path / "m" / "model_weights.pth").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(DataSetError, match="plain weights"):
        import_xanesnet(tmp_path / "m", tmp_path / "b", name="x", version="1")
    assert not (tmp_path / "owned").exists()
    assert not (tmp_path / "b").exists()


def test_errors(tmp_path: Path) -> None:
    def attempt(folder: Path) -> None:
        import_xanesnet(folder, tmp_path / "b", name="x", version="1")

    with pytest.raises(DataSetError, match="model folder of XANESNET"):
        attempt(tmp_path)
    make_model(tmp_path / "m", "cnn", "relu", 51, 1)
    metadata = yaml.safe_load((tmp_path / "m" / "metadata.yaml").read_text())
    for change, message in (
        ({"type": "gnn"}, "'gnn'"),
        ({"activation": "snake"}, "'snake'"),
        ({"stride": 3, "in_size": 475}, "number of energies"),
    ):
        changed = metadata | {"model": metadata["model"] | change}
        (tmp_path / "m" / "metadata.yaml").write_text(yaml.dump(changed))
        with pytest.raises(DataSetError, match=message):
            attempt(tmp_path / "m")
    (tmp_path / "m" / "metadata.yaml").write_text(yaml.dump(metadata))
    (tmp_path / "m" / "model_weights.pth").unlink()
    with pytest.raises(DataSetError, match=r"holds no model_weights\.pth"):
        attempt(tmp_path / "m")
