"""Weights on disk: what is saved is loaded, and every kind of damage is named."""

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

from pipelines.errors import ModelError
from pipelines.models import registry
from pipelines.models.network import vocabulary
from pipelines.models.starter import load_starter
from pipelines.models.weights import load_config, load_weights, save_weights


@pytest.fixture
def files(starter_files, tmp_path):
    """A copy of a starter that may be damaged."""
    return shutil.copytree(starter_files, tmp_path / "copy")


def change_config(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def tensors(*sizes):
    generator = torch.Generator().manual_seed(0)
    return {f"layer.{i}": torch.randn(size, generator=generator) for i, size in enumerate(sizes)}


def test_weights_come_back_as_they_are_in_bf16(tmp_path):
    made = tensors((3, 5), (7,), (2, 2, 2))
    save_weights(made, {"kind": "image"}, tmp_path)
    read = load_weights(tmp_path)
    assert set(read) == set(made)
    assert all(read[k].dtype == torch.float32 and torch.equal(read[k], made[k].bfloat16().float()) for k in made)
    assert load_config(tmp_path)["kind"] == "image"


def test_large_weights_are_cut_into_small_files(tmp_path):
    made = tensors(*[(1_500_000,)] * 8)  # 3 MB each
    save_weights(made, {}, tmp_path)
    sizes = [path.stat().st_size for path in tmp_path.glob("weights-*.safetensors")]
    assert len(sizes) == 3 and max(sizes) < 10_000_000 and sum(sizes) > 24_000_000
    assert set(load_weights(tmp_path)) == set(made)


def test_saving_smaller_weights_leaves_no_old_file(tmp_path):
    save_weights(tensors(*[(4_000_000,)] * 3), {}, tmp_path)
    assert len(list(tmp_path.glob("weights-*"))) == 3
    save_weights(tensors((4,)), {}, tmp_path)
    assert [path.name for path in tmp_path.glob("weights-*")] == ["weights-01.safetensors"]
    assert set(load_weights(tmp_path)) == {"layer.0"}


def test_a_loaded_starter_gives_the_velocities_of_the_saved_one(tiny_starter, starter_files):
    loaded = load_starter(starter_files)
    x = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    sigma = torch.tensor([0.5])
    v = [m.velocity(x, sigma, m.encode(["a red apple"])) for m in (tiny_starter, loaded)]
    assert (v[0] - v[1]).norm() / v[0].norm() < 0.02  # bf16 keeps eight bits
    again = load_starter(starter_files)
    assert torch.equal(v[1], again.velocity(x, sigma, again.encode(["a red apple"])))


def test_loading_leaves_the_global_generator_alone(starter_files):
    before = torch.random.get_rng_state()
    load_starter(starter_files)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_shard_is_named(files, damage):
    path = files / "weights-01.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes({"flip": bytes(data), "cut": bytes(data[:-100]), "empty": b""}[damage])
    with pytest.raises(ModelError, match="weights-01.safetensors.*'copy'.*wrong checksum"):
        load_starter(files)


def test_a_shard_that_hashes_right_but_cannot_be_read_is_named(files):
    import hashlib

    (files / "weights-01.safetensors").write_bytes(b"nonsense")
    digest = hashlib.sha256(b"nonsense").hexdigest()
    change_config(files, lambda c: c["shards"].update({"weights-01.safetensors": digest}))
    with pytest.raises(ModelError, match="weights-01.safetensors.*'copy'.*cannot be read"):
        load_starter(files)


def test_a_missing_shard_is_named(files):
    (files / "weights-01.safetensors").unlink()
    with pytest.raises(ModelError, match="weights-01.safetensors.*'copy'.*missing"):
        load_starter(files)


def test_a_missing_starter_is_named(tmp_path):
    with pytest.raises(ModelError, match="no starter in 'nowhere'.*config.json"):
        load_starter(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"shards": 5}', '{"shards": []}'])
def test_a_damaged_config_is_named(files, text):
    (files / "config.json").write_text(text)
    with pytest.raises(ModelError, match="config.json of 'copy' is damaged"):
        load_starter(files)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("backbone"),
        lambda c: c.pop("text_length"),
        lambda c: c.update(backbone=3),
        lambda c: c["backbone"].update(windows=7),
        lambda c: c["backbone"].pop("channels"),
    ],
)
def test_a_config_of_another_version_is_named(files, change):
    change_config(files, change)
    with pytest.raises(ModelError, match="config.json of 'copy' does not fit this version"):
        load_starter(files)


@pytest.mark.parametrize(
    "change, odd",
    [
        ({"depth": 3}, "backbone.blocks.2.attention"),
        ({"depth": 1}, "backbone.blocks.1.attention"),
        ({"dim": 64}, "backbone"),
        ({"channels": 3}, "backbone.embed.0.weight"),
    ],
)
def test_weights_that_do_not_fit_their_config_are_named(files, change, odd):
    change_config(files, lambda c: c["backbone"].update(change))
    with pytest.raises(ModelError, match=f"weights of 'copy' do not fit its config.*{odd}"):
        load_starter(files)


def test_a_config_that_cannot_be_built_is_refused(files):
    change_config(files, lambda c: c["backbone"].update(heads=5))
    with pytest.raises(ModelError, match="dim 32 over 5 heads"):
        load_starter(files)


@pytest.fixture
def words(tmp_path):
    """Three words and their vectors; the shipped ones are read again afterwards."""
    (tmp_path / "words.txt").write_text("red\napple\ndog\n")
    save_file({"vectors": torch.arange(6.0).reshape(3, 2).half()}, tmp_path / "vectors.safetensors")
    yield tmp_path
    vocabulary.cache_clear()


def test_vectors_follow_two_rows_of_zeros(words):
    found, table = vocabulary(words)
    assert found == ("red", "apple", "dog")
    assert table.tolist() == [[0, 0], [0, 0], [0, 1], [2, 3], [4, 5]]


def test_words_without_vectors_are_counted(words):
    (words / "words.txt").write_text("red apple")
    with pytest.raises(ModelError, match="2 words but 3 vectors"):
        vocabulary(words)


@pytest.mark.parametrize("name", ["words.txt", "vectors.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_a_damaged_vocabulary_is_refused(words, name, damage):
    if damage == "missing":
        (words / name).unlink()
    else:
        (words / name).write_bytes(b"\xff\xfe\x80 garbage")
    with pytest.raises(ModelError, match="vocabulary cannot be read"):
        vocabulary(words)


def test_the_shipped_vocabulary_knows_common_words():
    found, table = vocabulary()
    assert len(found) == len(set(found)) == len(table) - 2 > 10_000
    assert {"red", "apple", "dog", "sticker", "cartoon"} <= set(found) and not {"a", "the"} & set(found)


def test_an_unknown_model_is_refused_with_the_choices():
    with pytest.raises(ModelError, match="unknown image model 'best'; choose one of starter"):
        registry.load("image", "best")
    with pytest.raises(ModelError, match="unknown smell model"):
        registry.load("smell", "starter")
    assert registry.names("image") == ["starter"] and registry.names("smell") == []
