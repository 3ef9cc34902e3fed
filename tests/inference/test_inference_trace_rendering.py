import base64
import hashlib
import math
import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from spantune.inference import trace_html, trace_text
from spantune.inference.answers import Alternative, Answer
from spantune.inference.trace import TopScore, Trace, TraceCandidate, TraceToken, TraceWindow
from spantune.inference.trace_html import heat
from spantune.inference.trace_words import excerpt
from spantune.wording import visible

CONTEXT = "Paris is the capital of France. Lyon is large, and Marseille lies at the sea."
QUESTION = "What is the capital of France?"
HOSTILE = (
    "a </mark></div><script>alert('x')</script> \"><b onclick=1> \x1b[2J\x9b\u202egnp\u2066 \x00 & &amp; \ud800 \u2028 end\rx"
)


def make_trace(context=CONTEXT, answer="Paris", question=QUESTION, words_a_window=None, overlap=2):
    """A trace as the reader makes it: words as tokens, one window or overlapping ones, the answer (if any) on top."""
    words = [found.span() for found in re.finditer(r"\S+", context)]
    step = (words_a_window or len(words)) or 1
    begins = range(0, max(len(words) - overlap, 1), max(step - overlap, 1))
    start = context.index(answer) if answer else 0
    end = start + len(answer)
    windows = tuple(
        make_window(number, context, question, words[begin : begin + step], (start, end) if answer else None)
        for number, begin in enumerate(begins)
    )
    return Trace(question, context, windows, make_candidates(windows, answer, start, end), make_answer(answer, start, end))


def make_window(number, context, question, words, place):
    pieces = [("[CLS]", "special", None), *((word, "question", None) for word in question.split()), ("[SEP]", "special", None)]
    pieces += [(context[low:high].lower(), "context", (low, high)) for low, high in words] + [("[SEP]", "special", None)]
    tokens = tuple(
        TraceToken(at, text, 1000 + at, part, int(part == "context"), 1, *(span or (None, None)))
        for at, (text, part, span) in enumerate(pieces)
    )
    inside = [
        token for token in tokens if place and token.part == "context" and token.start < place[1] and token.end > place[0]
    ]
    first, last = (inside[0], inside[-1]) if inside else (tokens[0], tokens[0])
    scores = [
        (TopScore(top.position, top.token, top.part, 6.25, 0.9), TopScore(1, tokens[1].token, tokens[1].part, -2.5, 0.0))
        for top in (first, last)
    ]
    spans = [(token.start, token.end) for token in tokens if token.part == "context"] or [(0, 0)]
    return TraceWindow(number, spans[0][0], spans[-1][1], tokens, *scores, no_answer_score=-7.5)


def make_candidates(windows, answer, start, end):
    window = windows[0]
    home = next((one for one in windows if answer and one.start <= start and end <= one.end), window)
    reasons = ("valid, but scored lower than the answer", "ends before it starts")
    best = TraceCandidate(1, answer, start, end, home.window, 8, 9, 12.5, True, "highest score of all valid spans")
    return (
        *((best,) if answer else ()),
        TraceCandidate(2, "other", 3, 5, window.window, 8, 8, 3.5, False, reasons[0]),
        TraceCandidate(3, "[SEP] … x", None, None, window.window, 9, 7, 2.25, False, reasons[1]),
        TraceCandidate(
            4, "", None, None, None, None, None, -7.5, not answer, "the best span wins" if answer else "no span won"
        ),
    )


def make_answer(answer, start, end):
    if not answer:
        return Answer("", "", 0, 0, 0.71, 3.5, 0.71, 2.0, (Alternative("other", 3, 5, 0.12, 3.5),))
    return Answer("", answer, start, end, 0.876, 12.5, 0.0004, -20.0, (Alternative(answer, start, end, 0.876, 12.5),))


LONG = "Nothing of note. " * 400 + "The tower was drawn by Maurice Koechlin in 1884. " + "Little follows here. " * 300
TRACES = {
    "one window": make_trace(),
    "windows": make_trace(words_a_window=6),
    "no answer": make_trace(answer=""),
    "long": make_trace(LONG, "Maurice Koechlin", words_a_window=120, overlap=30),
    "Chinese": make_trace("巴黎是法国的首都。里昂很大，马赛靠海。" * 20, "里昂很大，马赛靠海", "法国的首都是哪里？"),
    "Arabic": make_trace("باريس هي عاصمة فرنسا وليون مدينة كبيرة", "باريس", "ما هي عاصمة فرنسا؟"),
    "hostile": make_trace(HOSTILE, "alert('x')</script> \"><b", HOSTILE),
    "markup of rich": make_trace("see [bold]this[/bold] :smile: [link=x]", "[bold]this[/bold]", "[red] :x:"),
}
every_trace = pytest.mark.parametrize("trace", TRACES.values(), ids=TRACES)


def part(text, title):
    """The lines of one part of a text trace, as one string with single spaces."""
    titles = ("1 Encoding", "2 Forward pass", "3 Selection", "Answer", None)
    after = titles[titles.index(title) + 1]
    lines = text.split("\n")
    return " ".join(" ".join(lines[lines.index(title) : lines.index(after) if after else None]).split())


def steering(text):
    return [one for one in text if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} and one != "\n"] + [
        one for one in text if unicodedata.bidirectional(one) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}
    ]


# -- as text


@every_trace
@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", None])
def test_the_text_fits_the_width_and_the_encoding(trace, width, encoding):
    text = trace_text(trace, width, encoding)
    lines = text.split("\n")
    assert max(map(cell_len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []
    assert text.encode(encoding or "ascii").decode(encoding or "ascii") == text
    assert steering(text) == []


@every_trace
def test_the_parts_stand_in_order(trace):
    lines = trace_text(trace).split("\n")
    heads = ["1 Encoding", "2 Forward pass", "3 Selection", "Answer"]
    assert [line for line in lines if line in heads] == heads


def test_the_encoding_lists_windows_and_tokens():
    text = part(trace_text(TRACES["windows"]), "1 Encoding")
    assert "0 15 0–31 where the answer was found" in text
    assert "Position Token Id Segment Mask Characters Text" in text
    assert "0 [CLS] 1000 0 1 – (special)" in text
    assert "1 What 1001 0 1 – (question)" in text
    assert "8 paris 1008 1 1 0–5 Paris" in text


def test_what_the_encoding_leaves_out_is_counted():
    trace = TRACES["long"]
    text = part(trace_text(trace), "1 Encoding")
    numbers = [int(found.replace(",", "")) for found in re.findall(r"… ([\d,]+) context tokens …", text)]
    home = next(
        one for one in trace.windows if f"{one.window} 129 " in text and "koechlin" in [token.token for token in one.tokens]
    )
    shown = re.findall(r" 1 1 \d+–\d+ ", text)
    assert sum(numbers) + len(shown) == sum(token.part == "context" for token in home.tokens)
    windows = sum(int(found) for found in re.findall(r"… (\d+) windows …", text))
    table = text[: text.index("as the model reads it")]
    assert windows + len(re.findall(r"\d+ \d+ \d+–\d+", table)) == len(trace.windows)


@pytest.mark.parametrize("words", [300, 5000])
def test_a_long_question_is_abbreviated(words):
    text = trace_text(make_trace(question="why " * words))
    assert len(text.split("\n")) < 100
    assert f"… {words - 24:,} question tokens …" in text


def test_a_question_of_unknown_tokens_is_abbreviated():
    trace = TRACES["one window"]
    window = trace.windows[0]
    tokens = tuple(TraceToken(at, "[UNK]", 100, "special", 0, 1, None, None) for at in range(400))
    text = trace_text(replace(trace, windows=(replace(window, tokens=tokens, top_starts=(), top_ends=()),)))
    assert "… 375 special tokens …" in text


def test_the_forward_pass_shows_scores_and_bars():
    text = part(trace_text(TRACES["one window"]), "2 Forward pass")
    assert "8 paris 6.25 90.0% █████████ 8 paris 6.25 90.0% █████████" in text
    assert "1 What -2.50 – 1 What -2.50 –" in text
    assert "A – is in the place of a probability where no answer may start or end." in text
    assert "not shown" not in text


def test_the_forward_pass_of_many_windows_shows_the_best_and_counts_the_others():
    trace = TRACES["long"]
    text = part(trace_text(trace), "2 Forward pass")
    home = trace.candidates[0].window
    shown = re.findall(r'Window (\d+): "no answer" scores -7.50', text)
    assert len(shown) == 3
    assert str(home) in shown
    assert f"{len(trace.windows) - 3} more windows not shown" in text
    assert "--json or --html" in text


@every_trace
def test_the_winner_is_marked_once_and_the_others_have_reasons(trace):
    text = part(trace_text(trace, 140), "3 Selection")
    assert text.count("►") == 1
    assert text.count("chosen: ") == 1
    winner = next(one for one in trace.candidates if one.chosen)
    assert f"► {winner.rank} {winner.score:.2f}" in text
    for one in trace.candidates:
        assert one.reason in text


def test_candidates_left_out_are_counted_and_a_late_winner_is_not_among_them():
    trace = TRACES["one window"]
    winner, other, *_ = trace.candidates
    many = [replace(other, rank=rank) for rank in range(1, 40)]
    text = part(trace_text(replace(trace, candidates=(*many, replace(winner, rank=40)))), "3 Selection")
    assert "… 27 candidates …" in text
    assert "► 40 12.50" in text


def test_the_answer_is_highlighted_in_its_context():
    text = part(trace_text(TRACES["long"]), "Answer")
    assert text.count(">>>") == text.count("<<<") == 1
    assert "drawn by >>>Maurice Koechlin<<< in 1884." in text
    before, after = (int(found.replace(",", "")) for found in re.findall(r"… ([\d,]+) characters …", text))
    cut = excerpt(LONG, LONG.index("Maurice"), LONG.index("Maurice") + 16)
    assert (before, after) == (cut.before, cut.after)
    assert text.endswith('"Maurice Koechlin": characters 6823–6839, probability 87.6% ("no answer": <0.1%)')


def test_without_an_answer_nothing_is_highlighted():
    text = part(trace_text(TRACES["no answer"]), "Answer")
    assert ">>>" not in text
    assert text.endswith('No answer in this context: probability 71.0%; the best span, "other", has 12.0%')


def test_without_any_possible_span_there_is_still_a_trace():
    trace = TRACES["no answer"]
    trace = replace(
        trace, answer=replace(trace.answer, no_answer_score=math.inf, alternatives=()), candidates=trace.candidates[-1:]
    )
    assert trace_text(trace).endswith("No answer in this context: probability 71.0%")
    assert "no answer in this context" in trace_html(trace)


def test_a_trace_whose_candidates_miss_the_answer_still_finds_its_window():
    trace = TRACES["windows"]
    trace = replace(trace, candidates=trace.candidates[1:], answer=replace(trace.answer, text="sea.", start=73, end=77))
    assert "–77 where the answer was found" in part(trace_text(trace), "1 Encoding")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "no-such-encoding", None])
def test_without_drawing_characters_lines_and_bars_are_ascii(encoding):
    text = trace_text(TRACES["one window"], encoding=encoding)
    assert text.isascii()
    assert "1 Encoding\n----------\n" in text
    assert "90.0% #########" in text
    assert "> 1 12.50" in part(text, "3 Selection")
    assert "[SEP] ... x" in text


def test_what_the_encoding_can_carry_is_kept():
    trace = make_trace("Émile Nouguier drew it in 里昂.", "Émile Nouguier")
    assert ">>>Émile Nouguier<<< drew it in \\u91cc\\u6602." in trace_text(trace, encoding="latin-1")


def test_control_characters_are_shown_as_escapes():
    text = part(trace_text(TRACES["hostile"], 140), "Answer")
    assert r"\x1b[2J\x9b\u202egnp\u2066 \x00" in text
    assert r"\ud800 \u2028 end\rx" in text


def test_line_breaks_of_the_context_are_shown_as_signs():
    assert "one↵>>>two<<<↵three" in trace_text(make_trace("one\ntwo\nthree", "two"))


def test_square_brackets_are_no_markup():
    assert ">>>[bold]this[/bold]<<< :smile: [link=x]" in trace_text(TRACES["markup of rich"])


def test_broken_scores_do_not_break_the_trace():
    trace = TRACES["one window"]
    broken = tuple(replace(score, logit=math.nan, probability=math.nan) for score in trace.windows[0].top_starts)
    trace = replace(trace, windows=(replace(trace.windows[0], top_starts=broken),))
    assert "nan" in trace_text(trace)
    assert 'width="nan' not in trace_html(trace)


def test_a_score_of_almost_nothing_has_no_sign():
    trace = TRACES["one window"]
    trace = replace(trace, windows=(replace(trace.windows[0], no_answer_score=-0.0001),))
    assert 'Window 0: "no answer" scores 0.00' in trace_text(trace)
    assert "“no answer” scores 0.00" in trace_html(trace)


def test_colours_are_never_used(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    assert trace_text(TRACES["one window"], 80).split("\n")[0] == f"Question  {QUESTION}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 里", "plain é 里"),
        ("a\nb\tc\\d", "a\nb\\tc\\d"),
        ("\u200e\u200f\u061c\ufeff\u00ad", r"\u200e\u200f\u061c\ufeff\xad"),
        ("می\u200cخواهم \u0600", "می\u200cخواهم \u0600"),  # spelling of Persian, a visible sign of Arabic
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


@given(st.text(), st.data())
def test_an_excerpt_leaves_out_what_it_counts(context, data):
    start = data.draw(st.integers(0, len(context)))
    end = data.draw(st.integers(start, len(context)))
    cut = excerpt(context, start, end, around=data.draw(st.integers(0, 8)))
    assert context[cut.before : len(context) - cut.after] == cut.head + cut.span + cut.tail
    assert cut.span == context[start:end]


# -- as a page

VOID = {"meta", "rect"}


class Page(HTMLParser):
    """The elements of a page with their texts; fails on elements that do not nest."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "text": "", **dict(attrs)})

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attributes):
        return [one for one in self.elements if one["tag"] == tag and all(one.get(k) == v for k, v in attributes.items())]


# fmt: off
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer", "h1", "h2", "p", "b", "i",
    "dl", "div", "dt", "dd", "svg", "rect", "details", "summary", "mark", "span", "ul", "ol", "li", "sup", "bdi",
    "table", "caption", "thead", "tbody", "tr", "th", "td",
}
# fmt: on


@every_trace
def test_the_page_is_self_contained_and_nothing_from_outside_is_markup(trace):
    page = Page(trace_html(trace, title=HOSTILE))
    assert {one["tag"] for one in page.elements} <= TAGS
    names = {name for one in page.elements for name in one}
    assert not {name for name in names if name.startswith("on")} | (names & {"src", "href", "style", "srcdoc", "action"})
    source = trace_html(trace, title=HOSTILE)
    assert steering(source) == []
    assert "url(" not in source
    assert "@import" not in source
    source.encode("utf-8")


@every_trace
def test_the_policy_allows_the_style_sheet_and_nothing_else(trace):
    page = Page(trace_html(trace))
    digest = base64.b64encode(hashlib.sha256(page.all("style")[0]["text"].encode()).digest()).decode()
    policy = next(one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.split("; ") == ["default-src 'none'", f"style-src 'sha256-{digest}'", "base-uri 'none'", "form-action 'none'"]


@every_trace
def test_the_answer_is_marked_once(trace):
    page = Page(trace_html(trace))
    assert [one["text"] for one in page.all("mark")] == ([visible(trace.answer.text)] if trace.answer.text else [])
    assert len(page.all("tr", **{"class": "won"})) == 1
    won = page.all("tr", **{"class": "won"})[0]["text"]
    assert won.startswith("► ")
    assert "chosen: " in won
    assert sum("chosen: " in row["text"] for row in page.all("tr")) == 1


@every_trace
def test_every_candidate_has_its_reason(trace):
    page = Page(trace_html(trace))
    rows = [row["text"] for row in page.all("tr")]
    for one in trace.candidates:
        assert any(one.reason in row for row in rows)


@every_trace
def test_every_token_of_every_window_is_on_the_page(trace):
    page = Page(trace_html(trace))
    chips = [one for one in page.all("li") if one.get("title", "").startswith("position ")]
    tokens = [token for window in trace.windows for token in window.tokens]
    assert [one["text"] for one in chips] == [visible(token.token) + str(token.id) for token in tokens]
    assert [one["class"][0] for one in chips] == [token.part[0] for token in tokens]
    assert "position 0, segment 0, mask 1" in {one["title"] for one in chips}


def test_the_window_of_the_answer_is_open_and_the_others_are_closed():
    trace = TRACES["windows"]
    page = Page(trace_html(trace))
    windows = [one for one in page.all("details") if "class" not in one]
    assert len(windows) == 2 * len(trace.windows)
    assert ["open" in one for one in windows] == 2 * ([True] + [False] * (len(trace.windows) - 1))
    assert [one["text"].count("◀ the answer is here") for one in windows if "open" in one] == [1, 1]


def test_the_context_can_be_read_whole():
    page = Page(trace_html(TRACES["long"]))
    answer = page.all("section")[0]["text"]
    assert "characters before" in answer
    assert LONG[:200] in answer
    assert LONG[-200:] in answer
    texts = [one["text"] for one in page.all("div", **{"class": "text"})][:3]
    assert "".join(texts) == LONG


def test_the_heat_says_in_words_what_its_colours_say():
    page = Page(trace_html(TRACES["one window"]))
    warm = next(one for one in page.all("span") if one.get("class") == "h hs s5 he e5")
    assert warm["text"] == "Parisstart 90.0% end 90.0%"


def test_the_heat_keeps_the_text_when_tokens_share_a_character():
    """Byte-level vocabularies spread one character over several tokens."""
    trace = TRACES["one window"]
    window = trace.windows[0]
    at = window.top_starts[0].position
    twin = replace(window.tokens[at], position=at + 1)
    tokens = (*window.tokens[: at + 1], twin, *window.tokens[at + 2 :])
    ends = (replace(window.top_ends[0], position=at + 1),)
    pieces = list(heat(trace, replace(window, tokens=tokens, top_ends=ends)))
    assert "".join(piece.text for piece in pieces) == CONTEXT
    assert [(piece.text, piece.start, piece.end) for piece in pieces if piece.start] == [("Paris", 0.9, 0.9)]


def test_tokens_run_in_the_direction_of_their_context():
    for name, direction in (("one window", "ltr"), ("Arabic", "rtl")):
        page = Page(trace_html(TRACES[name]))
        assert {one["dir"] for one in page.all("ol")} == {direction}
        assert page.all("p", **{"class": "asked"})[0]["dir"] == "auto"


def test_the_probabilities_are_those_of_the_spans():
    page = Page(trace_html(TRACES["one window"]))
    rows = [row["text"] for row in page.all("tr") if re.match(r"(► )?\d", row["text"])][-4:]
    assert [re.search(r"(-|−)?\d+\.\d\d(–|<?\d+\.\d%)", row)[2] for row in rows] == ["87.6%", "–", "–", "<0.1%"]


def test_every_region_has_a_name_and_every_table_has_heads():
    page = Page(trace_html(TRACES["windows"]))
    ids = {one["id"] for one in page.elements if "id" in one}
    assert {one["aria-labelledby"] for one in page.elements if "aria-labelledby" in one} <= ids
    assert all("aria-labelledby" in one or "aria-label" in one for one in page.elements if one.get("role") == "region")
    assert len(page.all("thead")) == len(page.all("table"))
    assert {one.get("scope") for one in page.all("th")} == {"col"}
    assert len(page.all("h1")) == 1


def test_a_page_of_a_long_context_stays_small():
    context = " ".join(f"word{number}" for number in range(376 * 30))
    trace = make_trace(context, "word5000", words_a_window=376, overlap=0)
    assert len(trace.windows) == 30
    assert len(trace_html(trace).encode()) < 3_000_000


# -- any text

anything = st.text(st.characters(exclude_categories=()), min_size=1)  # halves of surrogate pairs as well


@settings(max_examples=60)
@given(anything.filter(str.strip), anything.filter(str.strip), st.data())
def test_any_text_can_be_shown(context, question, data):
    start = data.draw(st.integers(0, len(context) - 1))
    answer = context[start : data.draw(st.integers(start + 1, len(context)))]
    width, encoding = data.draw(st.sampled_from([60, 80, 100])), data.draw(st.sampled_from(["utf-8", "ascii", "cp1252"]))
    trace = make_trace(context, answer, question)
    text = trace_text(trace, width, encoding)
    assert max(map(cell_len, text.split("\n"))) <= width
    assert text.encode(encoding).decode(encoding) == text
    assert steering(text) == []
    source = trace_html(trace, question)
    assert steering(source) == []
    page = Page(source)
    assert [one["text"] for one in page.all("mark")] == [visible(answer)]
    assert page.all("p", **{"class": "asked"})[0]["text"] == visible(question)
