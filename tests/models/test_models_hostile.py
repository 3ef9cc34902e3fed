"""Model folders from people who mean harm, or whose disk did: a clear error each, nothing run, nothing written."""

import json
import os
import pickle
import shutil
import struct
import sys
from pathlib import Path

import pytest

from spantune.errors import ConfigError, ModelError, RunError, SpantuneError
from spantune.models import load_classifier, load_reader, load_tokenizer, open_reader
from spantune.runs import load_run, read_facts

MARK = "SPANTUNE_WAS_RUN"


class Bomb:
    """A pickle that leaves a mark when it is read."""

    def __reduce__(self):
        return (os.putenv, (MARK, "1"))


CODE = f"import os, pathlib\nos.environ['{MARK}'] = '1'\npathlib.Path(__file__).with_name('ran').touch()\n"


def setting(file, **changes):
    def change(folder):
        path = folder / file
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        path.write_text(json.dumps({**content, **changes}), encoding="utf-8")

    return change


def config(**changes):
    return setting("config.json", **changes)


def tokenizer(**changes):
    return setting("tokenizer_config.json", **changes)


def content(file, of):
    return lambda folder: (folder / file).write_bytes(of if isinstance(of, bytes) else of.encode())


def code(file, **changes):
    def change(folder):
        (folder / "evil.py").write_text(CODE, encoding="utf-8")
        setting(file, **changes)(folder)

    return change


def without(file):
    return lambda folder: (folder / file).unlink()


def link(name, to):
    def change(folder):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(to)

    return change


def pickled(name, *, alone):
    def change(folder):
        (folder / name).write_bytes(pickle.dumps(Bomb()))
        if alone:
            (folder / "model.safetensors").unlink()

    return change


def sharded(names, *, there=()):
    def change(folder):
        (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
        index = {"metadata": {}, "weight_map": {f"weight.{number}": name for number, name in enumerate(names)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
        for name in there:
            (folder / name).write_bytes(b"")

    return change


def weights(of):
    return lambda folder: (folder / "model.safetensors").write_bytes(of((folder / "model.safetensors").read_bytes()))


def header(text):
    return weights(lambda _: struct.pack("<Q", len(text)) + text)


def adapter(**changes):
    """The folder becomes an adapter's alone."""

    def change(folder):
        for file in list(folder.iterdir()):
            file.unlink()
        wrong = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "base_model_name_or_path": "embedded", **changes}
        (folder / "adapter_config.json").write_text(json.dumps(wrong), encoding="utf-8")
        (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")

    return change


REMOTE = {"auto_map": {"AutoConfig": "evil.Config", "AutoModelForQuestionAnswering": "evil.Model"}}
DEEP = "[" * 100_000 + "]" * 100_000

FOLDERS = {
    # code
    "auto_map in the config": (code("config.json", **REMOTE), "runs no code"),
    "auto_map of the Hub": (config(auto_map={"AutoModel": "somebody/evil--evil.Model"}), "runs no code"),
    "auto_map and an unknown type": (code("config.json", model_type="evil", **REMOTE), "runs no code"),
    "auto_map in a part of the config": (config(text_config=REMOTE), "runs no code"),
    "auto_map in a list": (config(parts=[REMOTE]), "runs no code"),
    "auto_map in the tokenizer": (
        code("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Slow", "evil.Fast"]}),
        "no code",
    ),
    "auto_map as a list": (code("tokenizer_config.json", auto_map=["evil.Slow", None]), "runs no code"),
    "trust_remote_code in the config": (config(trust_remote_code=True), "asks to be trusted"),
    "trust_remote_code in the tokenizer": (tokenizer(trust_remote_code=True), "asks to be trusted"),
    "custom_pipelines": (code("config.json", custom_pipelines={"qa": {"impl": "evil.Pipeline"}}), "runs no code"),
    "custom_generate": (setting("generation_config.json", custom_generate="somebody/evil"), "runs no code"),
    "kernel_config": (config(kernel_config={"Linear": "somebody/evil:Linear"}), "runs no code"),
    "a kernel of the Hub": (config(attn_implementation="kernels-community/flash-attn"), "a kernel to be loaded"),
    "a kernel of the Hub, inside": (config(_attn_implementation_internal="somebody/evil"), "a kernel to be loaded"),
    "a kernel of the Hub, old name": (config(_attn_implementation="somebody/evil@main:attend"), "a kernel to be loaded"),
    "a kernel of experts": (config(_experts_implementation="somebody/evil"), "a kernel to be loaded"),
    "a kernel of experts, inside": (config(_experts_implementation_internal="somebody/evil"), "a kernel to be loaded"),
    "a kernel for each part": (config(attn_implementation={"": "somebody/evil"}), "a kernel to be loaded"),
    "a kernel in a part": (config(text_config={"_attn_implementation_internal": "somebody/evil"}), "a kernel to be loaded"),
    "an adapter's class": (adapter(auto_mapping={"base_model_class": "x", "parent_library": "evil"}), "names a library"),
    "another file for the config": (
        lambda folder: (
            code("config.9.json", model_type="evil", **REMOTE)(folder),
            config(configuration_files=["config.9.json"])(folder),
        ),
        "runs no code",
    ),
    # pickles
    "a pickle alone": (pickled("pytorch_model.bin", alone=True), "pickles only"),
    "a .pt alone": (pickled("model.pt", alone=True), "pickles only"),
    "a .ckpt alone": (pickled("model.ckpt", alone=True), "pickles only"),
    "a pickle named safetensors": (weights(lambda _: pickle.dumps(Bomb())), "no header|header of"),
    "a zip named safetensors": (weights(lambda _: b"PK\x03\x04" + b"\0" * 60), "header of"),
    "weights named to be a pickle": (config(transformers_weights="pytorch_model.bin"), "a file that is not to be read"),
    # ways out of the folder
    "weights out of the folder": (config(transformers_weights="../../etc/passwd"), "a file that is not to be read"),
    "a vocabulary out of the folder": (tokenizer(vocab_file="../secret.txt"), "a file that is not to be read"),
    "a vocabulary by its root": (tokenizer(vocab_file="/etc/passwd"), "a file that is not to be read"),
    "a tokenizer file out of the folder": (tokenizer(tokenizer_file="..\\..\\secret.json"), "a file that is not to be read"),
    "merges out of the folder": (tokenizer(merges_file="a/../../merges.txt"), "a file that is not to be read"),
    "a config that is a link out": (link("config.json", "/etc/hostname"), "points out of the folder"),
    "weights that are a link out": (link("model.safetensors", "/etc/passwd"), "points out of the folder"),
    "a tokenizer that is a link out": (link("tokenizer.json", "/etc/passwd"), "points out of the folder"),
    "a link to an endless file": (link("vocab.txt", "/dev/zero"), "points out of the folder"),
    "a link to nothing": (link("extra.json", "nowhere"), "points nowhere"),
    "a link to itself": (link("loop.json", "loop.json"), "points nowhere"),
    "a pipe": (lambda folder: os.mkfifo(folder / "vocab.txt"), "neither a file nor a folder"),
    "an index out of the folder": (sharded(["../../weights.safetensors"]), "names of"),
    "an index by its root": (sharded(["/etc/passwd"]), "names of"),
    "an index of pickles": (sharded(["pytorch_model.bin"]), "names of"),
    "an index with a NUL": (sharded(["a\0.safetensors"]), "names of"),
    # what is missing
    "a part that is missing": (
        sharded(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]),
        "lacks model-00002",
    ),
    "every part missing": (sharded(["a.safetensors", "b.safetensors"]), "lacks a.safetensors"),
    "an empty part": (
        sharded(["model-00001-of-00002.safetensors", "b.safetensors"], there=["b.safetensors"]),
        "0 bytes and no header",
    ),
    "an index without a map": (
        lambda folder: (sharded([])(folder), setting("model.safetensors.index.json", weight_map=3)(folder)),
        "no weight_map",
    ),
    "an index that is a list": (
        lambda folder: (sharded([])(folder), content("model.safetensors.index.json", "[]")(folder)),
        "holds a list",
    ),
    "no config": (without("config.json"), "has no config.json"),
    "no weights": (without("model.safetensors"), "holds no weights"),
    # sizes
    "a huge header": (weights(lambda _: struct.pack("<Q", 2**40) + b"{}"), "a header of 1,099,511,627,776 bytes"),
    "a header without end": (weights(lambda _: struct.pack("<Q", 2**64 - 1)), "a header of"),
    "a header beyond the file": (weights(lambda whole: whole[:100]), "a header of"),
    "seven bytes": (weights(lambda _: b"\0" * 7), "no header"),
    "an empty file of weights": (weights(lambda _: b""), "no header"),
    "a billion layers": (config(num_hidden_layers=10**9), "num_hidden_layers = 1,000,000,000"),
    "minus one layer": (config(num_hidden_layers=-1), "num_hidden_layers = -1"),
    "a billion blocks, in a list": (config(block_sizes=[4, 10**9]), "block_sizes = 1,000,000,000"),
    "a billion words": (config(vocab_size=10**9), "vocab_size = 1,000,000,000"),
    "a billion positions": (config(max_position_embeddings=10**9), "max_position_embeddings"),
    "a width beyond memory": (config(hidden_size=10**7), "hidden_size = 10,000,000"),
    "a layer beyond memory": (config(intermediate_size=10**8), "intermediate_size = 100,000,000"),
    "a billion buckets": (config(relative_attention_num_buckets=10**9), "relative_attention_num_buckets"),
    "an embedding beyond memory": (config(embedding_size=10**8), "embedding_size = 100,000,000"),
    "a config of 11 MB": (content("config.json", '{"a": "' + "x" * (11 << 20) + '"}'), "bytes"),
    # what is no settings file
    "a config that is no JSON": (content("config.json", "{"), "cannot be read"),
    "a config of another encoding": (content("config.json", b"\xff\xfe{}"), "cannot be read"),
    "a config that is a list": (content("config.json", "[]"), "cannot be loaded.*holds a list"),
    "a config as deep as a well": (content("config.json", DEEP), "cannot be read"),
    "a tokenizer's settings that are a text": (content("tokenizer_config.json", '"evil"'), "holds a str"),
    "a header that is no JSON": (header(b"not json"), "cannot be loaded"),
    "a header of overlapping weights": (
        header(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}'),
        "cannot be loaded",
    ),
    "a header of weights beyond the file": (
        header(b'{"a":{"dtype":"F32","shape":[9999999],"data_offsets":[0,39999996]}}'),
        "cannot be loaded",
    ),
    "an adapter without a base": (adapter(base_model_name_or_path=None), "does not say which model"),
    "an adapter of a path that is not there": (adapter(base_model_name_or_path="../../nowhere"), "no model folder"),
    "an adapter of endless rank": (adapter(r=0), "r is 0"),
}


def test_the_corpus_is_as_large_as_promised():
    assert len(FOLDERS) >= 60


def everything_below(folder):
    return {path: path.lstat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_bad_folder_is_refused_and_neither_run_nor_written_to(name, tiny_model_folder, tmp_path, monkeypatch):
    change, told = FOLDERS[name]
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    (tmp_path / "secret.txt").write_text("secret")
    change(folder)
    before, modules = everything_below(tmp_path), set(sys.modules)
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    loads = [load_reader, open_reader, lambda where: load_classifier(where, ["a", "b"])]
    if "tokenizer" in name or "vocabulary" in name or "merges" in name:
        loads.append(load_tokenizer)
    for load in loads:
        with pytest.raises(ModelError, match=told) as caught:
            load(str(folder))
        assert "secret" not in caught.value.found.replace("secret.txt", "").replace("secret.json", "")
    assert MARK not in os.environ
    assert os.getenv(MARK) is None
    assert everything_below(tmp_path) == before
    assert not any("evil" in module for module in set(sys.modules) - modules)


def test_a_template_of_a_tokenizer_is_never_rendered(tiny_model_folder, tmp_path, wordpiece):
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    evil = "{{ ''.__class__.__mro__[1].__subclasses__() }}{% for x in range(99999999999) %}{% endfor %}"
    tokenizer(chat_template=evil)(folder)
    (folder / "chat_template.jinja").write_text(evil)
    assert load_tokenizer(str(folder))("a b c").input_ids == wordpiece("a b c").input_ids


@pytest.mark.parametrize(
    "name", ["../../x", "~nobody/x", "a\0b", "/", "", "x" * 5000, "a/b/c", "C:\\x", "file:///etc/passwd", "."]
)
@pytest.mark.parametrize("load", [load_reader, load_tokenizer, read_facts, load_run])
def test_odd_names_of_models_and_runs_are_told(name, load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((SpantuneError, ConfigError, RunError)):
        load(name) if name or load not in (load_reader, load_tokenizer) else load(str(Path("missing") / "x" / "y"))
    assert not list(tmp_path.iterdir())


def test_a_snapshot_of_the_hubs_cache_is_made_of_links_and_is_read(tiny_model_folder, tmp_path):
    cached = tmp_path / "models--somebody--small"
    (cached / "blobs").mkdir(parents=True)
    (cached / "snapshots" / "0123").mkdir(parents=True)
    for file in tiny_model_folder.iterdir():
        shutil.copy(file, cached / "blobs" / file.name)
        (cached / "snapshots" / "0123" / file.name).symlink_to(Path("../../blobs") / file.name)
    assert load_reader(str(cached / "snapshots" / "0123")).config.hidden_size == 32
