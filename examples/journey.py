"""The whole road in one file: `python examples/journey.py DATA RUN`."""

import sys

import spantune


def main(data: str, folder: str) -> None:
    """Read, check, split, encode, fine-tune, save, load, ask, score."""
    report = spantune.check(spantune.read_examples(data))
    train, held_out = spantune.split(report.examples)
    config = spantune.load_config()
    tokenizer = spantune.load_tokenizer(config.model)
    windows = spantune.encode(train, tokenizer, config.windows)
    model = spantune.load_reader(config.model)
    result = spantune.fine_tune(model, windows, config.training)
    spantune.save_run(folder, model, tokenizer, config, result, spantune.Provenance(train=train, held_out=held_out))
    reader = spantune.Reader.load(folder)
    answer = reader.answer(held_out[0].question, held_out[0].context)
    scores = spantune.score_answers(held_out, reader.answer_many(held_out))
    print(f"{held_out[0].question} {answer.text!r}; held-out F1 {scores.f1:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
