"""The command line, through its real `main()`: what it prints, its JSON, its exit codes."""

import io
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from conftest import made_examples, made_texts

from spantune.cli import main as entry
from spantune.cli.terminal import Terminal
from spantune.config import known_keys
from spantune.data import Span, write_examples


@pytest.fixture
def spantune(monkeypatch, capsys):
    """Call the command line; gives exit code, standard output, standard error."""

    def call(*words, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["spantune", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as leaving:
            entry.main()
        printed = capsys.readouterr()
        return leaving.value.code, printed.out, printed.err

    return call


@pytest.fixture
def quick_words(tiny_model_folder):
    keys = {
        "windows.length": 64,
        "windows.stride": 16,
        "training.epochs": 2,
        "training.batch_size": 8,
        "training.precision": "fp32",
    }
    return ["--model", tiny_model_folder, *(word for key, value in keys.items() for word in ("--set", f"{key}={value}"))]


def as_json(result):
    """The JSON of a command that went well; nothing but JSON may be on standard output."""

    def refuse(name):
        raise ValueError(name)

    return json.loads(result[1], parse_constant=refuse)


def failed(result, *words):
    """A failure that says what was found, what was expected and what to do, and shows no Python."""
    code, out, err = result
    assert (code, out) == (2, "")
    assert re.search(r"^Error: .+", err, re.MULTILINE)
    assert re.search(r"^  expected: .+", err, re.MULTILINE)
    assert re.search(r"^  next:     .+", err, re.MULTILINE)
    assert "Traceback" not in err
    for word in words:
        assert word in err
    return True


# -- help


@pytest.mark.parametrize("name", ["demo", "check", "split", "train", "evaluate", "ask", "predict"])
def test_each_command_has_help_with_a_command_and_what_it_prints(spantune, name):
    code, out, err = spantune(name, "--help")
    assert (code, err) == (0, "")
    lines = [line.strip() for line in out.splitlines()]
    shown = next(at for at, line in enumerate(lines) if line.startswith(f"$ spantune {name}"))
    assert lines[shown + 1]
    assert "--json" in out


def test_the_help_lists_every_command(spantune):
    code, out, _ = spantune("--help")
    assert code == 0
    assert all(f"\n  {name} " in out for name in ("demo", "check", "split", "train", "evaluate", "ask", "predict"))


def test_the_version_and_the_settings_are_told(spantune):
    code, out, _ = spantune("--version")
    assert (code, bool(re.fullmatch(r"spantune \d+\.\d+\.\d+\n", out))) == (0, True)
    code, out, _ = spantune("train", "--list-settings")
    assert code == 0
    for key in ("training.epochs", "training.learning_rate", "training.save_steps", "windows.length", "windows.stride"):
        assert re.search(rf"^{re.escape(key)} = \S", out, re.MULTILINE)
    assert "training.folds = null  (whole, 1 to 20, null)" in out
    assert "training.precision = auto  (auto, fp32, bf16)" in out


@pytest.mark.parametrize("words", [["--list-settings", "--json"], ["--json", "--list-settings"]], ids=" ".join)
def test_the_settings_are_told_to_machines_too(spantune, words):
    schema = as_json(spantune("train", *words))
    assert schema["properties"]["held_out"] == {
        "default": 0.2,
        "description": known_keys()["held_out"],
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1,
        "title": "Held Out",
        "type": "number",
    }
    assert schema["$defs"]["TrainingConfig"]["properties"]["folds"]["anyOf"][0] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 20,
    }


@pytest.mark.parametrize(
    "words",
    [["trian"], ["train"], ["check"], ["train", "x.json"], ["ask", "run"], ["check", "x.json", "--jason"]],
    ids=" ".join,
)
def test_a_misused_command_is_told_with_the_way_to_help(spantune, words):
    code, out, err = spantune(*words)
    assert (code, out) == (2, "")
    assert "Usage: spantune" in err
    assert "-h' for help" in err
    assert "Error: " in err
    assert "Traceback" not in err


# -- check


def test_clean_data_gives_exit_code_0(spantune, data_folder):
    code, out, err = spantune("check", data_folder / "questions.json")
    assert (code, err) == (0, "")
    assert "40 records, read as squad (json)" in out
    assert "40 read: 40 kept, 0 repaired, 0 quarantined, 0 dropped" in out


def test_problems_give_exit_code_1_and_each_is_told_in_full(spantune, tmp_path):
    records = list(made_examples(8))
    records[2] = replace(records[2], answers=(Span(records[2].answers[0].text, records[2].answers[0].start + 1),))
    records[3] = replace(records[3], answers=(Span("no such text", 0),))
    write_examples(records, tmp_path / "q.json")
    code, out, _ = spantune("check", tmp_path / "q.json")
    assert code == 1
    assert (out.count("  found:    "), out.count("  expected: "), out.count("  next:     ")) == (2, 2, 2)
    assert "q.json" in out
    assert "(q2)" in out
    assert "(q3)" in out
    code, out, err = spantune("check", tmp_path / "q.json", "--json")
    report = as_json((code, out, err))
    assert (code, err) == (1, "")
    assert {"read", "kept", "repaired", "quarantined", "dropped", "problems"} <= report.keys()
    assert [report[name] for name in ("read", "kept", "repaired", "quarantined", "dropped")] == [8, 6, 1, 1, 0]
    assert [problem["record_id"] for problem in report["problems"]] == ["q2", "q3"]
    assert all({"file", "record_id", "found", "expected", "next_move"} <= problem.keys() for problem in report["problems"])


def test_a_broken_line_and_an_empty_context_are_records_that_are_dropped(spantune, tmp_path):
    good = '{"question": "Who?", "context": "Ada.", "answer": "Ada"}'
    (tmp_path / "q.jsonl").write_text(f'{good}\n{{"question":\n{{"question": "Who?", "context": "", "answer": ""}}\n')
    result = spantune("check", tmp_path / "q.jsonl", "--json")
    report = as_json(result)
    assert result[0] == 1
    assert [report[name] for name in ("read", "kept", "repaired", "quarantined", "dropped")] == [3, 1, 0, 0, 2]
    assert {"line 2", "line 3"} == {problem["where"] for problem in report["problems"]}


def test_many_problems_are_shown_in_part_and_given_whole_as_json(spantune, tmp_path):
    records = [replace(one, answers=(Span("no such text", 0),)) for one in made_examples(30)]
    write_examples([*records, *made_examples(2, seed=3)], tmp_path / "q.json")
    _, out, _ = spantune("check", tmp_path / "q.json")
    problems = as_json(spantune("check", tmp_path / "q.json", "--json"))["problems"]
    assert out.count("  found:    ") == 3
    assert len(problems) == 30
    assert "30 quarantined: absent: the context does not have the answer" in out
    assert "  … and 27 more" in out


def test_unreadable_data_gives_exit_code_2(spantune, tmp_path, data_folder):
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "none.json").write_text("[]")
    (tmp_path / "broken.json").write_text('{"data": [')
    (tmp_path / "columns.csv").write_text("a,b\n1,2\n")
    assert failed(spantune("check", tmp_path / "nowhere.json"), "no file at")
    assert failed(spantune("check", tmp_path / "nowhere.json", "--json"), "no file at")
    assert failed(spantune("check", tmp_path / "empty.json"), "empty")
    assert failed(spantune("check", tmp_path / "none.json"), "0 records")
    assert failed(spantune("check", tmp_path / "broken.json"), "broken.json")
    assert failed(spantune("check", tmp_path / "columns.csv"), "'a', 'b'", "--columns text=a,label=b")
    assert failed(spantune("check", data_folder / "questions.json", "--shape", "circle"), "circle")


# -- split


def test_split_writes_both_sides(spantune, data_folder, tmp_path):
    code, out, err = spantune("split", data_folder / "questions.json", "--out", tmp_path / "parts", "--held-out", "0.25")
    assert (code, err) == (0, "")
    assert out.startswith(f"30 records to {tmp_path / 'parts' / 'train.json'}, 10 to")
    made = as_json(spantune("split", data_folder / "questions.json", "--out", tmp_path / "again", "--seed", "7", "--json"))
    assert made["train_count"] + made["held_out_count"] == 40
    assert (tmp_path / "again" / "held-out.json").is_file()
    assert failed(
        spantune("split", data_folder / "questions.json", "--out", tmp_path / "x", "--held-out", "2"), "held_out is 2"
    )


# -- the whole road, as a new user goes it


def test_train_evaluate_ask_and_predict(spantune, quick_words, data_folder, tmp_path):
    run = tmp_path / "run"
    code, out, err = spantune("train", data_folder / "questions.json", "--out", run, *quick_words)
    assert code == 0
    assert "no --eval-data: 8 of 40 records held out" in err
    assert "training.learning_rate = 0.0003" in err
    assert re.search(r"epoch 2: training loss \d\.\d+, held-out loss \d\.\d+, EM \d+\.\d, F1 \d+\.\d: \w", err)
    assert "fine-tuned" in out
    assert "untuned" in out
    assert f"The run is in {run}. Next: spantune ask {run}" in out
    assert "[bold" not in out + err

    code, out, err = spantune("evaluate", run, data_folder / "held-out.json", "--out", tmp_path / "sheet.json")
    assert (code, err) == (0, "")
    assert re.match(r"12 questions: EM \d+\.\d, F1 \d+\.\d, precision \d+\.\d, recall \d+\.\d\n", out)
    assert re.search(r"\n  95% intervals: EM \d+\.\d to \d+\.\d, F1 ", out)
    assert re.search(r"\n! (poor|fair)|\n  (good|fair)", out)
    scores = as_json(spantune("evaluate", run, data_folder / "held-out.json", "--json"))
    assert {"count", "exact_match", "f1", "precision", "recall"} <= scores.keys()
    assert json.loads((tmp_path / "sheet.json").read_text())["f1"] == scores["f1"]

    code, out, err = spantune("ask", run, "What was the note?", "--context", "The note was 12.")
    assert (code, err) == (0, "")
    assert re.fullmatch(r".+\n  probability 0\.\d+, characters \d+ to \d+; no answer: 0\.\d+\n", out)

    code, out, err = spantune("predict", run, data_folder / "held-out.json", "--out", tmp_path / "a.jsonl")
    assert (code, out, err) == (0, f"12 predictions in {tmp_path / 'a.jsonl'}\n", "")
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [f"hq{number}" for number in range(12)]
    made = as_json(spantune("predict", run, data_folder / "held-out.json", "--out", tmp_path / "a.jsonl", "--json"))
    assert made == {"predictions": 12, "out": str(tmp_path / "a.jsonl")}


def test_texts_go_the_same_road_and_json_is_all_that_standard_output_gets(spantune, quick_words, data_folder, tmp_path):
    run = tmp_path / "run"
    result = spantune("train", data_folder / "texts.json", "--out", run, *quick_words, "--json")
    made = as_json(result)
    assert result[0] == 0
    assert "epoch 2: training loss" in result[2]
    assert {"run", "task", "scores", "untuned_scores", "data", "choices", "history"} <= made.keys()
    assert made["scores"].keys() == {"accuracy", "macro_f1"}
    write_examples(made_texts(10, seed=5), tmp_path / "t.json")
    assert {"count", "accuracy", "macro_f1"} <= as_json(spantune("evaluate", run, tmp_path / "t.json", "--json")).keys()
    first, sampled, second = spantune("evaluate", run, tmp_path / "t.json")[1].splitlines()
    assert re.fullmatch(r"  95% intervals: accuracy \d+\.\d to \d+\.\d, macro-F1 \d+\.\d to \d+\.\d", sampled)
    assert re.fullmatch(r"10 texts: accuracy \d+\.\d, macro-F1 \d+\.\d", first)
    assert second.startswith("without those that the training data knows: 7 texts: accuracy")
    code, out, _ = spantune("ask", run, "It speaks of France.", "--top", "2")
    assert (code, sorted(line.split()[0] for line in out.splitlines())) == (0, ["no", "yes"])
    assert failed(spantune("ask", run, "It speaks of France.", "--trace"), "a trace of a classified text")
    assert as_json(spantune("ask", run, "It speaks of France.", "--json"))["label"] in {"no", "yes"}


def test_settings_come_from_a_file_and_single_ones_win(spantune, quick_words, data_folder, tmp_path):
    (tmp_path / "c.yaml").write_text("training: {epochs: 1, seed: 7}\n")
    words = ["train", data_folder / "texts.json", "--out", tmp_path / "run", "--config", tmp_path / "c.yaml", *quick_words]
    assert spantune(*words)[0] == 0
    config = json.loads((tmp_path / "run" / "spantune.json").read_text())["config"]
    assert (config["training"]["epochs"], config["training"]["seed"]) == (2, 7)


def test_an_interrupted_training_is_gone_on_with(spantune, quick_words, data_folder, tmp_path, monkeypatch):
    moved = Terminal.progress

    def progress(self, stage, done, total):
        moved(self, stage, done, total)
        if (stage, done) == ("training", 6):
            raise KeyboardInterrupt

    words = ["train", data_folder / "questions.json", "--out", tmp_path / "run", *quick_words]
    with monkeypatch.context() as patched:
        patched.setattr(Terminal, "progress", progress)
        code, _, err = spantune(*words)
    assert code == 130
    assert "interrupted" in err
    assert "--resume" in err
    assert "Traceback" not in err
    assert failed(spantune(*words), "interrupted run", "--resume")
    assert failed(spantune(*words, "--resume", "--set", "training.weight_decay=0.5"), "weight_decay (0.01, now 0.5) differ")
    assert failed(spantune("ask", tmp_path / "run", "Who?", "--context", "Ada."), "interrupted run")
    code, _, err = spantune(*words, "--resume")
    assert code == 0
    assert "epoch 2" in err
    assert "epoch 1" not in err


# -- ask


def test_ask_reads_the_context_from_anywhere(spantune, reader_run, tmp_path):
    context = "Report 3. The note was 12."
    (tmp_path / "c.txt").write_text(context)
    question = "What was the note?"
    given = spantune("ask", reader_run, question, "--context", context)
    assert given == spantune("ask", reader_run, question, "--context-file", tmp_path / "c.txt")
    assert given == spantune("ask", reader_run, question, "-", stdin=context.encode())
    assert given[0] == 0


def test_ask_shows_as_many_answers_as_wanted(spantune, reader_run):
    words = ["ask", reader_run, "What was the note?", "--context", "Report 3. The note was 12.", "--top", "3"]
    _, out, _ = spantune(*words)
    assert re.findall(r"^  (\d)\. ", out, re.MULTILINE) == ["1", "2", "3"]
    answer = as_json(spantune(*words, "--json"))
    assert {"text", "start", "end", "probability", "no_answer_probability", "alternatives"} <= answer.keys()
    assert len(answer["alternatives"]) == 3


def test_ask_shows_the_trace_as_text_as_json_and_as_a_page(spantune, reader_run, tmp_path):
    words = ["ask", reader_run, "What was the note?", "--context", "Report 3. The note was 12."]
    code, out, err = spantune(*words, "--trace", "--html", tmp_path / "t.html")
    assert code == 0
    assert "[CLS]" in out
    assert f"the trace is in {tmp_path / 't.html'}" in err
    assert "</html>" in (tmp_path / "t.html").read_text()
    trace = as_json(spantune(*words, "--trace", "--json"))["trace"]
    assert {"windows", "candidates", "answer"} <= trace.keys()
    assert sum(one["chosen"] for one in trace["candidates"]) == 1


def test_ask_tells_what_it_lacks(spantune, reader_run, tmp_path):
    (tmp_path / "latin.txt").write_bytes("Café 1973".encode("latin1"))
    (tmp_path / "empty.txt").write_bytes(b"")
    ask = ["ask", reader_run, "What was the note?"]
    assert failed(spantune(*ask), "0 contexts")
    assert failed(spantune(*ask, "--context", "x", "--context-file", tmp_path / "empty.txt"), "2 contexts")
    assert failed(spantune(*ask, "-", "--context", "x"), "2 contexts")
    assert failed(spantune(*ask, "--context", ""), "the context is ''")
    assert failed(spantune(*ask, "-"), "the context is ''")
    assert failed(spantune(*ask, "--context-file", tmp_path / "empty.txt"), "the context is ''")
    assert failed(spantune(*ask, "--context-file", tmp_path / "latin.txt"), "not UTF-8", "iconv")
    assert failed(spantune(*ask, "-", stdin="Café".encode("latin1")), "standard input is not UTF-8")
    assert failed(spantune(*ask, "--context-file", tmp_path / "nowhere.txt"), "No such file")
    assert failed(spantune("ask", reader_run, "When was it? " * 99, "--context", "x"), "tokens, too many", "windows.length")
    assert failed(spantune("ask", reader_run, "", "--context", "x"), "the question is ''")
    assert failed(spantune("ask", tmp_path, "Who?", "--context", "x"), "not a run folder")
    code, _, err = spantune("ask", reader_run, "Who?", "context")
    assert (code, "'context' after the question" in err, "--context TEXT" in err) == (2, True, True)


# -- what goes wrong in a training


def test_mistakes_in_the_settings_are_shown_together(spantune, data_folder, tmp_path):
    wrong = ["--set", "training.epochs=none", "--set", "windows.lenght=64", "--set", "training.batch_size=0", "--set", "x"]
    result = spantune("train", data_folder / "texts.json", "--out", tmp_path / "run", *wrong)
    assert failed(result, "4 mistakes", "training.epochs", "did you mean windows.length?", "training.batch_size", "'x'")
    assert not (tmp_path / "run").exists()
    assert failed(spantune("train", "x.json", "--out", tmp_path / "run", "--config", tmp_path / "no.yaml"), "no.yaml")


def test_a_training_that_cannot_begin_leaves_nothing(spantune, quick_words, data_folder, reader_run, tmp_path):
    (tmp_path / "weightless").mkdir()
    (tmp_path / "weightless" / "config.json").write_text('{"model_type": "bert"}')
    train = ["train", data_folder / "questions.json", "--out", tmp_path / "run"]
    assert failed(spantune(*train, "--model", tmp_path / "weightless"), "holds no weights")
    assert failed(spantune(*train, *quick_words, "--eval-data", data_folder / "texts.json"), "task 'classify'")
    assert failed(spantune(*train, *quick_words, "--set", "windows.length=512"), "128 positions", "windows.length=128")
    assert failed(spantune("train", tmp_path / "no.json", "--out", tmp_path / "run"), "no file at")
    assert not (tmp_path / "run").exists()
    assert failed(spantune("train", data_folder / "texts.json", "--out", reader_run), "finished run")
    assert failed(spantune(*train, "--resume"), "nothing to resume")


def test_warnings_stand_on_standard_error_with_json_too(spantune, quick_words, data_folder, reader_run, tmp_path):
    fast = [*quick_words, "--set", "training.learning_rate=1e-2", "--set", "training.epochs=1", "--json"]
    result = spantune("train", data_folder / "texts.json", "--out", tmp_path / "run", *fast)
    assert as_json(result)
    assert result[2].startswith("WARNING: training.learning_rate is 0.01: steps this large overwrite")
    result = spantune("evaluate", reader_run, data_folder / "questions.json", "--json")
    assert as_json(result)["seen_in_training"] == 40
    assert result[2].startswith("WARNING: 40 of 40 test records (100%) are known from training")


def test_letters_that_the_terminal_lacks_are_no_crash(reader_run, spantune, monkeypatch):
    """Previously an answer in Chinese ended in a UnicodeEncodeError where the terminal's encoding was not UTF-8."""
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="latin1")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert spantune("ask", reader_run, "何时?", "--context", "黑豹队的防守只丢了")[0] == 0
    narrow.flush()
    assert rb"\u" in narrow.buffer.getvalue()


# -- the real thing


def test_a_process_of_its_own_fails_with_words_and_exit_code_2(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "spantune", "check", tmp_path / "nowhere.json"], capture_output=True, text=True, check=False
    )
    assert failed((ended.returncode, ended.stdout, ended.stderr), "no file at")
