"""Adapters that other tools made, and vectors before the text of models of many kinds: right, or refused with the reason."""

import copy
import json
import shutil
import sys
from pathlib import Path

import huggingface_hub.constants as hub
import peft
import pytest
import torch
from conftest import quick_config
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    DebertaV2Config,
    DebertaV2ForQuestionAnswering,
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    ElectraConfig,
    ElectraForQuestionAnswering,
    ModernBertConfig,
    ModernBertForQuestionAnswering,
)

from spantune.config import ModelConfig, TrainingConfig
from spantune.errors import ModelError, WindowError
from spantune.inference import Reader
from spantune.models import load_tokenizer
from spantune.models.loading import pinned
from spantune.models.merging import merge_adapter
from spantune.models.methods import prepare
from spantune.models.quiet import quiet
from spantune.road import train_run

SMALL = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SIZES = {**SMALL, "vocab_size": 60, "max_position_embeddings": 64}
IDS = torch.arange(2, 12)[None]


def bert():
    torch.manual_seed(0)
    return BertForQuestionAnswering(BertConfig(hidden_size=16, **SIZES)).eval()


def start_logits(model):
    with torch.no_grad():
        return model(input_ids=IDS, attention_mask=torch.ones_like(IDS)).start_logits


def adapted(base, folder, **settings):
    """The adapter of a model of PEFT's own in a folder; what that model says."""
    given = {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value"], "modules_to_save": ["qa_outputs"], **settings}
    with quiet():
        wrapped = peft.get_peft_model(copy.deepcopy(base), peft.LoraConfig(**given)).eval()
        with torch.no_grad():
            for one in wrapped.parameters():
                if one.requires_grad:
                    one.add_(torch.randn_like(one) * 0.3)
        wrapped.save_pretrained(str(folder))
    return start_logits(wrapped)


def test_an_adapter_of_peft_s_own_says_what_it_says_there(tmp_path):
    base = bert()
    said = adapted(base, tmp_path)
    merge_adapter(base, tmp_path)
    assert torch.allclose(start_logits(base), said, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"target_modules": ["query", "word_embeddings"]}, "lora_embedding_A"),
        ({"bias": "lora_only"}, "base_layer.bias"),
        ({"bias": "all"}, "base_layer.bias"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights = pissa"),
        ({"init_lora_weights": "olora"}, "init_lora_weights = olora"),
    ],
)
def test_an_adapter_that_holds_more_than_updates_is_refused_and_the_model_stays(tmp_path, settings, told):
    """Previously what was more was left out without a word, and the model gave other answers."""
    base = bert()
    before = start_logits(base)
    adapted(base, tmp_path, **settings)
    with pytest.raises(ModelError, match=told) as refused:
        merge_adapter(base, tmp_path)
    assert "merge_and_unload" in refused.value.next_move
    assert torch.equal(start_logits(base), before)


def test_an_adapter_s_own_revision_of_its_base_is_pinned(tmp_path, monkeypatch):
    """Previously the newest commit was noted, and trained from, which may be another model."""
    cached = tmp_path / "cache" / "models--somebody--small-bert"
    (cached / "refs").mkdir(parents=True)
    for name, commit in (("main", "0" * 40), ("v1", "1" * 40)):
        (cached / "refs" / name).write_text(commit)
        bert().save_pretrained(cached / "snapshots" / commit)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "cache"))
    adapter = tmp_path / "adapter"
    adapted(bert(), adapter)
    file = adapter / "adapter_config.json"
    named = {"base_model_name_or_path": "somebody/small-bert", "revision": "v1"}
    file.write_text(json.dumps({**json.loads(file.read_text()), **named}))
    assert pinned(ModelConfig(name=str(adapter))).revision == "1" * 40


DISTILBERT = {"vocab_size": 60, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 64}
TOKENS = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 1)
OTHERS = {
    "distilbert": lambda: DistilBertForQuestionAnswering(DistilBertConfig(**DISTILBERT)),
    "deberta-v2": lambda: DebertaV2ForQuestionAnswering(DebertaV2Config(hidden_size=16, **SIZES)),
    "electra": lambda: ElectraForQuestionAnswering(ElectraConfig(embedding_size=8, hidden_size=16, **SIZES)),
    "modernbert": lambda: ModernBertForQuestionAnswering(ModernBertConfig(hidden_size=16, **SIZES, **TOKENS)),
}


@pytest.mark.parametrize("method", ["prompt", "p-tuning"])
@pytest.mark.parametrize("kind", OTHERS)
def test_vectors_go_before_the_text_of_models_whose_sizes_have_other_names(kind, method):
    """Previously PEFT's errors reached the user: it looks for BERT's names, and tokens embedded as wide as the layers."""
    model = OTHERS[kind]().eval()
    before = start_logits(model)
    prepared = prepare(model, TrainingConfig(method=method, virtual_tokens=5))
    after = start_logits(prepared.model.eval())
    assert after.shape == before.shape
    assert not torch.equal(after, before)


@pytest.mark.parametrize("kind", ["distilbert", "deberta-v2", "modernbert"])
def test_a_model_that_takes_no_prefix_is_told_before_training(kind):
    """Previously two of these ended in a traceback, and ModernBERT was trained without its prefix having any part in it."""
    with pytest.raises(ModelError, match=f"training.method = prefix does not work with a {kind} model") as refused:
        prepare(OTHERS[kind](), TrainingConfig(method="prefix", virtual_tokens=5))
    assert "lora" in refused.value.next_move


def test_vectors_that_leave_no_room_for_text_are_told_by_their_own_setting():
    """Previously a window of -6 tokens was recommended."""
    with pytest.raises(WindowError, match=r"training.virtual_tokens = 70 for a bert model with 64 positions") as refused:
        prepare(bert(), TrainingConfig(method="prompt", virtual_tokens=70))
    assert refused.value.next_move == "--set training.virtual_tokens=48"


def test_vectors_are_put_before_their_model_from_any_folder(tiny_model_folder, data_folder, tmp_path, monkeypatch):
    """Previously the model's path was noted as it was typed: from another folder it was taken for a name of the Hub."""
    monkeypatch.chdir(tiny_model_folder.parent)
    config = quick_config(tiny_model_folder.name, method="prompt", virtual_tokens=3, epochs=1)
    made = train_run([data_folder / "questions.json"], tmp_path / "run", config)
    said = made.predictor.answer("What was the note?", "Report 7. The note was 12.").score
    monkeypatch.chdir(tmp_path)
    assert Reader.load("run").answer("What was the note?", "Report 7. The note was 12.").score == pytest.approx(said, abs=1e-4)


def test_where_a_tokenizer_came_from_is_no_reason_to_refuse_it(tiny_model_folder, tmp_path):
    """Previously models were refused whose authors' paths an older Transformers had noted; they are not opened."""
    folder = Path(shutil.copytree(tiny_model_folder, tmp_path / "model"))
    elsewhere = tmp_path / "special_tokens_map.json"
    elsewhere.write_text('{"cls_token": "other"}')
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "special_tokens_map_file": str(elsewhere)}))
    opened, watching = [], [True]
    sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" and any(watching) else None)
    tokenizer = load_tokenizer(str(folder))
    watching.clear()  # a hook cannot be taken away
    assert str(folder / "tokenizer_config.json") in opened
    assert str(elsewhere) not in opened
    assert tokenizer.cls_token == load_tokenizer(str(tiny_model_folder)).cls_token
