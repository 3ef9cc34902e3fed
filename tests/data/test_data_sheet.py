"""The data sheet: one page that holds what the data says and nothing that the data makes."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantune.data import Example, Span, TextExample, check
from spantune.data.statistics import Advice, TokenMeasures, WindowRow, data_sheet, pick, statistics
from spantune.data.statistics.distributions import distribution
from spantune.data.statistics.drawing import WIDTH, bar_rows, histogram, positions
from spantune.data.statistics.showing import AROUND, LONGEST_PIECE, PICKED, REFERENCES, excerpt, show
from spantune.wording import shortened, visible

VOID = {"meta", "br"}  # and those that are written with a slash
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}</style>",
    "</title><h1>gone</h1>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- ",
    "]]>&lt;b&gt;&#60;",
    "\u202egnp.exe\u2066\u2069",
    "nul \x00 bell \x07 esc \x1b[31m del \x7f",
    "half \ud83d of it",
    "line\u2028paragraph\u2029end",
)


class Page(HTMLParser):
    """Every element, attribute and text of a page; fails on elements that are not closed."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)


def measures(name="embedded"):
    """Token measures of a made-up tokenizer."""
    lengths = distribution({12: 3, 90: 5, 400: 2})
    rows = tuple(WindowRow(n, n // 3, 10, 20, 2_000, 8, lost, lost, 0, 0, 2_000.0 * n) for n, lost in ((128, 3), (256, 0)))
    advised = WindowRow(256, 64, 10, 14, 1_900, 8, 0, 0, 0, 0, 1_900.0)
    return TokenMeasures(
        name, 10, 10, lengths, lengths, lengths, None, rows, advised, (Advice("windows.length", 256, "cheap"),)
    )


def asked(text="Who wrote it?", context="It was Ada, in 1843.", answer="Ada", number=0, **options):
    return Example(f"q{number}", text, context, (Span(answer, context.index(answer)),), **options)


def sheet(*records, report=None, tokens=None, **options):
    return data_sheet(statistics(records, tokens), report, records, **options)


ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "section", "footer", "article", "h1", "h2", "h3", "p",
    "dl", "div", "dt", "dd", "small", "ul", "ol", "li", "bdi", "figure", "figcaption", "svg", "rect", "line", "text", "details",
    "summary", "b", "span", "table", "caption", "thead", "tbody", "tr", "th", "td", "code", "mark", "sup", "br",
}  # fmt: skip
OURS = {
    "aria-label", "aria-labelledby", "aria-hidden", "charset", "class", "colspan", "content", "dir", "height", "hidden",
    "http-equiv", "id", "lang", "name", "open", "preserveaspectratio", "role", "scope", "tabindex", "text-anchor", "viewbox",
    "width", "x", "x1", "x2", "y", "y1", "y2",
}  # fmt: skip


def assert_ours(html):
    """No element, attribute, colour or address of the data's making, nothing that could steer a reader's eye."""
    page = Page(html)
    assert set(page.elements) <= ALLOWED
    assert {name for _, name, _ in page.attributes} <= OURS
    assert page.elements.count("style") == page.elements.count("h1") == 1
    html.encode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\ufeff]", html)
    for _, name, value in page.attributes:
        assert "://" not in (value or "")
        assert name != "id" or value in {
            "counts", "remarks", "lengths", "windows", "kinds", "labels", "account", "examples",
        }  # fmt: skip
    return page


def hostile_records(text):
    context = f"before {text} after"
    first = Example(text, text, context, (Span(text, 7), Span("after", len(context) - 5)), text)
    return [
        first,
        Example("2", text, context, (), text),
        Example("3", text, text),
        Example("4", text, context, (Span("Z", 1),)),
    ]


# -- what is on it


def test_a_page_of_questions_shows_counts_pictures_windows_kinds_and_examples():
    page = assert_ours(sheet(*(asked(number=n) for n in range(3)), tokens=measures(), title="my data"))
    for said in (
        "my data",
        "3 questions about 1 context",
        "Contexts, in words",
        "Where answers begin",
        "windows.length=256",
        "who",
    ):
        assert said in page.text
    assert page.text.count("►") == 1


def test_a_page_of_texts_shows_labels_and_no_questions():
    records = [TextExample(str(n), f"text {n}", "yes" if n % 3 else "no") for n in range(30)]
    page = assert_ours(sheet(*records))
    assert "30 texts, 2 labels" in page.text
    assert "Where answers begin" not in page.text


@pytest.mark.parametrize(
    "records", [[], [Example("1", "?", "x")], [TextExample("1", "x")], [asked(), TextExample("1", "x", "y")]]
)
def test_data_with_little_in_it_makes_a_page_all_the_same(records):
    assert_ours(sheet(*records))
    assert_ours(sheet(*records, report=check(records), tokens=TokenMeasures("x", 0, 0)))


def test_the_account_of_a_check_is_shown_with_each_reason_and_the_span_before_and_after():
    shifted = [Example(f"s{n}", "Who?", f"Note {n}: it was Ada Lovelace.", (Span("Ada Lovelace", 3),)) for n in range(3)]
    records = [asked(), *shifted, Example("absent", "Who?", "Nobody.", (Span("Grace Hopper", 0),))]
    report = check(records)
    page = assert_ours(sheet(*report.examples, report=report))
    assert "Repaired3 60.0%" in " ".join(page.text.split()).replace("Repaired ", "Repaired")
    assert all(code in page.text for code in {problem.code for problem in report.problems})
    assert "before" in page.text and "after" in page.text


def test_what_else_stands_out_is_said():
    assert "12 of 90 test questions" in assert_ours(sheet(asked(), remarks=["12 of 90 test questions are known"])).text


def test_the_same_data_gives_the_same_bytes():
    records = [asked(number=n, document=f"d{n}") for n in range(40)]
    report = check(records)
    pages = {data_sheet(statistics(rows), report, pick(rows)) for rows in (records, records[::-1], tuple(records))}
    assert len(pages) == 1


# -- examples


def marks_of(html):
    return re.findall(r'<mark class="(m\d(?: both)?)">(?:<sup dir="ltr">([\d ]+)</sup>)?([^<]*)</mark>', html)


def test_answers_are_marked_in_their_context_and_references_told_apart():
    context = "It was Ada Lovelace, they say."
    spans = (Span("Ada", 7), Span("Ada Lovelace", 7), Span("they", 21))
    html = sheet(Example("1", "Who?", context, spans))
    assert marks_of(html) == [("m1 both", "1 2", "Ada"), ("m2", "", " Lovelace"), ("m3", "3", "they")]
    assert Page(html).text.count("Ada Lovelace") >= 1


def test_a_long_context_is_cut_around_its_answers():
    context = "w " * 5_000 + "Ada" + " v" * 5_000 + " Grace" + " u" * 5_000
    shown = show(Example("1", "Who?", context, (Span("Ada", 10_000), Span("Grace", context.index("Grace")))))
    texts = [piece.text for piece in shown.text.pieces]
    assert "Ada" in texts and "Grace" in texts
    assert sum(map(len, texts)) <= 4 * AROUND + 10
    assert sum(map(len, texts)) + sum(piece.skipped for piece in shown.text.pieces) == len(context)


@given(
    st.text("ab c\n黑ب", min_size=1, max_size=900), st.lists(st.tuples(st.integers(0, 899), st.integers(1, 900)), max_size=9)
)
def test_pieces_are_the_context_with_nothing_lost_and_marks_where_the_references_are(context, places):
    spans = [Span(context[low : low + size], low) for low, size in places if low < len(context)]
    pieces = excerpt(context, spans).pieces
    at = 0
    covered = dict.fromkeys(range(1, len(spans) + 1), "")
    for piece in pieces:
        if piece.skipped:
            at += piece.skipped
            continue
        assert context.startswith(piece.text, at)
        at += len(piece.text)
        for number in piece.of:
            covered[number] += piece.text
    assert at == len(context)
    for number, span in enumerate(spans, start=1):
        assert covered[number] == span.text or len(span.text) > LONGEST_PIECE


def test_direction_follows_the_text():
    html = sheet(asked("ما هي؟", "كتبته آدا في ١٨٤٣.", "آدا"), asked("谁写的？", "由艾达撰写。", "艾达", 1))
    assert '<div class="text" dir="rtl" lang="">' in html
    assert '<div class="text" dir="ltr" lang="">' in html
    assert ("m1", "", "艾达") in marks_of(html)  # one reference needs no number


def test_questions_without_answers_and_answers_that_are_not_there_say_so():
    page = assert_ours(
        sheet(Example("1", "Who?", "Nobody."), Example("2", "Who?", "No.", ()), Example("3", "?", "x", (Span("y", 0),)))
    )
    for said in ("not labelled", "no answer in this context", "not at its start in the context"):
        assert said in page.text


def test_the_examples_that_stand_for_all_do_not_depend_on_the_order():
    records = [asked(f"Question {n}?", number=n) for n in range(100)]
    assert pick(records) == pick(records[::-1])
    assert len(pick(records)) == PICKED
    assert pick(records[:3], 5) == pick(records[:3])


# -- what must not be on it


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_can_make_an_element_an_attribute_or_steer_the_page(text):
    records = hostile_records(text)
    labelled = [TextExample(str(n), text, text, text) for n in range(3)]
    harmless = Page(sheet(*hostile_records("harmless"), report=check(hostile_records("harmless")), tokens=measures()))
    page = assert_ours(sheet(*records, report=check(records), tokens=measures(text), title=text))
    assert page.elements.count("img") == 0
    assert abs(len(page.elements) - len(harmless.elements)) < 120  # other rows, as many of them; nothing of another kind
    assert_ours(sheet(*labelled, report=check(labelled), title=text))


@settings(max_examples=60)
@given(st.text(max_size=60), st.lists(st.sampled_from(HOSTILE), max_size=3))
def test_any_text_at_all_is_only_text(text, more):
    joined = text + "".join(more)
    records = hostile_records(joined or "x")
    assert_ours(sheet(*records, report=check(records), title=joined))


def test_the_policy_forbids_all_but_the_style_of_the_page():
    html = sheet(asked())
    policy = next(value for _, name, value in Page(html).attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "<script" not in html and "style=" not in html and "http:" not in html and "https:" not in html


def test_the_page_stays_small_however_much_there_is():
    word = "w" * 10**6
    big = [Example(word + str(n), word, f"{word} {word}", tuple(Span(word, 0) for _ in range(8)), word) for n in range(2)]
    html = sheet(*big, report=check(big), title=word)
    assert len(html.encode()) < 300_000
    labels = [TextExample(str(n), f"text {n}", f"label {n} " + "x" * 5_000) for n in range(3_000)]
    html = sheet(*labels, report=check([*labels, *labels]), title="many")
    assert len(html.encode()) < 300_000
    assert "2,930 labels between them" in html
    broken = [Example(str(n), "?", "context", (Span(f"absent {n} " + "y" * 3_000, 0),)) for n in range(2_000)]
    assert len(sheet(*broken, report=check(broken)).encode()) < 300_000
    scattered = Example("1", "?", "x " * 50_000, tuple(Span("x", 2_000 * n) for n in range(40)))
    assert len(sheet(scattered).encode()) < 100_000
    assert len(show(scattered).references) == REFERENCES


def test_what_cannot_be_seen_is_shown_as_an_escape():
    assert visible("a\tb\u200bc\u00ad\ud800\n d") == r"a\tb\u200bc\xad\ud800" + "\n d"
    assert visible("می‌خواهم 👩‍🔬 ١٢ — “é”") == "می‌خواهم 👩‍🔬 ١٢ — “é”"
    assert shortened("x" * 30, 10) == "xxxxx … 20 characters … xxxxx"


# -- pictures


@given(st.dictionaries(st.integers(0, 10**7), st.integers(1, 10**9), min_size=1, max_size=40))
def test_bars_and_labels_stay_in_the_picture(values):
    picture = histogram("Contexts", "words", distribution(values))
    for bar in picture.bars:
        assert 0 <= float(bar.x) <= WIDTH
        assert float(bar.width) > 0 <= float(bar.height)
        assert 20 <= float(bar.y) <= 126
    for label in (*picture.ticks, *picture.marks):
        assert 0 <= float(label.x) <= WIDTH
    assert f"{sum(values.values()):,} of them" in picture.sentence


def test_a_picture_of_places_tells_the_share_of_each_fifth():
    picture = positions((10, 0, 0, 0) + (0,) * 12 + (0, 0, 0, 10))
    assert picture.sentence == "Where 20 answers begin, by fifths of their contexts: 50%, 0%, 0%, 0%, 50%."
    assert positions((0,) * 20).level is None
    assert bar_rows([], 0) == ()
