"""A run is exported, measured and read again: the same answers, from a folder that needs no PyTorch."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import WINDOWS, made_examples, tokenizer_of
from transformers import AutoModelForQuestionAnswering as AutoReader
from transformers import (
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    RobertaConfig,
)

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from spantune.errors import ConfigError, EmptyDataError, MissingDataError, ModelError, RunError
from spantune.export import Limits, export_run
from spantune.export.exporting import logit_difference
from spantune.export.graph import adds_up, fuse, fused_nodes, quantise, write_onnx, write_openvino
from spantune.features import encode
from spantune.inference import Reader
from spantune.inference.cores import physical_cores
from spantune.inference.exported import ENGINES, ExportedReader
from spantune.inference.exported.reader import Scoring
from spantune.road.exporting import export_reader

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
DEBERTA_V3 = {
    "type_vocab_size": 0,
    "relative_attention": True,
    "position_biased_input": False,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 32,
    "max_relative_positions": -1,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
}
OF_MODERNBERT = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
# family: its tokenizer, its configuration, and how many nodes of fused attention two layers become
FAMILIES = {
    "bert": ("wordpiece", BertConfig, SMALL, 2),
    "roberta": ("bpe", RobertaConfig, {**SMALL, "type_vocab_size": 1, "max_position_embeddings": 514}, 2),
    "distilbert": ("wordpiece", DistilBertConfig, {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}, 2),
    "electra": ("wordpiece", ElectraConfig, {**SMALL, "embedding_size": 16}, 2),
    "deberta-v2": ("unigram", DebertaV2Config, {**SMALL, **DEBERTA_V3}, 0),
    "modernbert": ("bpe", ModernBertConfig, {**SMALL, **OF_MODERNBERT, "max_position_embeddings": 600}, 0),
}
EXAMPLES = made_examples(12, seed=5)
ANY_SPEED = Limits(f1=100.0, speed=0.0)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, reader_run):
    return export_run(reader_run, EXAMPLES, out=tmp_path_factory.mktemp("exports") / "onnx", limits=ANY_SPEED)


def model_of(family):
    kind, config_type, options, fused = FAMILIES[family]
    tokenizer = tokenizer_of(kind)
    torch.manual_seed(3)
    model = AutoReader.from_config(
        config_type(**{"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, **options})
    ).eval()
    with torch.no_grad():  # weights as drawn give logits near 0, where nothing would differ
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.normal_(0, 0.25)
    return model, encode(made_examples(8), tokenizer, WINDOWS), fused


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_scores_windows_of_all_lengths_as_torch_does_and_attention_is_fused_where_it_is_known(family, tmp_path):
    model, windows, fused = model_of(family)
    inputs = write_onnx(model, tmp_path / "plain.onnx")
    fuse(tmp_path / "plain.onnx", tmp_path / "model.onnx", 2, 32)
    assert len(set(windows.lengths.tolist())) > 2
    scoring = Scoring(ENGINES["onnx"](tmp_path / "model.onnx", 1), inputs)
    assert logit_difference(model, scoring, windows) < 1e-4
    assert sum(fused_nodes(tmp_path / "model.onnx").values()) == fused


def test_attention_stays_fused_in_8_bits_and_scores_stay_near(tmp_path):
    model, windows, fused = model_of("bert")
    inputs = write_onnx(model, tmp_path / "plain.onnx")
    fuse(tmp_path / "plain.onnx", tmp_path / "fused.onnx", 2, 32)
    quantise(tmp_path / "fused.onnx", tmp_path / "model.onnx")
    assert fused_nodes(tmp_path / "model.onnx") == {"QAttention": fused}
    scoring = Scoring(ENGINES["onnx"](tmp_path / "model.onnx", 1), inputs)
    assert 0 < logit_difference(model, scoring, windows) < 2


def test_openvino_scores_as_torch_does(tmp_path):
    pytest.importorskip("openvino")
    model, windows, _ = model_of("bert")
    inputs = write_onnx(model, tmp_path / "plain.onnx")
    write_openvino(tmp_path / "plain.onnx", tmp_path / "model.xml")
    assert logit_difference(model, Scoring(ENGINES["openvino"](tmp_path / "model.xml", 1), inputs), windows) < 1e-4


def test_the_exported_folder_answers_as_the_run_does(exported, reader_run):
    mine, theirs = ExportedReader.load(exported.folder), Reader.load(reader_run)
    for found, wanted in zip(mine.answer_many(EXAMPLES, top=3), theirs.answer_many(EXAMPLES, top=3), strict=True):
        assert (found.id, found.text, found.start, found.end) == (wanted.id, wanted.text, wanted.start, wanted.end)
        assert found.probability == pytest.approx(wanted.probability, abs=1e-4)
    one = EXAMPLES[0]
    assert mine.answer(one.question, one.context).text == theirs.answer(one.question, one.context).text
    assert [token.token for token in mine.trace(one.question, one.context).windows[0].tokens] == [
        token.token for token in theirs.trace(one.question, one.context).windows[0].tokens
    ]


def test_an_export_tells_what_was_measured(exported):
    written = json.loads((exported.folder / "export.json").read_text(encoding="utf-8"))
    report = written["report"]
    assert report["comparison"]["questions"] == len(EXAMPLES)
    assert report["comparison"]["exported"]["f1"] == exported.comparison.exported.f1
    assert report["fused"] == dict(exported.fused)
    assert set(written["files"]) == {"model.onnx", "tokenizer.json"}
    assert {"torch", "onnxruntime", "spantune"} <= set(report["versions"])
    assert math.isfinite(exported.logit_difference)
    assert {path.name for path in exported.folder.iterdir()} == {"model.onnx", "tokenizer.json", "export.json"}


def test_an_export_that_is_too_slow_leaves_the_run_as_it_was_unless_forced(reader_run, tmp_path):
    never = Limits(speed=1e9)
    with pytest.raises(ModelError, match="questions a second"):
        export_run(reader_run, EXAMPLES, out=tmp_path / "made", limits=never)
    assert not list(tmp_path.iterdir())
    made = export_run(reader_run, EXAMPLES, out=tmp_path / "made", limits=never, force=True)
    assert made.refused
    assert json.loads((tmp_path / "made" / "export.json").read_text(encoding="utf-8"))["report"]["refused"] == list(
        made.refused
    )
    again = export_run(reader_run, EXAMPLES, out=tmp_path / "made", limits=ANY_SPEED)
    assert not again.refused
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "accelerate", "peft", "onnx", "matplotlib"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
from spantune.data import Example
from spantune.inference.exported import ExportedReader

reader = ExportedReader.load(sys.argv[1])
context = "Paris is the capital of France."
print(reader.answer("What is the capital?", context).text)
print(next(reader.answer_many([Example("a", "What is the capital?", context)])).text)
"""


def test_an_exported_folder_answers_where_torch_and_transformers_are_not_installed(exported, reader_run):
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(exported.folder)], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    wanted = Reader.load(reader_run).answer("What is the capital?", "Paris is the capital of France.").text
    assert run.stdout.splitlines() == [wanted, wanted]


def test_an_exported_folder_answers_across_contexts_as_the_run_does(exported, reader_run):
    contexts = [one.context for one in EXAMPLES]
    there, here = ExportedReader.load(exported.folder), Reader.load(reader_run, precision="fp32")
    found = [[one.context for one in reader.best_of(EXAMPLES[0].question, contexts, 3)] for reader in (there, here)]
    assert found[0] == found[1]


def test_a_file_that_was_changed_is_not_answered_from(exported, tmp_path):
    for name in ("model.onnx", "tokenizer.json", "export.json"):
        (tmp_path / name).write_bytes((exported.folder / name).read_bytes())
    content = bytearray((tmp_path / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(RunError, match="not the file that was exported"):
        ExportedReader.load(tmp_path)
    (tmp_path / "export.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be read"):
        ExportedReader.load(tmp_path)


def test_what_cannot_be_exported_is_told(reader_run, classifier_run, data_folder, tmp_path):
    with pytest.raises(RunError, match="no exported model"):
        ExportedReader.load(reader_run)
    with pytest.raises(MissingDataError, match="hashes of its held-out records"):
        export_reader(reader_run, [])
    with pytest.raises(RunError, match="classify"):
        export_reader(classifier_run, [data_folder / "texts.json"])
    with pytest.raises(EmptyDataError):
        export_run(reader_run, [])
    with pytest.raises(ConfigError, match="tflite"):
        export_run(reader_run, EXAMPLES, format="tflite")
    with pytest.raises(ConfigError, match="int8 with OpenVINO"):
        export_run(reader_run, EXAMPLES, format="openvino", int8=True)
    (tmp_path / "mine.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(RunError, match="no export"):
        export_run(reader_run, EXAMPLES, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_hyper_threads_of_one_core_count_once(tmp_path):
    for processor, siblings in enumerate(("0-1", "0-1", "2-3", "2-3")):
        place = tmp_path / f"cpu{processor}" / "topology"
        place.mkdir(parents=True)
        (place / "thread_siblings_list").write_text(f"{siblings}\n", encoding="ascii")
    assert physical_cores(frozenset({0, 1, 2, 3}), tmp_path) == 2
    assert physical_cores(frozenset({0, 1}), tmp_path) == 1
    assert physical_cores() >= 1


def test_weights_get_7_bits_only_where_sums_of_16_bits_could_overflow(tmp_path):
    (tmp_path / "new").write_text("flags : avx2 avx512_vnni", encoding="ascii")
    (tmp_path / "old").write_text("flags : avx2 avx512f", encoding="ascii")
    assert adds_up(tmp_path / "new")
    assert not adds_up(tmp_path / "old")
    assert not adds_up(tmp_path / "none")


def test_numbers_of_the_engine_are_float32(exported):
    reader = ExportedReader.load(exported.folder, threads=1)
    windows = reader._answering.encode(EXAMPLES)
    assert {batch.start.dtype for batch in reader._answering.score(windows)} == {np.dtype(np.float32)}
