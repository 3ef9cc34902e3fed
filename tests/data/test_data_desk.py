"""The repair desk: `check_files` with its outcome in files, choices taken back, causes told once."""

import json
from dataclasses import replace

import pytest

from spantune.data import Example, Span, check, check_files, read_examples, write_examples
from spantune.errors import ConfigError, MissingDataError, OutputError

CONTEXT = "Ada wrote to Bo. Bo wrote back, and Ada was glad."


def row(number, answer, start, **more):
    return {
        "id": f"q{number}",
        "question": "Who?",
        "context": f"{number}. {CONTEXT}",
        "answers": [{"text": answer, "answer_start": start}],
        **more,
    }


@pytest.fixture
def mixed(tmp_path):
    """One record kept, one repaired, one ambiguous, one absent, one contradiction, one repeated, one line broken."""
    rows = [
        row(1, "wrote back", 23),
        row(2, "glad", 0),
        row(3, "Ada", 22),
        row(4, "Eva", 3),
        row(5, "Ada", 3, is_impossible=True),
        row(1, "wrote back", 23),
    ]
    file = tmp_path / "mixed.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n{broken\n")
    return file


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_record_read_is_in_exactly_one_of_the_files(mixed, tmp_path):
    report = check_files([mixed], fix=tmp_path / "out")
    out = tmp_path / "out"
    clean, quarantine, dropped = (lines(out / f"{name}.jsonl") for name in ("clean", "quarantine", "dropped"))
    assert (len(clean), len(quarantine), len(dropped)) == (2, 3, 2)
    assert (report.read, report.kept, report.repaired, report.quarantined, report.dropped) == (7, 1, 1, 3, 2)
    assert {outcome: sum(codes.values()) for outcome, codes in report.reasons.items()} == {
        "kept": 1,
        "repaired": 1,
        "quarantined": 3,
        "dropped": 2,
    }
    (account,) = report.sources
    assert account.read == account.kept + account.repaired + account.quarantined + account.dropped == 7
    assert {one["id"]: one["reason"] for one in quarantine} == {"q3": "ambiguous", "q4": "absent", "q5": "contradiction"}
    assert {one["code"] for one in dropped} == {"duplicate_record", "line_not_json"}
    assert json.loads((out / "report.json").read_text()) == json.loads(json.dumps(report.as_dict()))


def test_a_repair_is_written_with_old_and_new_span_reason_and_place(mixed, tmp_path):
    check_files([mixed], fix=tmp_path / "out")
    (repair,) = lines(tmp_path / "out" / "repairs.jsonl")
    assert repair == {
        "id": "q2",
        "file": str(mixed),
        "where": "line 2",
        "reason": "exact_elsewhere_unique",
        "field": "answer",
        "old": {"text": "glad", "answer_start": 0},
        "new": {"text": "glad", "answer_start": 47},
    }


def test_what_reading_changed_is_written_with_its_real_old_value(tmp_path):
    """Previously the old value of such a repair was a sentence, and an id was told as an answer."""
    context = "It was Ada."
    rows = [
        {"id": [1], "question": "Who?", "context": context, "answers": [{"text": "Ada", "answer_start": 7}]},
        {"id": "b", "question": "Whose?", "context": context, "answers": [{"text": "Ada", "answer_start": "p. 3"}]},
        {"id": "c", "question": "Who is it?", "context": context, "answers": [None, " ", {"text": "Ada", "answer_start": 7}]},
    ]
    (tmp_path / "q.json").write_text(json.dumps(rows))
    check_files([tmp_path / "q.json"], fix=tmp_path / "out")
    found = [(one["reason"], one["field"], one["old"], one["new"]) for one in lines(tmp_path / "out" / "repairs.jsonl")]
    assert found == [
        ("id_not_a_name", "id", "[1]", "[0]"),
        ("start_not_a_number", "answer", {"text": "Ada", "answer_start": "p. 3"}, {"text": "Ada"}),
        ("answer_null", "answer", None, None),
        ("answer_empty", "answer", {"text": " "}, None),
    ]
    (tmp_path / "t.json").write_text('[{"text": "Hi", "label": " spam "}]')
    ((repair),) = check(read_examples(tmp_path / "t.json")).repairs
    assert (repair.field, repair.old, repair.new) == ("label", " spam ", "spam")


def test_the_clean_set_is_clean_and_its_answers_equal_their_slices(mixed, tmp_path):
    check_files([mixed], fix=tmp_path / "out")
    clean = read_examples(tmp_path / "out" / "clean.jsonl")
    report = check(clean)
    assert report.ok and report.read == 2
    assert all(x.context[span.start : span.end] == span.text for x in report.examples for span in x.answers)


def test_files_and_memory_give_the_same_account(mixed):
    streamed, held = check_files([mixed]).as_dict(), check(read_examples(mixed)).as_dict()
    assert streamed == held


def test_the_data_is_not_held_by_a_check_of_files(mixed):
    seen = []
    report = check_files([mixed], into=seen)
    assert report.examples == () and [one.record.id for one in seen if one.record] == ["q1", "q2"]


# --- a person's choices -------------------------------------------------------------------------------------------


def decide(folder, choices):
    """Write each record's choice into the quarantine file, as a person with an editor would."""
    file = folder / "quarantine.jsonl"
    rows = [{**one, "choice": choices.get(one["id"])} for one in lines(file)]
    file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rows))
    return file


def test_choices_are_taken_back(mixed, tmp_path):
    check_files([mixed], fix=tmp_path / "one")
    offered = {one["id"]: one["candidates"] for one in lines(tmp_path / "one" / "quarantine.jsonl")}
    ada = next(offer["number"] for offer in offered["q3"] if offer["answer_start"] == 39)
    file = decide(tmp_path / "one", {"q3": ada, "q4": "unanswerable", "q5": {"text": "Ada", "answer_start": 3}})
    report = check_files([mixed], accept=file, fix=tmp_path / "two")
    assert (report.kept, report.repaired, report.quarantined, report.dropped) == (1, 4, 0, 2)
    by_id = {x.id: x for x in read_examples(tmp_path / "two" / "clean.jsonl")}
    assert by_id["q3"].answers == (Span("Ada", 39),)
    assert by_id["q4"].answers == ()
    assert by_id["q5"].answers == (Span("Ada", 3),)
    chosen = [one for one in lines(tmp_path / "two" / "repairs.jsonl") if one["reason"] == "chosen"]
    assert [one["id"] for one in chosen] == ["q3", "q4", "q5"]
    assert chosen[1]["new"] is None
    assert lines(tmp_path / "two" / "quarantine.jsonl") == []


def test_undecided_records_stay_in_quarantine_and_drop_drops(mixed, tmp_path):
    check_files([mixed], fix=tmp_path / "one")
    report = check_files([mixed], accept=decide(tmp_path / "one", {"q4": "drop"}))
    assert (report.quarantined, report.dropped) == (2, 3)
    assert report.reasons["dropped"]["dropped_by_choice"] == 1


def test_several_references_may_be_chosen_and_text_alone_if_it_occurs_once(mixed, tmp_path):
    check_files([mixed], fix=tmp_path / "one")
    file = decide(tmp_path / "one", {"q3": [1, 2], "q4": "glad"})
    report = check_files([mixed], accept=file, fix=tmp_path / "two")
    by_id = {x.id: x for x in read_examples(tmp_path / "two" / "clean.jsonl")}
    assert report.repaired == 3
    assert len(by_id["q3"].answers) == 2 and by_id["q4"].answers == (Span("glad", 47),)


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (99, "there is no candidate 99"),
        ("Ada", "occurs several times in the context; give its answer_start too"),
        ("Nobody", "the context does not have 'Nobody'"),
        ({"text": "Ada", "answer_start": 1}, "the context does not have 'Ada' at 1"),
        ([], "an empty list says nothing"),
        (True, "expected the number of a candidate"),
    ],
)
def test_choices_that_cannot_be_used_are_told_with_their_line_all_at_once(mixed, tmp_path, choice, told):
    check_files([mixed], fix=tmp_path / "one")
    file = decide(tmp_path / "one", {"q3": choice, "q4": 99})
    with pytest.raises(ConfigError) as error:
        check_files([mixed], accept=file, fix=tmp_path / "two")
    assert "2 choices" in error.value.found and "line 1 ('q3')" in error.value.found and "line 2 ('q4')" in error.value.found
    assert told in error.value.found
    assert not (tmp_path / "two").exists()


def test_a_choice_for_a_record_that_changed_meanwhile_is_not_taken_and_told(mixed, tmp_path):
    check_files([mixed], fix=tmp_path / "one")
    file = decide(tmp_path / "one", {"q3": 1})
    mixed.write_text(mixed.read_text().replace("glad", "sad"))
    report = check_files([mixed], accept=file)
    assert report.choices_left == ("q3",)
    assert "1 choice found no record to be made for: q3" in report.notes


def test_choices_are_never_written_over(mixed, tmp_path):
    check_files([mixed], fix=tmp_path / "one")
    check_files([mixed], fix=tmp_path / "one")  # nothing was decided: the same folder may be used again
    file = decide(tmp_path / "one", {"q3": 1})
    with pytest.raises(ConfigError, match="written over while it is needed"):
        check_files([mixed], fix=tmp_path / "one", accept=file)
    with pytest.raises(OutputError, match="holds choices that somebody made"):
        check_files([mixed], fix=tmp_path / "one")


def test_files_that_no_check_wrote_are_not_written_over(mixed, tmp_path):
    """Previously a report.json or clean.jsonl that happened to lie in the folder was replaced without a word."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.json").write_text("[1]")
    with pytest.raises(OutputError, match=r"holds report\.json, which no earlier check wrote"):
        check_files([mixed], fix=tmp_path / "mine")
    with pytest.raises(ConfigError, match="written over while it is needed"):
        check_files([mixed], fix=tmp_path / "two", spare=[tmp_path / "two" / "clean.jsonl"])


def test_a_choice_that_the_record_cannot_take_is_told_and_the_record_stays(mixed, tmp_path):
    """Previously a choice was measured by the context in its own line, which somebody may have edited."""
    check_files([mixed], fix=tmp_path / "one")
    file = decide(tmp_path / "one", {"q3": {"text": "Zoe", "answer_start": 0}, "q4": "keep"})
    file.write_text(file.read_text().replace(f'"context": "3. {CONTEXT}', f'"context": "Zoe. {CONTEXT}'))
    report = check_files([mixed], accept=file)
    assert (report.quarantined, sorted(report.choices_left)) == (3, ["q3", "q4"])


def test_keep_keeps_what_is_there_and_aligns_it(tmp_path):
    """Previously an unlabelled record that somebody kept became an unanswerable one."""
    rows = [{"id": "a", "question": "Who\0?", "context": CONTEXT}, {**row(1, "glad", 46), "question": "\u202eWho?"}]
    file = tmp_path / "doubt.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    check_files([file], fix=tmp_path / "one")
    check_files([file], accept=decide(tmp_path / "one", {"a": "keep", "q1": "keep"}), fix=tmp_path / "two")
    unlabelled, aligned = read_examples(tmp_path / "two" / "clean.jsonl")
    assert unlabelled.answers is None and aligned.answers == (Span("glad", 47),)


def test_the_account_of_each_file_adds_up_however_its_name_is_written(mixed, tmp_path, monkeypatch):
    """Previously a broken line of './x.jsonl' was booked under 'x.jsonl', a file that nobody had named."""
    monkeypatch.chdir(tmp_path)
    (account,) = check_files(["./mixed.jsonl"]).sources
    assert (account.read, account.dropped) == (7, 2)


def test_many_records_of_one_id_take_no_longer_each():
    """Previously the n-th of them tried n names; 88,000 would have taken a quarter of an hour."""
    report = check([Example("x", f"Who {number}?", "Ada.", (Span("Ada", 0),)) for number in range(5_000)])
    assert (report.repaired, report.examples[-1].id) == (4_999, "x#5000")


def test_records_whose_starts_differ_are_two_records():
    """Previously starts of -1 and -2, whose hashes Python makes equal, were the same record, and one was dropped."""
    report = check([Example("x", "Who?", "Ada.", (Span("Ada", start),)) for start in (-1, -2)])
    assert report.dropped == 0


def test_what_no_cause_explains_is_listed_however_many_a_cause_explains(tmp_path):
    """Previously the first hundred of a kind were listed, explained ones among them, and the others were lost in the count."""
    rows = [row(number, "Ada", len(f"{number}. ") + 1) for number in range(150)]
    rows += [row(number, "glad", 0) for number in range(200, 205)]
    file = tmp_path / "both.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    report = check_files([file])
    assert len(report.findings) == 1 and {problem.record_id for problem in report.problems} == {
        f"q{n}" for n in range(200, 205)
    }


def test_a_file_that_is_no_quarantine_file_is_told(mixed, tmp_path):
    with pytest.raises(ConfigError, match="line 1 is not a line of a quarantine file"):
        check_files([mixed], accept=mixed)


def test_half_a_surrogate_pair_can_wait_for_a_choice(tmp_path):
    """Previously a record with one, or in a file whose name is not UTF-8, ended the check with a traceback."""
    file = tmp_path / "caf\udce9.jsonl"
    file.write_text(json.dumps(row(1, "Ada", 22, note="\ud83d")) + "\n", encoding="utf-8")
    check_files([file], fix=tmp_path / "fixed")
    assert lines(tmp_path / "fixed" / "quarantine.jsonl")[0]["file"] == str(file)


@pytest.mark.parametrize(("encoding", "told"), [("utf-8-sig", None), ("utf-16", "save it as UTF-8")])
def test_choices_are_read_as_editors_save_them(mixed, tmp_path, encoding, told):
    """Previously a byte order mark before the choices was "not a line of a quarantine file"."""
    check_files([mixed], fix=tmp_path)
    chosen = [one | {"choice": "drop"} for one in lines(tmp_path / "quarantine.jsonl")]
    (tmp_path / "chosen.jsonl").write_text("".join(json.dumps(one) + "\n" for one in chosen), encoding=encoding)
    if told is None:
        assert check_files([mixed], accept=tmp_path / "chosen.jsonl").quarantined == 0
    else:
        with pytest.raises(MissingDataError) as caught:
            check_files([mixed], accept=tmp_path / "chosen.jsonl")
        assert caught.value.next_move == told


def test_the_input_is_not_written_over(mixed, tmp_path):
    check_files([mixed], fix=tmp_path / "one")
    with pytest.raises(ConfigError, match="written over while it is needed"):
        check_files([tmp_path / "one" / "clean.jsonl"], fix=tmp_path / "one")


def test_labels_are_chosen_too(tmp_path):
    file = tmp_path / "texts.csv"
    file.write_text("text,label\nHello,a\nHi,b\nHello,b\nHey,\n")
    check_files([file], fix=tmp_path / "one")
    rows = lines(tmp_path / "one" / "quarantine.jsonl")
    assert [one["reason"] for one in rows] == ["conflicting_labels", "label_missing"]
    rows = [{**rows[0], "choice": {"label": "a"}}, {**rows[1], "choice": "drop"}]
    choices = tmp_path / "choices.jsonl"
    choices.write_text("".join(json.dumps(one) + "\n" for one in rows))
    report = check_files([file], accept=choices)
    assert (report.kept, report.repaired, report.quarantined, report.dropped) == (2, 1, 0, 1)
    assert dict(report.labels) == {"a": 2, "b": 1}


def test_a_reference_that_a_record_lost_is_set_aside_and_can_be_chosen_again(tmp_path):
    """The record goes on with its other references, so it is repaired, not quarantined; nothing of it is lost."""
    answers = [{"text": "glad", "answer_start": 47}, {"text": "Eva", "answer_start": 0}]
    file = tmp_path / "two.jsonl"
    file.write_text(json.dumps({**row(1, "", 0), "answers": answers}))
    report = check_files([file], fix=tmp_path / "one")
    assert (report.repaired, report.quarantined, report.removed) == (1, 0, 1)
    assert "1 reference could not be aligned and was set aside; the others of these records stay" in report.notes
    (line,) = lines(tmp_path / "one" / "quarantine.jsonl")
    assert (line["reason"], line["answers"], line["kept"]) == ("reference_removed", answers[1:], answers[:1])
    assert lines(tmp_path / "one" / "repairs.jsonl")[0]["new"] is None
    choices = decide(tmp_path / "one", {"q1": {"text": "Ada", "answer_start": 3}})
    check_files([file], accept=choices, fix=tmp_path / "two")
    (record,) = read_examples(tmp_path / "two" / "clean.jsonl")
    assert record.answers == (Span("glad", 47), Span("Ada", 3))
    assert lines(tmp_path / "two" / "quarantine.jsonl") == []
    left_out = check_files([file], accept=decide(tmp_path / "one", {"q1": "drop"}), fix=tmp_path / "three")
    assert (left_out.removed, lines(tmp_path / "three" / "quarantine.jsonl")) == (0, [])
    with pytest.raises(ConfigError, match="goes on with its other references"):
        check_files([file], accept=decide(tmp_path / "one", {"q1": "unanswerable"}))


def test_texts_that_show_something_else_than_they_hold_are_set_aside_until_somebody_says_keep(tmp_path):
    file = tmp_path / "hidden.jsonl"
    rows = [{**row(0, "glad", 47), "question": "Who\0?"}, {**row(1, "glad", 47), "question": "\u202eWho?"}]
    file.write_text("\n".join(map(json.dumps, rows)))
    report = check_files([file], fix=tmp_path / "one")
    assert dict(report.reasons["quarantined"]) == {"question_has_nul": 1, "question_bidi_override": 1}
    report = check_files([file], accept=decide(tmp_path / "one", {"q0": "keep", "q1": "drop"}))
    assert (report.repaired, report.dropped, report.quarantined) == (1, 1, 0)


# --- causes -------------------------------------------------------------------------------------------------------


def one_based(tmp_path, count, first=None):
    """A file whose starts count from 1, after `first` rows whose starts are right."""
    rows = [row(number, "Ada", f"{number}. ".__len__() + (number >= (first or 0))) for number in range(count)]
    file = tmp_path / "one-based.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def test_a_systematic_cause_is_told_once_with_its_evidence(tmp_path):
    report = check_files([one_based(tmp_path, 40)], fix=tmp_path / "out")
    (finding,) = report.findings
    assert (finding.explained, finding.wrong, finding.starts, report.repaired) == (40, 40, 40, 40)
    assert report.problems == () and len(finding.examples) == 3
    assert not report.ok
    assert len(lines(tmp_path / "out" / "repairs.jsonl")) == 40
    assert len({one["reason"] for one in lines(tmp_path / "out" / "repairs.jsonl")}) == 1


def test_a_cause_decides_between_occurrences_that_nothing_else_could(tmp_path):
    """Both 'Ada' are far from the wrong start and there is a second one: only the file's habit tells which is meant."""
    far = "Ada " + "é" * 40 + " Ada " + "é" * 40 + " Bo{}"
    rows = [
        {"id": f"q{n}", "question": "Who?", "context": far.format(n), "answer": f"Bo{n}", "answer_start": 170} for n in range(9)
    ]
    rows.append({"id": "q9", "question": "Who?", "context": far.format(9), "answer": "Ada", "answer_start": 85})
    file = tmp_path / "bytes.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    report = check(read_examples(file))
    assert report.repaired == 10
    assert report.examples[-1].answers == (Span("Ada", 45),)
    assert [finding.explained for finding in report.findings] == [10]


def test_a_cause_that_shows_only_after_the_head_of_a_stream_is_still_told(tmp_path, monkeypatch):
    monkeypatch.setattr("spantune.data.desk.checking.HEAD", 10)
    report = check_files([one_based(tmp_path, 60, first=20)], fix=tmp_path / "out")
    assert (report.kept, report.repaired, len(report.findings)) == (20, 40, 1)
    assert dict(report.reasons["repaired"]) == {"counted_from_one": 40}  # as if the head had said so
    assert len(lines(tmp_path / "out" / "clean.jsonl")) == 60


def sliced(count, by):
    """Answers as a tool exports them that slices the context with shifted offsets."""
    start = CONTEXT.index("wrote back")
    span = Span(CONTEXT[start + by : start + by + 10], start + by)
    return [Example(str(number), "What?", CONTEXT, answers=(span,)) for number in range(count)]


def test_answers_that_cut_words_are_mended_where_the_whole_file_is_sliced_wrong():
    report = check(sliced(8, by=-1))
    assert (report.repaired, report.cut) == (8, 0)
    assert {x.answers[0].text for x in report.examples} == {"wrote back"}
    assert dict(report.reasons["repaired"]) == {"cut_word": 8}


def test_a_single_answer_that_cuts_words_is_kept_and_told_for_text_and_start_agree():
    report = check([*sliced(49, by=0), *(Example("odd", *("What?", CONTEXT), answers=x.answers) for x in sliced(1, by=-1))])
    assert (report.kept, report.cut) == (50, 1)
    assert report.notes == ("1 of 50 (2.0%) answers begin or end inside a word; text and start agree on it",)


def test_a_file_sliced_wrong_is_mended_in_the_one_direction_that_it_proves():
    """Previously each answer was moved to the nearest place that made it whole, some of them the wrong way."""
    words = "the lighthouse keeper counted seven grey ships that morning, while nobody watched the harbour below"
    starts = [at for at in range(4, 60) if words[at - 1] == " "]
    spans = [(at, words.index(" ", at + 12)) for at in starts]
    rows = [Example(str(at), "What?", words, (Span(words[at + 2 : end + 2], at + 2),)) for at, end in spans]
    report = check(rows)
    mended = {x.id: (x.answers[0].start, x.answers[0].end) for x in report.examples}
    assert all(mended[str(at)] in ((at, end), (at + 2, end + 2)) for at, end in spans)
    assert sum(mended[str(at)] == (at, end) for at, end in spans) > len(spans) / 2


def test_a_file_whose_answers_all_lack_their_last_letter_is_not_passed_over_in_silence():
    """Previously an end that was counted inclusively on one side and exclusively on the other went unremarked."""
    report = check([replace(x, answers=(Span("wrote bac", x.answers[0].start),)) for x in sliced(20, by=0)])
    assert (report.kept, report.cut) == (20, 20)
    assert report.notes == ("20 of 20 (100%) answers begin or end inside a word; text and start agree on it",)


def test_an_id_cannot_steer_the_terminal(tmp_path):
    """Previously texts were escaped in messages, and ids were not."""
    report = check([Example("\x1b[31mred\u202e", "Who?", CONTEXT, (Span("Eva", 0),))])
    assert "\x1b" not in str(report.problems[0]) and "\u202e" not in str(report.problems[0])


def test_problems_alike_are_listed_up_to_a_bound_and_counted_beyond(tmp_path):
    rows = [row(number, "Eva", 0) for number in range(150)]
    file = tmp_path / "absent.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    report = check_files([file])
    assert (len(report.problems), report.unlisted, report.quarantined) == (100, 50, 150)


def test_two_files_have_an_account_each(mixed, tmp_path):
    other = tmp_path / "other.json"
    write_examples([Example("q1", "Who?", "Ada.", answers=(Span("Ada", 0),))], other)
    report = check_files([mixed, other])
    assert [(account.read, account.kept) for account in report.sources] == [(7, 1), (1, 0)]
    assert report.reasons["repaired"]["duplicate_id"] == 1
    assert sum(account.read for account in report.sources) == report.read
