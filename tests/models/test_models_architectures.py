"""Every family that we name: tiny random models, loaded as users load them, scoring the same alone and in company."""

import numpy as np
import pytest
import torch
from conftest import made_examples, made_texts, quick, tokenizer_of
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
    RobertaConfig,
    XLNetConfig,
)

from spantune.config import ModelConfig, WindowsConfig, load_config
from spantune.errors import ModelError, WindowError
from spantune.features import encode, encode_texts
from spantune.models import (
    check_window_fits,
    hidden_size,
    input_names,
    load_classifier,
    load_reader,
    load_tokenizer,
    longest_window,
    score_texts,
    score_windows,
)
from spantune.runs import save_run
from spantune.training import fine_tune

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
DEBERTA_V3 = {  # as microsoft/deberta-v3-small: positions are relative, and there are no segments
    "type_vocab_size": 0,
    "relative_attention": True,
    "position_biased_input": False,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 32,
    "max_relative_positions": -1,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
}
SPECIAL_OF_MODERNBERT = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
SPECIAL_OF_GPT2 = {"bos_token_id": 0, "eos_token_id": 0}

# family: its tokenizer's kind, its configuration, the inputs it takes beside ids and mask, its longest window
ARCHITECTURES = {
    "bert": ("wordpiece", BertConfig, {**SMALL, "max_position_embeddings": 512}, {"token_type_ids"}, 512),
    "roberta": ("bpe", RobertaConfig, {**SMALL, "type_vocab_size": 1, "max_position_embeddings": 514}, set(), 512),
    "distilbert": ("wordpiece", DistilBertConfig, {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}, set(), 512),
    "deberta-v2": ("unigram", DebertaV2Config, {**SMALL, **DEBERTA_V3, "max_position_embeddings": 512}, set(), 512),
    "modernbert": ("bpe", ModernBertConfig, {**SMALL, **SPECIAL_OF_MODERNBERT, "max_position_embeddings": 600}, set(), 600),
    "electra": ("wordpiece", ElectraConfig, {**SMALL, "embedding_size": 16}, {"token_type_ids"}, 512),
    "gpt2": ("decoder", GPT2Config, {**SPECIAL_OF_GPT2, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 96}, set(), 96),
    "xlnet": ("unigram", XLNetConfig, {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}, {"token_type_ids"}, None),
}
DROPOUT_NAMES = {
    "bert": "attention_probs_dropout_prob",
    "roberta": "attention_probs_dropout_prob",
    "distilbert": "attention_dropout",
    "deberta-v2": "attention_probs_dropout_prob",
    "modernbert": "attention_dropout",
    "electra": "attention_probs_dropout_prob",
    "gpt2": "attn_pdrop",
}
every_family = pytest.mark.parametrize("family", ARCHITECTURES)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """A folder with the encoder (no head) and tokenizer of each family, as one downloads it."""
    folders = {}

    def build(family):
        if family not in folders:
            kind, config_type, options, *_ = ARCHITECTURES[family]
            tokenizer = tokenizer_of(kind)
            torch.manual_seed(3)
            padding = {} if tokenizer.pad_token_id is None else {"pad_token_id": tokenizer.pad_token_id}
            config = config_type(
                **{"vocab_size": len(tokenizer), **padding, **options, DROPOUT_NAMES.get(family, "dropout"): 0.1}
            )
            model = AutoModelForQuestionAnswering.from_config(config)
            with torch.no_grad():  # weights as drawn give logits near 0, where nothing would differ
                for weights in model.parameters():
                    if weights.ndim > 1:
                        weights.normal_(0, 0.25)
            folders[family] = tmp_path_factory.mktemp(family)
            model.base_model.save_pretrained(folders[family])
            tokenizer.save_pretrained(folders[family])
        return str(folders[family])

    return build


def scored(model, windows):
    """{window: (start, end)} logits of the window's own tokens."""
    lengths = windows.lengths
    return {
        int(index): (batch.start[row, : lengths[index]], batch.end[row, : lengths[index]])
        for batch in score_windows(model, windows)
        for row, index in enumerate(batch.indices)
    }


@every_family
def test_scores_are_finite_and_one_for_each_token(family, folder_of):
    model, tokenizer = load_reader(folder_of(family)), load_tokenizer(folder_of(family))
    windows = encode(made_examples(12), tokenizer, WindowsConfig(length=72, stride=16))
    done = []
    batches = list(score_windows(model, windows, done.append))
    assert sum(done) == len(windows)
    assert sorted(int(index) for batch in batches for index in batch.indices) == list(range(len(windows)))
    for batch in batches:
        assert batch.start.shape == batch.end.shape == batch.candidates.shape
        assert batch.start.shape[1] >= windows.lengths[batch.indices].max()
        assert batch.start.dtype == batch.end.dtype == np.float32
        assert np.isfinite(batch.start).all()
        assert np.isfinite(batch.end).all()
        assert batch.start.std() > 0.01


@every_family
def test_a_window_scores_the_same_alone_and_in_a_batch(family, folder_of):
    """Also with tokenizers that pad on the left by themselves (XLNet's)."""
    model, tokenizer = load_reader(folder_of(family)), load_tokenizer(folder_of(family))
    windows = encode(made_examples(8), tokenizer, WindowsConfig(length=34, stride=8))
    assert len(set(windows.lengths.tolist())) > 3
    together = scored(model, windows)
    for index in range(len(windows)):
        alone = scored(model, windows.take(np.array([index])))[0]
        for mine, theirs in zip(alone, together[index], strict=True):
            assert np.abs(mine - theirs).max() < 1e-5


@every_family
def test_each_family_gets_the_inputs_it_takes(family, folder_of):
    """Previously models without segments were given token_type_ids, or models with segments were not."""
    extra = ARCHITECTURES[family][3]
    assert input_names(load_reader(folder_of(family))) == {"input_ids", "attention_mask"} | extra


def test_segments_change_what_a_model_with_segments_says(folder_of):
    model, tokenizer = load_reader(folder_of("bert")), load_tokenizer(folder_of("bert"))
    windows = encode(made_examples(2), tokenizer, WindowsConfig(length=72, stride=16))
    before = scored(model, windows)[0][0]
    windows.token_types[:] = 0
    assert np.abs(scored(model, windows)[0][0] - before).max() > 1e-3


@every_family
def test_the_longest_window_is_the_longest_that_runs(family, folder_of):
    model = load_reader(folder_of(family))
    limit = ARCHITECTURES[family][4]
    assert longest_window(model) == limit
    assert hidden_size(model) == 32
    if limit is None:
        check_window_fits(100_000, model)
        return
    check_window_fits(limit, model)
    with pytest.raises(WindowError, match=f"windows of {limit + 1} tokens for a {family} model with {limit} positions"):
        check_window_fits(limit + 1, model)
    ids = torch.full((1, limit), 5)
    with torch.inference_mode():
        logits = model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).start_logits
    assert logits.shape == (1, limit)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "gpt2"])
def test_one_token_more_than_the_longest_window_does_not_run(family, folder_of):
    model = load_reader(folder_of(family)).eval()
    ids = torch.full((1, ARCHITECTURES[family][4] + 1), 5)
    with torch.inference_mode(), pytest.raises((IndexError, RuntimeError)):
        model(input_ids=ids, attention_mask=torch.ones_like(ids))


def test_a_window_as_long_as_the_positions_runs_whatever_its_length():
    """Previously windows were padded to eights beyond the model's last position, here of 35 to 40."""
    tokenizer = tokenizer_of("wordpiece")
    torch.manual_seed(0)
    config = BertConfig(**SMALL, vocab_size=len(tokenizer), max_position_embeddings=35)
    model = AutoModelForQuestionAnswering.from_config(config)
    windows = encode(made_examples(6), tokenizer, WindowsConfig(length=35, stride=8))
    check_window_fits(int(windows.lengths.max()), model)
    assert windows.lengths.max() == 35
    assert len(scored(model, windows)) == len(windows)


def attention_dropouts(model):
    """Dropout rates inside the attention modules, however the family holds them: a module, or a number."""
    found = set()
    for name, module in model.named_modules():
        if "attention" in type(module).__name__.lower() and "output" not in type(module).__name__.lower():
            for held in ("attention_dropout", "dropout_prob", "attn_dropout", "dropout"):
                value = getattr(module, held, None)
                rate = value if isinstance(value, float) else getattr(value, "p", getattr(value, "drop_prob", None))
                if rate is not None:
                    found.add((name, held, rate))
    return found


@pytest.mark.parametrize("family", DROPOUT_NAMES)
def test_attention_dropout_is_off_unless_left_to_the_model(family, folder_of):
    name = DROPOUT_NAMES[family]
    off, kept = load_reader(folder_of(family)), load_reader(ModelConfig(name=folder_of(family), attention_dropout=None))
    some = load_reader(ModelConfig(name=folder_of(family), attention_dropout=0.3))
    assert [getattr(model.config, name) for model in (off, kept, some)] == [0.0, 0.1, 0.3]
    rates = [{rate for *_, rate in attention_dropouts(model)} for model in (off, kept, some)]
    assert 0.0 in rates[0]
    assert 0.1 in rates[1]
    assert 0.3 in rates[2]
    assert 0.3 not in rates[0] | rates[1]


@every_family
def test_the_same_seed_gives_the_same_head(family, folder_of):
    folder = folder_of(family)
    one, again, other = (load_reader(folder, seed=seed) for seed in (1, 1, 2))
    body = f"{one.base_model_prefix}."
    mine, same, another = one.state_dict(), again.state_dict(), other.state_dict()
    assert all(torch.equal(mine[name], same[name]) for name in mine)
    heads = [name for name in mine if not name.startswith(body) and name.endswith("weight") and mine[name].ndim > 1]
    assert heads
    assert not any(torch.equal(mine[name], another[name]) for name in heads)
    assert all(torch.equal(mine[name], another[name]) for name in mine if name.startswith(body))


@pytest.mark.parametrize("family", [family for family in ARCHITECTURES if family != "xlnet"])
def test_texts_score_the_same_alone_and_in_a_batch(family, folder_of):
    model, tokenizer = load_classifier(folder_of(family), ("no", "maybe", "yes")), load_tokenizer(folder_of(family))
    texts = [*made_texts(5), *(each for each in made_texts(1) for _ in range(2))]
    texts[-1] = type(texts[-1])("long", texts[-1].text * 3)
    windows = encode_texts(texts, tokenizer, WindowsConfig(length=96, stride=0))
    together = np.zeros((len(texts), 3))
    for batch in score_texts(model, windows):
        together[batch.indices] = batch.logits
    for index in range(len(texts)):
        (alone,) = score_texts(model, windows.take(np.array([index])))
        assert alone.logits.shape == (1, 3)
        assert np.abs(alone.logits[0] - together[index]).max() < 1e-5


def test_a_family_that_reads_its_class_from_padding_is_refused(folder_of):
    """Previously XLNet's class was read from the last position: in company of a longer text it was another class."""
    with pytest.raises(ModelError, match="xlnet models reads the last position"):
        load_classifier(folder_of("xlnet"), ("no", "yes"))


@pytest.mark.parametrize("model_type", ["camembert", "data2vec-text", "ibert", "lilt", "mpnet", "xlm-roberta", "xmod"])
def test_families_with_positions_after_padding(model_type):
    """Previously data2vec-text, ibert, lilt and xmod passed for two positions more than they have."""
    options = {"languages": ["en_XX"], "default_language": "en_XX"} if model_type == "xmod" else {}
    options |= SMALL | {"hidden_size": 48, "vocab_size": 40, "max_position_embeddings": 34, "pad_token_id": 1}
    config = AutoConfig.for_model(model_type, **options)
    model = AutoModelForQuestionAnswering.from_config(config).eval()
    assert longest_window(model) == 32
    ids = torch.full((1, 33), 5)
    with torch.inference_mode():
        model(input_ids=ids[:, :32], attention_mask=torch.ones_like(ids[:, :32]))
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=ids, attention_mask=torch.ones_like(ids))


@pytest.mark.parametrize("training", [True, False])
def test_scoring_leaves_the_model_in_the_mode_it_was_in(training, folder_of):
    model, tokenizer = load_reader(folder_of("bert")), load_tokenizer(folder_of("bert"))
    windows = encode(made_examples(3), tokenizer, WindowsConfig(length=72, stride=16))
    model.train(training)
    first = scored(model, windows)
    assert model.training is training
    next(score_windows(model, windows))  # abandoned half-way
    assert model.training is training
    assert (scored(model, windows)[0][0] == first[0][0]).all()  # no dropout
    assert list(score_windows(model, windows.take(np.array([], dtype=np.int64)))) == []


@every_family
def test_every_family_is_fine_tuned_saved_and_read_by_plain_transformers(family, folder_of, tmp_path):
    model, tokenizer = load_reader(folder_of(family)), load_tokenizer(folder_of(family))
    config = load_config(overrides=["windows.length=72", "windows.stride=16"])
    windows = encode(made_examples(16), tokenizer, config.windows)
    untrained = scored(model, windows)
    result = fine_tune(model, windows, quick(epochs=2, batch_size=8))
    assert all(np.isfinite(epoch.training_loss) for epoch in result.history.epochs)
    folder = save_run(tmp_path / "run", model, tokenizer, config, result)
    plain = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    before, after = scored(model, windows), scored(plain, windows)
    assert not np.allclose(untrained[0][0], before[0][0], atol=1e-3)
    for window, logits in before.items():
        for one, other in zip(logits, after[window], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
