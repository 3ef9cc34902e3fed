"""In: a model and settings. Out: it with trained vectors before its input, as PEFT makes them. Does not know: training.

The model itself is frozen but for its head. The vectors are put in and their logits taken off by hooks on the model, so that it
takes and gives what it did before; they cannot be taken into its weights, so they stay there when training has ended.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from spantune.config import TrainingConfig
from spantune.errors import ModelError
from spantune.models.limits import VIRTUAL_TOKENS, check_room_for_text, input_names
from spantune.models.merging import WEIGHTS
from spantune.models.methods.prepared import Files, Prepared, files_of, head_names, train_all
from spantune.models.quiet import quiet
from spantune.wording import first_line

PROMPTED = "prompt_encoder"  # the module, on the model, that holds the vectors
KINDS = frozenset({"PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING"})


def prompt(model: Any, config: TrainingConfig) -> Prepared:
    """Vectors before the embedded tokens (Lester et al., 2021, arXiv:2104.08691), begun as those of words drawn at random.

    This and the two below raise `ModelError` where PEFT cannot put them before a model of this kind, `WindowError` where they
    leave no room for text.
    """
    return _with_peft(
        model,
        "prompt",
        config.virtual_tokens,
        lambda peft: peft.PromptTuningConfig(
            task_type="QUESTION_ANS", num_virtual_tokens=config.virtual_tokens, **_sizes_of_tokens(model)
        ),
    )


def p_tuning(model: Any, config: TrainingConfig) -> Prepared:
    """Vectors that a small network makes (Liu et al., 2021, arXiv:2103.10385), before the embedded tokens."""
    width = model.config.hidden_size
    return _with_peft(
        model,
        "p-tuning",
        config.virtual_tokens,
        lambda peft: peft.PromptEncoderConfig(
            task_type="QUESTION_ANS",
            num_virtual_tokens=config.virtual_tokens,
            encoder_hidden_size=width,
            **_sizes_of_tokens(model),
        ),
    )


def prefix(model: Any, config: TrainingConfig) -> Prepared:
    """Keys and values before those of the text, in every layer (Li and Liang, 2021, arXiv:2101.00190)."""
    return _with_peft(
        model,
        "prefix",
        config.virtual_tokens,
        lambda peft: peft.PrefixTuningConfig(task_type="QUESTION_ANS", num_virtual_tokens=config.virtual_tokens),
    )


def _sizes_of_tokens(model: Any) -> dict[str, int]:
    """What PEFT looks for under BERT's names, and where tokens are embedded as wide as the layers are."""
    config = model.config
    width = model.get_input_embeddings().embedding_dim
    return {"token_dim": width, "num_layers": config.num_hidden_layers, "num_attention_heads": config.num_attention_heads}


def put_prompt(model: Any, folder: Path) -> frozenset[str]:
    """Put the vectors of `folder` before the model, in place, and its head in; gives the names of the head's parameters.

    Raises `ModelError` where they do not fit the model, or no head is with them.
    """
    import peft

    heads = [name for name, _ in model.named_parameters() if name.split(".")[0] in head_names(model)]
    try:
        with quiet(), safe_open(folder / WEIGHTS, "pt") as file:
            held = {name.removeprefix("base_model.") for name in file.keys()}  # noqa: SIM118, no mapping
            wrapped = peft.PeftModel.from_pretrained(model, str(folder))
            _hook(model, wrapped)
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"the prompt in {folder} cannot be put before the model: {first_line(error)}",
            expected="the adapter of a run of training.method prompt, prefix or p-tuning, and the model it was trained on",
            next_move="copy the run again, or train again",
        ) from error
    return frozenset(heads) & held


def _with_peft(model: Any, method: str, count: int, configure: Callable[[Any], Any]) -> Prepared:
    import peft  # seconds, and only these methods need it

    check_room_for_text(model, count)
    try:
        with quiet():
            settings = configure(peft)
            settings.modules_to_save = head_names(model)
            wrapped = peft.get_peft_model(model, settings)
            _hook(model, wrapped)
            _check_that_it_learns(model)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"training.method = {method} does not work with a {model.config.model_type} model: {first_line(error)}",
            expected="a model that PEFT can put trained vectors before, such as BERT, RoBERTa or GPT-2",
            next_move="--set training.method=lora, which trains as little and does not touch the input",
        ) from error

    def adapter() -> Files:
        with quiet():
            return files_of(wrapped)

    return Prepared(model, lambda: train_all(model), adapter)


def _check_that_it_learns(model: Any) -> None:
    """Raise where the model does not compute with its vectors, or leaves them out: then they would never be trained."""
    ids = torch.ones((1, 4), dtype=torch.long, device=model.device)
    given = {name: torch.zeros_like(ids) if name == "token_type_ids" else ids for name in input_names(model)}
    was_training = model.training
    try:
        outputs = model.eval()(**given)
        (outputs["start_logits"].float().square().sum() + outputs["end_logits"].float().square().sum()).backward()
        vectors = list(getattr(model, PROMPTED).parameters())
        if not any(one.grad is not None and bool(one.grad.any()) for one in vectors):
            raise ValueError("the vectors have no part in what it answers")
    finally:
        model.zero_grad(set_to_none=True)
        model.train(was_training)


def _hook(model: Any, wrapped: Any) -> None:
    """Let `model`, called as ever, compute with the vectors that `wrapped` holds, and give logits of the text alone."""
    settings = wrapped.active_peft_config
    count = settings.num_virtual_tokens
    in_every_layer = settings.peft_type == "PREFIX_TUNING"
    model.add_module(PROMPTED, wrapped.prompt_encoder)
    setattr(model, VIRTUAL_TOKENS, count)

    def before(module: Any, args: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        ids = inputs["input_ids"]
        shape = (len(ids), count)
        given = wrapped.get_prompt(batch_size=len(ids))
        made = {**inputs, "attention_mask": torch.cat((ids.new_ones(shape), inputs["attention_mask"]), dim=1)}
        if in_every_layer:
            return args, {**made, "past_key_values": given}
        del made["input_ids"]
        embedded = module.get_input_embeddings()(ids)
        made["inputs_embeds"] = torch.cat((given.to(embedded.dtype), embedded), dim=1)
        if "token_type_ids" in made:
            made["token_type_ids"] = torch.cat((ids.new_zeros(shape), made["token_type_ids"]), dim=1)
        return args, made

    def after(module: Any, args: Any, inputs: Any, outputs: Any) -> Any:
        if not in_every_layer:
            for name in ("start_logits", "end_logits"):
                outputs[name] = outputs[name][:, count:]
        return outputs

    model.register_forward_pre_hook(before, with_kwargs=True)
    model.register_forward_hook(after, with_kwargs=True)
