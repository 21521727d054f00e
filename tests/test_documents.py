import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa.corpus import read_corpus
from qa.documents import PARSERS, document_id, parse_document
from qa.errors import CorpusError
from tests.strategies import check, check_nothing_lost, html_sources, markdown_sources, plain_sources, tangles

LIMIT = 10 * 2**20
SECONDS = 20


def reasons(corpus):
    return {notice.path: notice.reason for notice in corpus.notices}


def read(path, source):
    """Return the document as if it was read from a file, None when there is no text in it."""
    try:
        return parse_document(path, source.encode().decode("utf-8-sig"))[0]
    except ValueError as error:
        if str(error) != "there is no text in it":
            raise
        return None


@pytest.mark.parametrize(
    ("path", "sources"), [("a.md", markdown_sources()), ("a.html", html_sources()), ("a.txt", plain_sources())]
)
@given(data=st.data())
def test_every_citation_is_exact_and_no_word_is_lost(path, sources, data):
    """Whatever a document consists of, each passage is its slice of the text, and each sentence of it is there."""
    source = data.draw(sources)

    document = read(path, source.text)

    if document:
        check(document)
        check_nothing_lost(document, source.sentences)
    else:
        assert source.sentences == ()


@given(st.sampled_from(sorted(PARSERS)), tangles)
@settings(max_examples=300)
def test_any_tangle_of_markup_keeps_every_citation(ending, source):
    """Whatever markup a file holds, its passages are slices of its text, at most 1,200 characters, and cover it."""
    document = read(f"a{ending}", source)

    if document:
        check(document)


@given(st.lists(st.tuples(st.sampled_from(sorted(PARSERS)), st.binary(max_size=300)), min_size=1, max_size=5))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_skipped_with_a_reason(tmp_path, write, pretend_models, files):
    """Any bytes under any accepted ending are read or skipped with a reason; the sound file beside them is read."""
    named = {f"{number}{ending}": data for number, (ending, data) in enumerate(files)}
    for old in tmp_path.iterdir():
        old.unlink()

    corpus = read_corpus(write(tmp_path, {**named, "sound.txt": "A sound sentence."}), LIMIT, SECONDS)

    skipped = {notice.path for notice in corpus.notices if notice.skipped}
    assert {document.path for document in corpus.documents} | skipped == {*named, "sound.txt"}
    assert "sound.txt" not in skipped
    for document in corpus.documents:
        check(document)


def test_documents_come_in_a_fixed_order_with_paths_and_ids(tmp_path, write):
    """Documents are ordered by path, carry it with forward slashes, and have an id that depends on it alone."""
    corpus = read_corpus(write(tmp_path, {"b.txt": "B.", "a.md": "A.", "c/d/e.html": "<p>E."}), LIMIT, SECONDS)

    assert [document.path for document in corpus.documents] == ["a.md", "b.txt", "c/d/e.html"]
    assert [document.id for document in corpus.documents] == [document_id(p) for p in ("a.md", "b.txt", "c/d/e.html")]
    assert corpus.notices == ()


@given(st.text(min_size=1).filter(lambda s: not any("\ud800" <= ch <= "\udfff" for ch in s)))
def test_an_id_is_safe_in_an_address(path):
    """An id consists of small letters, digits and hyphens, whatever the path is."""
    assert set(document_id(path)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert document_id(path) == document_id(path)


def test_line_ends_and_byte_order_marks_make_no_difference(tmp_path, write):
    """The same text with LF, CRLF, CR, a byte order mark or as UTF-16 gives the same document text."""
    text = "First line.\n\nSecond — líne.\n"
    variants = {
        "a.txt": text.encode(),
        "b.txt": text.replace("\n", "\r\n").encode(),
        "c.txt": text.replace("\n", "\r").encode(),
        "d.txt": text.encode("utf-8-sig"),
        "e.txt": text.encode("utf-16"),
        "f.txt": b"\xfe\xff" + text.encode("utf-16-be"),
    }

    corpus = read_corpus(write(tmp_path, variants), LIMIT, SECONDS)

    assert {document.text for document in corpus.documents} == {text}
    assert corpus.notices == ()


def test_latin_1_is_read_with_a_notice(tmp_path, write):
    """A file that is not UTF-8 is read as Windows-1252, and a notice says so."""
    corpus = read_corpus(write(tmp_path, {"a.txt": "Crème brûlée – “gut”.".encode("cp1252")}), LIMIT, SECONDS)

    assert corpus.documents[0].text == "Crème brûlée – “gut”."
    assert reasons(corpus) == {"a.txt": "is not UTF-8; read as Windows-1252"}
    assert not corpus.notices[0].skipped


@pytest.mark.parametrize(
    ("charset", "encoding", "text"),
    [
        ("iso-8859-1", "cp1252", "“Smørrebrød”"),
        ("ISO-8859-2", "iso-8859-2", "Łódź"),
        ("windows-1251", "cp1251", "Москва"),
        ("Shift_JIS", "cp932", "東京①"),
        ("gb2312", "gb18030", "北京 €"),
    ],
)
def test_a_page_is_read_in_the_charset_that_it_declares(tmp_path, write, charset, encoding, text):
    """A page that declares a charset of the web is read in it, without a notice."""
    page = f'<meta charset="{charset}"><p>{text}</p>'.encode(encoding)

    corpus = read_corpus(write(tmp_path, {"a.html": page}), LIMIT, SECONDS)

    assert corpus.documents[0].text == text
    assert corpus.notices == ()


@pytest.mark.parametrize(
    "charset", ["punycode", "utf-7", "unicode_escape", "undefined", "rot13", "hex", "no-such", "idna"]
)
def test_a_charset_that_is_none_of_the_web_is_ignored(tmp_path, write, charset):
    """A declared charset that is no charset of web pages does not decide how a page is read."""
    page = f"<meta charset={charset}><p>+2AA- \xe9t\xe9 \\ud800</p>".encode("latin-1")

    corpus = read_corpus(write(tmp_path, {"a.html": page}), LIMIT, SECONDS)

    assert corpus.documents[0].text == "+2AA- été \\ud800"


def test_odd_files_are_skipped_with_the_reason_and_the_rest_is_read(tmp_path, write):
    """Unknown, empty, binary, too large, linked and broken files are skipped, each with its reason."""
    outside = write(tmp_path / "outside", {"secret.txt": "Secret.", "folder/x.txt": "X."})
    corpus_folder = write(
        tmp_path / "corpus",
        {
            "good.md": "Good.",
            "picture.png": b"\x89PNG",
            "noending": "text",
            "empty.txt": "",
            "blank.md": " \n\t\n",
            "comment.md": "<!-- only this -->",
            "zeros.txt": b"a\0b",
            "random.html": bytes(range(256)) * 3,
            "large.txt": "a " * 600,
            ".hidden.md": "Hidden.",
            ".git/config.txt": "Hidden.",
            "questions.jsonl": "{}",
            "deeper/questions.jsonl": "{}",
            "folder.md/inner.txt": "Inner.",
            "bad\nname.txt": "Name.",
        },
    )
    (corpus_folder / "out.txt").symlink_to(outside / "secret.txt")
    (corpus_folder / "up.txt").symlink_to("../outside/secret.txt")
    (corpus_folder / "linked").symlink_to(outside / "folder")
    (corpus_folder / "loop").symlink_to(corpus_folder)
    (corpus_folder / "broken.md").symlink_to(corpus_folder / "nothing.md")
    (corpus_folder / "self.md").symlink_to(corpus_folder / "self.md")
    (corpus_folder / "alias.md").symlink_to("good.md")
    os.mkfifo(corpus_folder / "pipe.txt")
    (corpus_folder / os.fsdecode(b"caf\xe9.txt")).write_text("Name.", encoding="utf-8")

    corpus = read_corpus(corpus_folder, 1000, SECONDS)

    assert [document.path for document in corpus.documents] == ["alias.md", "good.md", "folder.md/inner.txt"]
    found = reasons(corpus)
    assert all(notice.skipped for notice in corpus.notices)
    assert found.pop("picture.png") == "unknown kind of file (read are .md, .markdown, .txt, .html, .htm)"
    assert "unknown kind" in found.pop("noending")
    assert "unknown kind" in found.pop("deeper/questions.jsonl")
    assert found.pop("large.txt") == "has 1,200 bytes, more than the limit of 1,000 (QA_MAX_DOCUMENT_BYTES)"
    names = "has a name that cannot be cited: it holds control characters or is not UTF-8"
    assert found == {
        "empty.txt": "is empty",
        "blank.md": "is empty",
        "comment.md": "there is no text in it",
        "zeros.txt": "is not text (binary data or an unknown encoding)",
        "random.html": "is not text (binary data or an unknown encoding)",
        "out.txt": "is a link that leads out of the corpus",
        "up.txt": "is a link that leads out of the corpus",
        "linked": "is a link that leads out of the corpus",
        "loop": "is a link to a folder; linked folders are not entered",
        "broken.md": "is a link that leads nowhere",
        "self.md": "is a link that leads back to itself",
        "pipe.txt": "is not a regular file",
        "bad\\nname.txt": names,
        "caf\\udce9.txt": names,
    }


def test_a_notice_that_quotes_the_document_cannot_steer_a_terminal(tmp_path, write):
    """What a notice quotes of a document comes without control characters."""
    corpus = read_corpus(write(tmp_path, {"a.md": "Text.\n\n<!-- note \x1b[2J\n" + "more " * 1000}), LIMIT, SECONDS)

    assert "<!-- note \\x1b[2J more" in reasons(corpus)["a.md"]


def test_a_file_of_twenty_megabytes_is_not_even_opened(tmp_path, write):
    """A file above the limit is skipped by its size; a sparse one of 20 MB costs nothing."""
    folder = write(tmp_path, {"good.txt": "Good."})
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(20 * 2**20)

    corpus = read_corpus(folder, LIMIT, SECONDS)

    assert reasons(corpus) == {
        "huge.txt": "has 20,971,520 bytes, more than the limit of 10,485,760 (QA_MAX_DOCUMENT_BYTES)"
    }


def test_no_folder_is_an_error(tmp_path):
    """A corpus that is no folder, or leads back to itself, is refused with its name and the option for another."""
    (tmp_path / "loop").symlink_to("loop")

    for name in ("gone", "loop"):
        with pytest.raises(CorpusError, match=f"{name} is not a folder; name the folder of documents with --corpus"):
            read_corpus(tmp_path / name, LIMIT, SECONDS)


def test_nothing_readable_is_an_error_that_lists_why(tmp_path, write):
    """A corpus without a readable document is refused, with the reason for each file."""
    with pytest.raises(CorpusError, match=r"(?s)no readable document .*\.md.*\n  a\.txt: is empty\n  b\.png: unknown"):
        read_corpus(write(tmp_path, {"a.txt": "", "b.png": "x"}), LIMIT, SECONDS)


@pytest.mark.parametrize(
    ("path", "source", "title"),
    [
        ("a.md", "---\ntitle: From above\n---\n# Heading", "From above"),
        ("a.md", "Text.\n\n# The heading\n\n# Another", "The heading"),
        ("a.html", "<title> The  page </title><h1>Heading</h1>", "The page"),
        ("a.txt", "= Top =\n\nText.", "Top"),
        ("some notes.txt", "just text.", "some notes"),
    ],
)
def test_the_title_is_the_best_there_is(path, source, title):
    """The title comes from the front matter, else from the first heading of level 1, else from the file's name."""
    assert parse_document(path, source)[0].title == title


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "/relative", "ftp://example.org"])
def test_only_web_addresses_are_kept_as_url(url):
    """A url that is no http or https address is left out: it would become a link."""
    assert parse_document("a.md", f"---\nurl: '{url}'\n---\nText.")[0].url == ""
    assert parse_document("a.md", "---\nurl: https://example.org/a\n---\nText.")[0].url == "https://example.org/a"


@pytest.mark.parametrize(
    ("named", "language"), [("de_DE", "de-DE"), ("PT-br", "PT-br"), ("german", "en"), ("de_DE.UTF-8", "en")]
)
def test_a_language_is_a_tag_or_english(named, language):
    """The name of a locale is read as the tag it means; what is no tag is named, for English is taken instead."""
    document, notices = parse_document("a.md", f"---\nlanguage: {named}\n---\nText.")

    assert document.language == language
    assert [f"language {named!r}" in notice for notice in notices] == ([True] if language == "en" else [])


def test_front_matter_becomes_the_document_s_fields():
    """Each known key of the front matter fills its field; `retold_from` goes before `source`."""
    front = "title: T\nkind: K\nsource: S\nretold_from: R\nurl: https://x.org\nlanguage: de\nlicense: L\n"

    document, notices = parse_document("a.md", f"---\n{front}---\nText.")

    assert (document.title, document.kind, document.source, document.url) == ("T", "K", "R", "https://x.org")
    assert (document.language, document.license, notices) == ("de", "L", ())
