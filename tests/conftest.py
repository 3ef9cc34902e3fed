"""Real tiny tokenizers and models, trained and built here: nothing is downloaded, nothing is mocked."""

import functools
import hashlib
import json
import math
import os
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("SPANTUNE_CACHE", str(Path(tempfile.gettempdir()) / "spantune-tests"))  # not the developer's own
os.environ["HF_HUB_OFFLINE"] = "1"  # read when the Hub's client is imported: a test that needs the network fails at once

import numpy as np
import pytest
import torch
from hypothesis import settings
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from spantune import durable
from spantune.config import Config, ModelConfig, TrainingConfig, WindowsConfig
from spantune.data import Example, Span, TextExample, write_examples
from spantune.features import encode
from spantune.road import train_run
from spantune.training import fine_tune

pytest.register_assert_rewrite("reports")  # tests/evaluation/reports.py: a helper that checks
settings.register_profile("offline", deadline=None)  # two busy cores make a first example slow
settings.load_profile("offline")
torch.set_num_threads(1)  # tiny matrices; several test processes share the machine

CORPUS = [
    "The oil crisis began in October 1973 when members of OAPEC proclaimed an embargo.",
    "Maurice Koechlin and Émile Nouguier designed the tower; 308 points were given up by the defense.",
    "Revenue rose from 4 million in 2018 to 5 million dollars in 2019 (see note 7).",
    "黑豹队的防守只丢了 308分，在联赛中排名第六。 كم نقطة تخلى عنها دفاع البانثرز؟ पैंथर्स डिफ़ेंस ने कितने अंक दिए?",
    "What is the capital of France? Paris is the capital of France. Who? When? Where? How many?",
]
SPECIAL = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}


def wordpiece_tokenizer(**options):
    """As BERT's: WordPiece, lower case, [CLS] first.

    The trainer of WordPiece breaks ties by the order of a hash table, another in each process; what a random reader answers
    would be another as well.
    """
    pieces = Tokenizer(models.BPE())
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=400, show_progress=False))
    text = [pieces.normalizer.normalize_str(line) for line in CORPUS]
    whole = [word for line in text for word, _ in pieces.pre_tokenizer.pre_tokenize_str(line)]
    known = sorted(pieces.get_vocab(), key=pieces.token_to_id)
    first = [piece for piece in known if any(word.startswith(piece) for word in whole)]
    later = [f"##{piece}" for piece in known if any(piece in word[1:] for word in whole)]
    words = [*SPECIAL.values(), *first, *later]
    core = Tokenizer(models.WordPiece(vocab={one: row for row, one in enumerate(words)}, unk_token="[UNK]"))
    core.normalizer, core.pre_tokenizer = pieces.normalizer, pieces.pre_tokenizer
    cls, sep = core.token_to_id("[CLS]"), core.token_to_id("[SEP]")
    core.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    core.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=core, **SPECIAL, **options)


def bpe_tokenizer(**options):
    """As RoBERTa's: byte-level BPE, <s> question </s></s> context </s>."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    core.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=500,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    core.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        **options,
    )


def unigram_tokenizer(**options):
    """As XLNet's: Unigram over metaspaces, padding on the left, <cls> last."""
    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<sep>", "<cls>", "<pad>", "<mask>"]
    trained.train_from_iterator(
        CORPUS, trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>", show_progress=False)
    )
    text = "".join(piece for line in CORPUS for piece, _ in trained.pre_tokenizer.pre_tokenize_str(line))
    counts = {piece: text.count(piece) for piece in sorted(trained.get_vocab()) if piece not in special}
    # The trainer's own scores differ from process to process, as it adds them up in the order of a hash table.
    pieces = [(piece, round(math.log(max(count, 0.5) / len(text)), 6)) for piece, count in counts.items()]
    core = Tokenizer(models.Unigram([*((one, 0.0) for one in special), *pieces], unk_id=0))
    core.pre_tokenizer = trained.pre_tokenizer
    core.add_special_tokens(special)
    core.post_processor = processors.TemplateProcessing(
        single="$A:0 <sep>:0 <cls>:2",
        pair="$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2",
        special_tokens=[("<sep>", core.token_to_id("<sep>")), ("<cls>", core.token_to_id("<cls>"))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        sep_token="<sep>",
        cls_token="<cls>",
        pad_token="<pad>",
        mask_token="<mask>",
        **{"padding_side": "left", **options},
    )


def decoder_tokenizer(**options):
    """As GPT-2's: byte-level BPE that adds no special token, <|endoftext|> at hand, no padding token."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=500,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    core.post_processor = processors.ByteLevel(trim_offsets=True)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<|endoftext|>", eos_token="<|endoftext|>", **options)


TOKENIZERS = {
    "wordpiece": wordpiece_tokenizer,
    "bpe": bpe_tokenizer,
    "unigram": unigram_tokenizer,
    "decoder": decoder_tokenizer,
}


@functools.cache
def tokenizer_of(kind, padding_side=None):
    """One tokenizer of a kind for all tests that only read it; `None` leaves the kind's own padding side."""
    return TOKENIZERS[kind](**({"padding_side": padding_side} if padding_side else {}))


def perfect_scores(windows, indices):
    """Start and end logits (B, T) of a model that knows the labels: 10 at the first labelled span, else at "no answer"."""
    start, end = (np.full((len(indices), int(windows.lengths.max(initial=1))), -10.0, dtype=np.float32) for _ in "se")
    for row, window in enumerate(indices):
        null = windows.null[window]
        labelled = windows.spans[windows.span_bounds[window] : windows.span_bounds[window + 1]]
        first, last = labelled[0] if len(labelled) else (null, null)
        start[row, first] = end[row, last] = 10.0
    return start, end


@pytest.fixture(scope="session")
def wordpiece():
    return wordpiece_tokenizer()


@pytest.fixture(scope="session", params=TOKENIZERS)
def any_tokenizer(request):
    """Each kind of tokenizer in turn."""
    return TOKENIZERS[request.param]()


def tiny_bert_config(tokenizer, **options):
    """A BERT of two layers and 32 dimensions."""
    return BertConfig(
        **{
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 128,
            "pad_token_id": tokenizer.pad_token_id,
            **options,
        }
    )


def tiny_reader(tokenizer, **options):
    """An untrained BERT that answers, the same each time."""
    torch.manual_seed(0)
    return BertForQuestionAnswering(tiny_bert_config(tokenizer, **options))


@pytest.fixture
def tiny_reader_model(wordpiece):
    return tiny_reader(wordpiece).eval()


@pytest.fixture
def new_model(wordpiece):
    """Make models that begin alike. Dropout is on: random numbers must go on where they stopped."""
    return functools.partial(tiny_reader, wordpiece)


@pytest.fixture
def tiny_classifier_model(wordpiece):
    torch.manual_seed(0)
    config = tiny_bert_config(wordpiece, id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})
    return BertForSequenceClassification(config).eval()


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory, wordpiece):
    """A folder with a tiny untrained BERT encoder and its tokenizer, as `--model` takes it."""
    folder = tmp_path_factory.mktemp("tiny-bert")
    tiny_reader(wordpiece).bert.save_pretrained(folder)
    wordpiece.save_pretrained(folder)
    return folder


def made_examples(count, seed=0, unanswerable=0.0):
    """Questions that a tiny model can learn: the answer is the number after the word of the question."""
    draw = random.Random(seed)
    words = ["revenue", "points", "dollars", "members", "note"]
    examples = []
    for number in range(count):
        chosen = draw.sample(words, 3)
        values = [str(draw.randint(2, 2000)) for _ in chosen]
        context = f"Report {number}. " + " ".join(
            f"The {word} was {value}." for word, value in zip(chosen, values, strict=True)
        )
        if draw.random() < unanswerable:
            missing = next(word for word in words if word not in chosen)
            examples.append(Example(f"q{number}", f"What was the {missing}?", context, (), f"doc{number}"))
            continue
        at = draw.randrange(3)
        span = Span(values[at], context.index(f"The {chosen[at]} was {values[at]}.") + len(f"The {chosen[at]} was "))
        examples.append(Example(f"q{number}", f"What was the {chosen[at]}?", context, (span,), f"doc{number}"))
    return tuple(examples)


def made_texts(count, seed=0):
    """Texts that a tiny model can label: "yes" when they speak of France."""
    draw = random.Random(seed)
    texts = []
    for number in range(count):
        yes = draw.random() < 0.5
        place = "France" if yes else "October"
        texts.append(TextExample(f"t{number}", f"Number {number} speaks of {place}.", "yes" if yes else "no"))
    return tuple(texts)


WINDOWS = WindowsConfig(length=64, stride=16)


def quick(**settings):
    """Training settings for a few fast steps that are the same on every machine."""
    return TrainingConfig(**{"precision": "fp32", "epochs": 2, "batch_size": 8, "learning_rate": 1e-3, **settings})


@pytest.fixture(scope="session")
def windows(wordpiece):
    """An epoch of three steps: 24 windows, in batches of 8. Read only."""
    made = encode(made_examples(24), wordpiece, WINDOWS)
    assert len(made) == 24
    return made


def generally(read):
    """Instead of asking a model the general questions: `read` is called for each time, and says what some settings score."""
    return lambda *_, **__: SimpleNamespace(f1=read())


def same_weights(one, other, tolerance=0.0):
    """Whether two models have the same weights, to within `tolerance`."""
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all((mine[name] - theirs[name]).abs().max() <= tolerance for name in mine)


def quick_config(model_folder, **training):
    """The settings of a whole run on the tiny model."""
    return Config(model=ModelConfig(name=str(model_folder)), windows=WINDOWS, training=quick(**training))


@pytest.fixture
def fail_at(monkeypatch):
    """Have the system fail at a step of what is written from now on: "ENOSPC@3", "KILL@1"."""

    def at(where):
        monkeypatch.setattr(durable, "_steps", 0)
        monkeypatch.setenv(durable.FAIL_AT, where)

    return at


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """Small files of data: questions.json, held-out.json (other documents), texts.json. Read only."""
    folder = tmp_path_factory.mktemp("data")
    write_examples(made_examples(40), folder / "questions.json")
    held_out = [replace(one, id=f"h{one.id}", document=f"h{one.document}") for one in made_examples(12, seed=5)]
    write_examples(held_out, folder / "held-out.json")
    write_examples(made_texts(40), folder / "texts.json")
    return folder


@pytest.fixture(scope="session")
def reader_run(tmp_path_factory, data_folder, tiny_model_folder):
    """The folder of a finished run that answers. Read only: copy it to damage it."""
    out = tmp_path_factory.mktemp("runs") / "reader"
    train_run([data_folder / "questions.json"], out, quick_config(tiny_model_folder), eval_data=[data_folder / "held-out.json"])
    return out


@pytest.fixture(scope="session")
def saved(tmp_path_factory, wordpiece, windows):
    """The folder of checkpoints that a training of two epochs left. Read only: copy it to damage it."""
    folder = tmp_path_factory.mktemp("checkpoints")
    fine_tune(tiny_reader(wordpiece), windows, quick(epochs=2), checkpoints=folder)
    return folder


@pytest.fixture(scope="session")
def classifier_run(tmp_path_factory, data_folder, tiny_model_folder):
    """The folder of a finished run that classifies. Read only."""
    out = tmp_path_factory.mktemp("runs") / "classifier"
    train_run([data_folder / "texts.json"], out, quick_config(tiny_model_folder))
    return out


def whole_checkpoint(folder, step, contents, **changes):
    """A checkpoint of files that mean nothing, or what `changes` make of its manifest."""
    place = folder / f"checkpoint-{step}"
    for name, content in contents.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    noted = {name: {"size": len(one), "sha256": hashlib.sha256(one).hexdigest()} for name, one in contents.items()}
    (place / "manifest.json").write_text(json.dumps({"format": 1, "step": step, "files": noted, **changes}))
    return place
