import contextlib
import io
import re

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from spantune.config import Config
from spantune.runs.card import TASKS, CardFacts, front_matter, model_card
from spantune.training.history import Epoch, History
from spantune.training.observations import observed

HISTORY = observed(
    observed(History(), Epoch(1, 3.4, 2.1, {"exact_match": 38.2, "f1": 47.9}, 36.0, 3e-4, 101.5, 41.3)),
    Epoch(2, 1.8, 1.7, {"exact_match": 52.4, "f1": 64.8}, 50.1, 0.0, 102.5, 41.3),
)
HOSTILE = [
    "a \"quoted\" 'name'",
    "two\nlines\n---\nlicense: mit",
    "---",
    "| pipe | `tick` ```python",
    "<script>alert(1)</script>",
    "[link](javascript:x) **bold** _it_ # head",
    "key: value",
    "{a: [b}",
    "null",
    "!!python/object:os.system",
    "\x00\x1b[31m\u2028\ud800",
    "模型 نموذج \N{ROBOT FACE}",
    " ",
    "x" * 5000,
]


def facts(**changes):
    known = {
        "name": "policy-reader",
        "task": "answer",
        "base_model": "sentence-transformers/all-MiniLM-L6-v2",
        "train_count": 12_800,
        "held_out_count": 3_200,
        "data_names": ["policyqa.json.gz"],
        "seed": 13,
        "data_fingerprints": {"train": "sha256:9f2c"},
        "config": Config().model_dump(),
        "versions": {"spantune": "0.1.0", "torch": "2.13.0"},
        "scores": {"exact_match": 31.25, "f1": 55.5},
        "untuned_scores": {"exact_match": 1.25, "f1": 8.0},
        "history": HISTORY,
    }
    return CardFacts(**(known | changes))


def parsed(card):
    """The card as the Hub's own library reads it; what it cannot read, it raises on."""
    return ModelCard(model_card(card))


def test_the_hub_reads_task_base_model_and_scores():
    data = parsed(facts()).data
    assert data.to_dict()["library_name"] == "transformers"
    assert data.pipeline_tag == "question-answering"
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert data.model_name == "policy-reader"
    assert {result.metric_type: result.metric_value for result in data.eval_results} == {"exact_match": 31.25, "f1": 55.5}
    assert {result.dataset_name for result in data.eval_results} == {"policyqa.json.gz"}
    assert {result.task_type for result in data.eval_results} == {"question-answering"}
    # The library writes out the same metadata again: nothing was misunderstood or dropped.
    assert yaml.safe_load(data.to_yaml()) == front_matter(facts())


def test_a_classifier_is_a_text_classifier():
    card = parsed(facts(task="classify", scores={"accuracy": 91.0, "macro_f1": 90.5}, untuned_scores=None, history=None))
    assert card.data.pipeline_tag == "text-classification"
    assert [result.metric_name for result in card.data.eval_results] == ["accuracy", "macro-F1"]
    assert "AutoModelForSequenceClassification" in card.text
    assert "quote from" not in card.text


def test_the_page_tells_the_run():
    text = parsed(facts()).text
    for expected in (
        "# policy-reader",
        "fine-tuned with spantune on 12,800 question-context pairs",
        "| EM | 1.25 | 31.25 | +30.00 |",
        "| F1 | 8.00 | 55.50 | +47.50 |",
        "| fingerprint of train | `sha256:9f2c` |",
        "| `windows.length` | `384` |",
        "| `training.learning_rate` | `null` |",
        "still improving |",
        "The weights of epoch 2",
        "spantune ask RUN",
        "Reader.load",
        "AutoModelForQuestionAnswering.from_pretrained",
        "same collection",
        "| `torch` | `2.13.0` |",
        "| seed | 13 |",
    ):
        assert expected in text


def test_scores_without_an_untuned_measurement_stand_alone():
    text = parsed(facts(untuned_scores=None)).text
    assert "| F1 | 55.50 |" in text and "before fine-tuning" not in text
    assert "| F1 |  | 55.50 |  |" in parsed(facts(untuned_scores={"exact_match": 1.0})).text


@pytest.mark.parametrize("scores", [{}, {"f1": float("nan")}])
def test_without_scores_there_is_no_model_index_and_the_page_says_why(scores):
    card = parsed(facts(scores=scores, untuned_scores=None, history=None, config={}, versions={}))
    assert card.data.eval_results is None and card.data.metrics is None
    assert "Not measured" in card.text
    assert "### Settings" not in card.text and "## Versions" not in card.text and "trace" not in card.text


@pytest.mark.parametrize(
    ("base_model", "is_folder", "in_front", "in_text"),
    [
        ("bert-base-uncased", False, "bert-base-uncased", "bert-base-uncased"),
        ("embedded-encoder", False, "sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
        ("/home/someone/private/my-model", True, None, "my-model"),
        ("C:\\Users\\someone\\my-model", True, None, "my-model"),
        ("models/mine", True, None, "mine"),
        ("/", True, None, "a local model"),
        ("../mine", False, None, "../mine"),
    ],
)
def test_the_base_model_is_linked_only_when_the_hub_can_know_it(base_model, is_folder, in_front, in_text):
    card = parsed(facts(base_model=base_model, base_is_folder=is_folder))
    assert card.data.base_model == in_front
    assert f"It is {in_text}, fine-tuned" in card.text
    assert "someone" not in card.content


def test_a_model_that_began_as_the_embedded_reader_names_it_and_its_licence():
    card = parsed(facts(base_model="embedded"))
    assert card.data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert "spantune's embedded reader, under CC BY-SA 4.0, on sentence-transformers/all-MiniLM-L6-v2" in card.text
    assert "embedded reader" not in parsed(facts(base_model="embedded", task="classify")).text


def test_a_model_that_began_in_a_folder_of_that_name_names_the_folder():
    card = parsed(facts(base_model="embedded", base_is_folder=True))
    assert "It is embedded, fine-tuned" in card.text
    assert "MiniLM" not in card.content


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_break_neither_yaml_nor_markdown(hostile):
    card = facts(
        name=hostile,
        base_model=hostile,
        data_names=[hostile, hostile],
        data_fingerprints={hostile: hostile},
        config={hostile: hostile, "model": {"name": hostile}},
        versions={hostile: hostile},
        picture=hostile,
    )
    plain = parsed(facts(config={"a": 1, "b": 2}, versions={"a": "1"}, picture="curves.png"))
    text = model_card(card)
    text.encode("utf-8")
    assert set(yaml.safe_load(text.split("\n---\n")[0])) >= {"library_name", "pipeline_tag", "tags", "model-index"}
    hub = ModelCard(text)
    assert hub.data.get("license") is None
    outside_code = re.sub(r"`[^`\n]+`", "", hub.text)  # in a code span, a tag is text
    assert "<script" not in outside_code and "\x1b" not in text
    # The page keeps its shape: as many headings, fences, table rows and cells as with harmless names.
    for shape in (r"^#+ ", r"^```", r"^\|", r"(?<!\\)\|"):
        assert len(re.findall(shape, hub.text, re.M)) == len(re.findall(shape, plain.text, re.M)), shape


@given(st.text(st.characters(), max_size=60))
def test_any_name_survives_the_front_matter(name):
    card = facts(name=name, data_names=[name])
    front = yaml.safe_load(model_card(card).split("\n---\n")[0])
    assert front == front_matter(card)
    assert ModelCard(model_card(card)).data.model_name == front["model-index"][0]["name"]


def test_the_picture_is_shown_beside_the_trace():
    assert "![Training curves](my%20curves.png)" in parsed(facts(picture="my curves.png")).text
    assert "![" not in parsed(facts()).text


@pytest.mark.parametrize("task", TASKS)
def test_python_of_the_card_compiles(task):
    for code in python_blocks(facts(task=task)):
        compile(code, "README.md", "exec")


def python_blocks(card):
    return re.findall(r"```python\n(.*?)```", model_card(card), re.S)


@pytest.fixture(scope="module")
def words():
    """A real tokenizer with a vocabulary of a sentence: WordPiece, with BERT's template for pairs."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = [*special, "who", "wrote", "it", "?", "ada", "lovelace", "the", "first", "program", "."]
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.mark.parametrize(
    ("task", "head"), [("answer", "BertForQuestionAnswering"), ("classify", "BertForSequenceClassification")]
)
def test_the_plain_transformers_snippet_runs_as_printed(task, head, words, tmp_path):
    import transformers

    transformers.set_seed(13)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    config.id2label = {0: "fact", 1: "opinion"} if task == "classify" else config.id2label
    getattr(transformers, head)(config).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    context = "Ada Lovelace wrote the first program."
    names = {"question": "Who wrote it?", "context": context, "text": context}
    printed = io.StringIO()
    code = python_blocks(facts(task=task))[-1].replace('"RUN"', repr(str(tmp_path)))
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), names)
    said = printed.getvalue().strip()
    assert said in (context if task == "answer" else ("fact", "opinion")) and said
