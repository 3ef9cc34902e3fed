"""Every method trains what it says, ends as a model that answers the same, and comes back from its run with its head."""

import json

import numpy as np
import pytest
import torch
from conftest import WINDOWS, made_examples, made_texts, quick, quick_config, same_weights, tiny_bert_config
from safetensors.torch import load_file, save_file
from transformers import AutoModelForQuestionAnswering, BertForQuestionAnswering, GPT2Config, GPT2ForQuestionAnswering

from spantune.errors import ConfigError, ModelError
from spantune.features import encode, encode_texts
from spantune.inference import Reader
from spantune.models import load_classifier, load_reader, open_reader, score_windows
from spantune.models.limits import longest_window
from spantune.models.merging import merge_adapter
from spantune.models.methods import METHODS, prepare
from spantune.models.methods.depth import depths
from spantune.models.methods.freezing import lowest
from spantune.models.quiet import quiet
from spantune.road import train_run
from spantune.training import fine_tune

MERGING = [name for name, method in METHODS.items() if method.merges]
BEFORE_THE_TEXT = [name for name, method in METHODS.items() if not method.merges]
WITH_ADAPTER = ["lora", "dora", "ia3", *BEFORE_THE_TEXT]


def settings(method, **others):
    return quick(method=method, rank=4, virtual_tokens=3, **others)


def logits(model, windows):
    return np.concatenate([np.concatenate([batch.start, batch.end])[:, :20] for batch in score_windows(model, windows)])


@pytest.fixture
def windows(wordpiece):
    return encode(made_examples(12), wordpiece, WINDOWS)


@pytest.mark.parametrize("method", METHODS)
def test_the_head_is_trained_by_every_method_and_the_encoder_by_those_that_say_so(method, tiny_reader_model):
    prepared = prepare(tiny_reader_model, settings(method))
    trained = {name for name, one in prepared.model.named_parameters() if one.requires_grad}
    assert any(name.startswith("qa_outputs") for name in trained)
    plain = {name for name in trained if name.startswith("bert.") and "lora_" not in name and "ia3_" not in name}
    assert bool(plain) == (method in {"full", "unfreeze"})
    assert 0 < prepared.share <= 1
    assert (prepared.share == 1) == (method in {"full", "unfreeze"})


@pytest.mark.parametrize("method", METHODS)
def test_training_changes_only_what_the_method_trains(method, tiny_reader_model, windows):
    before = {name: one.clone() for name, one in tiny_reader_model.state_dict().items()}
    result = fine_tune(tiny_reader_model, windows, settings(method))
    after = result.model.state_dict()
    changed = {name for name, one in before.items() if name in after and not torch.equal(one, after[name])}
    assert (result.adapter is not None) == (method in WITH_ADAPTER)
    if METHODS[method].merges:
        assert set(after) == set(before)
        assert type(result.model) is BertForQuestionAnswering
        assert "qa_outputs.weight" in changed
        assert any(name.startswith("bert.") for name in changed) == (method != "head")
    else:
        assert not [name for name in changed if name.startswith("bert.")]
    assert all(one.requires_grad for one in result.model.parameters())


@pytest.mark.parametrize("method", ["lora", "dora"])
def test_updates_take_their_inputs_in_the_precision_of_the_layers(method, tiny_reader_model, windows):
    """Previously PEFT widened each layer's input to fp32 in bf16 trainings, and autocast made it narrow again at once."""
    prepared = prepare(tiny_reader_model, settings(method))
    kinds = set()
    for name, module in prepared.model.named_modules():
        if name.endswith("lora_A.default") and ".layer.1." in name:  # the embeddings below stay in fp32
            module.register_forward_pre_hook(lambda _, arguments: kinds.add(arguments[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        score = next(iter(score_windows(prepared.model, windows))).start
    assert torch.bfloat16 in kinds
    assert np.isfinite(score[score > -1e30]).all()


@pytest.mark.parametrize("method", WITH_ADAPTER)
def test_what_was_trained_answers_as_peft_itself_answers_with_the_saved_adapter(method, wordpiece, windows, tmp_path):
    import peft

    torch.manual_seed(0)
    model = BertForQuestionAnswering(tiny_bert_config(wordpiece)).eval()
    fresh = BertForQuestionAnswering(model.config)
    fresh.load_state_dict(model.state_dict())
    result = fine_tune(model, windows, settings(method))
    for name, content in result.adapter.items():
        (tmp_path / name).write_bytes(content)
    with quiet():
        theirs = peft.PeftModel.from_pretrained(fresh, str(tmp_path)).eval()
    ids = torch.tensor([[2, 17, 18, 3, 19, 20, 21, 3], [2, 30, 31, 3, 40, 41, 3, 0]])
    given = {"input_ids": ids, "attention_mask": (ids > 0).long(), "token_type_ids": torch.zeros_like(ids)}
    with torch.no_grad():
        mine, other = result.model(**given), theirs(**given)
    assert torch.allclose(mine.start_logits, other.start_logits[:, -8:], atol=1e-6)
    assert torch.allclose(mine.end_logits, other.end_logits[:, -8:], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_answers_the_same_when_it_is_loaded_again(method, data_folder, tiny_model_folder, tmp_path):
    config = quick_config(tiny_model_folder, method=method, rank=4, virtual_tokens=3)
    trained = train_run([data_folder / "questions.json"], tmp_path / "run", config)
    again = Reader.load(tmp_path / "run", precision="fp32")
    asked = made_examples(8, seed=3)
    for one, other in zip(trained.predictor.answer_many(asked), again.answer_many(asked), strict=True):
        assert (one.text, one.start) == (other.text, other.start)
        assert one.probability == pytest.approx(other.probability, abs=1e-6)
    adapter = tmp_path / "run" / ("adapter" if METHODS[method].merges else "") / "adapter_config.json"
    assert adapter.is_file() == (method in WITH_ADAPTER)
    if METHODS[method].merges:
        plain = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "run")
        assert same_weights(plain, again.model)


def test_a_run_whose_head_was_lost_on_the_way_to_the_disk_fails_and_leaves_nothing(
    data_folder, tiny_model_folder, tmp_path, monkeypatch
):
    """Previously adapters came back from disk with a random head (PEFT, where the head is not saved), and nobody was told."""

    def without_head(self, folder, **_):
        state = {name: one for name, one in self.state_dict().items() if not name.startswith("qa_outputs")}
        self.config.save_pretrained(folder)
        save_file(state, f"{folder}/model.safetensors", metadata={"format": "pt"})

    monkeypatch.setattr(BertForQuestionAnswering, "save_pretrained", without_head)
    with pytest.raises(ModelError, match="qa_outputs"):
        train_run([data_folder / "questions.json"], tmp_path / "run", quick_config(tiny_model_folder))
    assert not (tmp_path / "run" / "spantune.json").exists()


@pytest.mark.parametrize("method", BEFORE_THE_TEXT)
def test_vectors_before_the_text_take_positions_and_cannot_classify(
    method, tiny_reader_model, tiny_classifier_model, wordpiece
):
    limit = longest_window(tiny_reader_model)
    prepared = prepare(tiny_reader_model, settings(method))
    assert longest_window(prepared.model) == limit - 3
    texts = encode_texts(made_texts(8), wordpiece, WINDOWS, {"no": 0, "yes": 1})
    with pytest.raises(ConfigError, match=method):
        fine_tune(tiny_classifier_model, texts, settings(method))


def test_training_does_not_start_from_vectors_before_the_text(data_folder, tiny_model_folder, tmp_path):
    config = quick_config(tiny_model_folder, method="prompt", virtual_tokens=3, epochs=1)
    train_run([data_folder / "questions.json"], tmp_path / "run", config)
    with pytest.raises(ModelError, match="PROMPT_TUNING"):
        load_reader(str(tmp_path / "run"))


# -- adapters as models


@pytest.fixture
def adapter(tiny_model_folder, windows, tmp_path):
    """The adapter of a LoRA training of the tiny model, and the model that came out."""
    model = load_reader(str(tiny_model_folder))
    result = fine_tune(model, windows, settings("lora"))
    folder = tmp_path / "adapter"
    folder.mkdir()
    for name, content in result.adapter.items():
        (folder / name).write_bytes(content)
    return folder, result.model


def test_a_folder_with_an_adapter_is_a_model(adapter, windows):
    folder, tuned = adapter
    assert np.abs(logits(load_reader(str(folder)), windows) - logits(tuned, windows)).max() < 1e-5
    assert np.abs(logits(open_reader(str(folder)), windows) - logits(tuned, windows)).max() < 1e-5


def test_a_classifier_takes_the_updates_of_a_readers_adapter_and_a_head_of_its_own(adapter):
    folder, tuned = adapter
    classifier = load_classifier(str(folder), ["no", "yes"])
    name = "encoder.layer.0.attention.self.query.weight"
    assert torch.allclose(classifier.bert.get_parameter(name), tuned.bert.get_parameter(name), atol=1e-6)


def test_gpt2_whose_weights_are_turned_is_adapted_and_merged_alike(tmp_path):
    torch.manual_seed(0)
    settings_ = GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=32, vocab_size=50)
    model, fresh = GPT2ForQuestionAnswering(settings_).eval(), GPT2ForQuestionAnswering(settings_).eval()
    fresh.load_state_dict(model.state_dict())
    prepared = prepare(model, settings("lora"))
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(std=0.1)
    for name, content in prepared.adapter().items():
        (tmp_path / name).write_bytes(content)
    tuned = prepared.finish()
    merge_adapter(fresh, tmp_path)
    ids = torch.arange(12)[None]
    assert torch.allclose(tuned(input_ids=ids).start_logits, fresh(input_ids=ids).start_logits, atol=1e-6)


def spoil(folder, **changes):
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"base_model_name_or_path": None}, "does not say which model"),
        ({"base_model_name_or_path": "/no/such/model"}, "no model folder"),
    ],
)
def test_an_adapter_that_cannot_be_merged_is_told(adapter, changes, told):
    folder, _ = adapter
    spoil(folder, **changes)
    with pytest.raises(ModelError, match=told):
        load_reader(str(folder))


def test_an_adapter_of_another_model_or_without_a_matrix_or_damaged_is_told(adapter, wordpiece):
    folder, _ = adapter
    larger = BertForQuestionAnswering(tiny_bert_config(wordpiece, hidden_size=64, intermediate_size=32))
    with pytest.raises(ModelError, match="does not fit"):
        merge_adapter(larger, folder)
    weights = folder / "adapter_model.safetensors"
    kept = {name: one for name, one in load_file(weights).items() if "query.lora_B" not in name}
    save_file(kept, weights)
    with pytest.raises(ModelError, match="does not fit"):
        load_reader(str(folder))
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_reader(str(folder))
    (folder / "adapter_config.json").write_text("[]")
    with pytest.raises(ModelError, match="holds a list"):
        load_reader(str(folder))


def test_adapters_that_name_one_another_as_their_base_are_told(adapter):
    folder, _ = adapter
    spoil(folder, base_model_name_or_path=str(folder))
    with pytest.raises(ModelError, match="adapter of itself"):
        load_reader(str(folder))


def test_to_answer_with_an_adapter_without_its_head_is_refused(adapter):
    folder, _ = adapter
    weights = folder / "adapter_model.safetensors"
    save_file({name: one for name, one in load_file(weights).items() if "qa_outputs" not in name}, weights)
    load_reader(str(folder))  # a new head is fine to train from
    with pytest.raises(ModelError, match="qa_outputs"):
        open_reader(str(folder))


# -- depth


def test_embeddings_lie_lowest_and_the_head_highest(tiny_reader_model):
    deep = depths(tiny_reader_model)
    assert deep["bert.embeddings.word_embeddings.weight"] == 0
    assert deep["bert.encoder.layer.0.output.dense.weight"] == 1
    assert deep["bert.encoder.layer.1.output.dense.weight"] == 2
    assert deep["qa_outputs.bias"] == 3


def test_a_last_norm_lies_with_the_head():
    deep = depths(GPT2ForQuestionAnswering(GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=32, vocab_size=50)))
    assert deep["transformer.wte.weight"] == 0
    assert deep["transformer.h.1.mlp.c_fc.weight"] == 2
    assert deep["transformer.ln_f.weight"] == deep["qa_outputs.weight"] == 3


def test_unfreezing_opens_the_layers_from_the_head_down(tiny_reader_model, windows):
    opened = []

    def watch(model):
        opened.append({depth for name, depth in depths(model).items() if model.get_parameter(name).requires_grad})
        from spantune.training import Held

        return Held(1.0, {"f1": 0.0}, None)

    fine_tune(tiny_reader_model, windows, settings("unfreeze", epochs=4, early_stopping=0), evaluate=watch)
    assert opened == [{3}, {2, 3}, {1, 2, 3}, {0, 1, 2, 3}]


@pytest.mark.parametrize("epochs", [1, 2, 3, 10])
def test_the_last_epoch_trains_everything(epochs):
    assert lowest(7, epochs - 1, epochs) == 0
    steps = [lowest(7, epoch, epochs) for epoch in range(epochs)]
    assert steps == sorted(steps, reverse=True)
