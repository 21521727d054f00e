import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock

from qa.cli import main
from qa.index import open_index
from qa.rebuild import rebuild
from qa.settings import Settings, variable
from tests.conftest import TINY

QA = [sys.executable, "-c", "from qa.cli import main; main()"]
ROOT = Path(__file__).parents[1]
HEAVY = (
    "numpy torch faiss onnxruntime bm25s sentence_transformers tokenizers flask waitress yaml selectolax tqdm".split()
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """No `QA_*` variable of this machine and no folder beside the tests is used."""
    for name in [name for name in os.environ if name.startswith("QA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def qa(monkeypatch):
    """Return a function that runs `qa` in this process and checks the exit code and what every error looks like."""

    def run(*arguments, code=0, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code == code, result.output
        if code > 1:
            assert result.stdout == ""
            assert "Traceback" not in result.stderr
        return result

    return run


def corpus_of(write, folder, **files):
    return write(
        folder, {f"{name}.md": text for name, text in files.items()} or {"a.md": "One is here.", "b.txt": "Two."}
    )


def environment(**variables):
    """Return the environment of a process that runs this checkout, whether it is installed or not."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}


def only_line(text):
    assert text.count("\n") == 1
    assert text.endswith("\n")
    return text.strip()


def test_help_names_every_command_and_its_options(qa):
    """`qa --help` lists the commands, each has a help of its own, and each option with a variable names it."""
    text = qa("--help").stdout
    for name, command in main.commands.items():
        assert name in text
        own = " ".join(qa(name, "-h").stdout.split())
        for option in command.params:
            if hasattr(Settings, option.name or "") and option.name != "documents":
                assert variable(option.name) in own


def test_help_needs_no_heavy_import():
    """`qa --help` imports none of the libraries that take long to load."""
    lines = (
        "import sys",
        "from qa.cli import main",
        "main(['-h'], standalone_mode=False)",
        "sys.exit(' '.join(sys.modules))",
    )

    done = subprocess.run(
        [sys.executable, "-c", "; ".join(lines)], env=environment(), capture_output=True, text=True, check=False
    )

    assert "rebuild" in done.stdout
    assert not set(done.stderr.split()) & set(HEAVY)


def test_a_server_loads_nothing_that_only_rebuilds_need():
    """What embeds and indexes is half a gigabyte that answers do without."""
    lines = ("import sys", "import web.server", "sys.exit(' '.join(sys.modules))")

    done = subprocess.run(
        [sys.executable, "-c", "; ".join(lines)], env=environment(), capture_output=True, text=True, check=False
    )

    loaded = set(done.stderr.split())
    assert {"faiss", "onnxruntime"} <= loaded
    assert not loaded & {"torch", "sentence_transformers", "bm25s", "scipy", "symspellpy"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ask"],
        ["ask", "a", "b"],
        ["ask", "a", "-k", "x"],
        ["rebuild", "--no-such"],
        ["serve", "--port", "http"],
    ],
)
def test_a_wrong_call_is_told_so(qa, arguments):
    """An unknown command or option, a missing or a superfluous argument exits with 2 and the usage on stderr."""
    assert qa(*arguments, code=2).stderr.startswith("Usage: ")


def test_a_rebuild_reports_on_stdout_and_what_it_skipped_on_stderr(qa, tmp_path, write, pretend_models):
    """`qa rebuild` prints one line with the counts; skipped files and notes stand on stderr."""
    corpus = write(tmp_path / "c", {"a.md": "One is here.", "b.txt": "Zwei für “uns”.".encode("cp1252"), "c.png": "x"})

    result = qa("rebuild", "--corpus", corpus, "--index", tmp_path / "i")

    line = only_line(result.stdout)
    assert line.startswith("2 documents, 2 passages, 1 file skipped, 4 texts embedded, ")
    assert line.endswith(f" in {tmp_path / 'i'}")
    assert result.stderr == (
        "note: b.txt: is not UTF-8; read as Windows-1252\n"
        "skipped: c.png: unknown kind of file (read are .md, .markdown, .txt, .html, .htm)\n"
    )
    assert "nothing changed" in qa("rebuild", "--corpus", corpus, "--index", tmp_path / "i").stdout
    assert "4 texts embedded" in qa("rebuild", "--corpus", corpus, "--index", tmp_path / "i", "--force").stdout


def test_variables_set_what_options_do_not(qa, tmp_path, write, pretend_models):
    """`QA_*` variables are used, and an option goes before its variable."""
    corpus = corpus_of(write, tmp_path / "c")

    qa("rebuild", QA_CORPUS=corpus, QA_INDEX=tmp_path / "i")
    qa("rebuild", "--index", tmp_path / "j", QA_CORPUS=corpus, QA_INDEX=tmp_path / "i")

    assert open_index(tmp_path / "i").manifest == open_index(tmp_path / "j").manifest
    assert "skipped" in qa("rebuild", "--index", tmp_path / "k", QA_CORPUS=corpus, QA_MAX_DOCUMENT_BYTES=8).stderr


def test_the_default_folders_are_those_below_the_current_one(qa, tmp_path, write, pretend_models):
    """Without options and variables, ./corpus is indexed into ./index."""
    corpus_of(write, tmp_path / "corpus")

    qa("rebuild")

    assert open_index(tmp_path / "index").manifest.documents == 2


@pytest.mark.parametrize(("name", "value"), [("QA_PORT", "http"), ("QA_THREADS", "0"), ("QA_RATE_LIMIT", "often")])
@pytest.mark.parametrize("command", [["rebuild"], ["serve"], ["ask", "Who?"], ["verify"], ["documents"], ["doctor"]])
def test_a_bad_variable_is_wrong_usage(qa, command, name, value):
    """A variable that cannot be used exits with 2 and one line that names it, whatever the command."""
    assert only_line(qa(*command, code=2, **{name: value}).stderr).startswith(f"qa: {name} is ")


def test_a_misspelt_variable_is_told(qa, tmp_path, write, pretend_models):
    """It sets nothing, which one line on stderr says; the command goes on."""
    result = qa("rebuild", "--corpus", corpus_of(write, tmp_path / "c"), QA_THREAD=3)

    assert only_line(result.stderr) == "qa: QA_THREAD sets nothing; is QA_THREADS meant?"


def test_a_missing_corpus_is_wrong_usage(qa, tmp_path):
    """`qa rebuild` without a corpus exits with 2 and one line that names the option."""
    stderr = qa("rebuild", "--corpus", tmp_path / "gone", code=2).stderr

    assert only_line(stderr) == f"qa: {tmp_path / 'gone'} is not a folder; name the folder of documents with --corpus"


def test_an_empty_corpus_leaves_the_index(qa, tmp_path, write, pretend_models):
    """`qa rebuild` over a corpus that was emptied exits with 2, and the old index serves on."""
    corpus = corpus_of(write, tmp_path / "c")
    qa("rebuild", "--corpus", corpus)
    old = open_index(tmp_path / "index").manifest
    for path in corpus.iterdir():
        path.unlink()

    assert qa("rebuild", "--corpus", corpus, code=2).stderr.startswith(f"qa: no readable document in {corpus}")
    assert open_index(tmp_path / "index").manifest == old


def test_a_second_rebuild_at_the_same_time_is_refused(qa, tmp_path, write):
    """`qa rebuild` beside another one exits with 3 and one line."""
    (tmp_path / "index").mkdir()

    with FileLock(tmp_path / "index" / ".lock"):
        stderr = qa("rebuild", "--corpus", corpus_of(write, tmp_path / "c"), code=3).stderr

    assert only_line(stderr) == "qa: another rebuild of index is running; wait until it has ended"


def test_a_model_that_is_not_there_is_one_line(qa, tmp_path, write):
    """`QA_MODEL` with a name that cannot be loaded exits with 3 and one line that names it."""
    stderr = qa("rebuild", "--corpus", corpus_of(write, tmp_path / "c"), code=3, QA_MODEL="no-such/model").stderr

    assert "qa: the embedding model 'no-such/model' cannot be loaded" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize("command", [["ask", "Who?"], ["verify"], ["documents"]])
def test_without_an_index_the_command_that_builds_is_named(qa, tmp_path, command):
    """A command that reads the index exits with 3 when there is none, with the command that makes one."""
    stderr = qa(*command, "--index", tmp_path / "none", code=3).stderr

    assert (
        only_line(stderr)
        == f"qa: there is no index in {tmp_path / 'none'}; run: qa rebuild --index {tmp_path / 'none'}"
    )


@pytest.mark.parametrize("command", [["ask", "Who?"], ["verify"], ["documents"]])
def test_a_damaged_index_is_one_line(qa, tmp_path, write, pretend_models, command):
    """A command that reads a damaged index exits with 3 and one line with the file and the mending command."""
    qa("rebuild", "--corpus", corpus_of(write, tmp_path / "c"))
    (damaged,) = (tmp_path / "index").rglob("passages.jsonl")
    damaged.write_bytes(b"")

    line = only_line(qa(*command, code=3).stderr)

    assert f"{damaged.relative_to(tmp_path)} is damaged" in line
    assert line.endswith("run: qa rebuild --force --index index")


def test_verify_counts_what_it_checked(qa, tmp_path, write, pretend_models, monkeypatch):
    """`qa verify` prints what it checked and exits with 0; with a fault it prints that too and exits with 1."""
    qa("rebuild", "--corpus", corpus_of(write, tmp_path / "c"))

    assert only_line(qa("verify").stdout) == "2 passages and 2 sentences of 2 documents checked, 0 faults"

    monkeypatch.setattr("qa.verify.faults", lambda index: ["a.md:0-1: wrong"])

    assert qa("verify", code=1).stdout == (
        "a.md:0-1: wrong\n2 passages and 2 sentences of 2 documents checked, 1 fault\n"
    )


def test_a_list_that_cannot_be_written_is_one_line(qa, tmp_path, write, pretend_models):
    """A full disk ends a command with 2 and the reason; what an encoding lacks is escaped."""
    qa("rebuild", "--corpus", write(tmp_path / "c", {"a.md": "---\ntitle: Ἰλιάς\n---\nOne."}))

    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*QA, "documents"], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    latin = subprocess.run(
        [*QA, "documents"], env=environment(PYTHONIOENCODING="latin-1"), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (2, "qa: [Errno 28] No space left on device\n")
    assert (latin.returncode, latin.stderr) == (0, "")
    assert latin.stdout.endswith(r"\u1f38\u03bb\u03b9\u03ac\u03c2" + "\n")


@pytest.mark.parametrize(
    ("command", "streams", "code", "stderr"),
    [
        (["documents"], ">&-", 0, ""),
        (["token"], "<&- >&- 2>&-", 0, ""),
        (["--help"], "> /dev/full", 2, "qa: [Errno 28] No space left on device\n"),
        (["mcp"], "<&-", 0, ""),
    ],
)
def test_streams_may_be_closed_or_full(qa, tmp_path, write, pretend_models, command, streams, code, stderr):
    """What nobody reads goes nowhere, what is never sent has ended; what cannot be written is one line."""
    qa("rebuild", "--corpus", corpus_of(write, tmp_path / "c"))

    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {streams}', "sh", *QA, *command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, "".join(re.findall(r"^(?:qa|Trace).*\n", done.stderr, re.M))) == (code, stderr)


@pytest.mark.parametrize("option", ["--corpus", "--index"])
def test_a_folder_without_a_name_is_not_the_current_one(qa, option):
    """A variable of a script that is not set must not have the working directory indexed."""
    assert f"'{option}': the name of the folder is empty" in qa("rebuild", option, "", code=2).stderr


def test_an_index_that_may_not_be_read_is_one_that_cannot_be_used(qa, write, pretend_models):
    """By option and by variable alike; root reads as somebody else."""
    with tempfile.TemporaryDirectory() as name:  # unlike tmp_path, open to everybody
        folder = Path(name) / "index"
        folder.mkdir(mode=0)
        Path(name).chmod(0o755)
        user = os.getuid()
        if user == 0:
            os.setresuid(65534, 65534, 0)
        try:
            by_option = qa("documents", "--index", folder, code=3).stderr
            by_variable = qa("documents", code=3, QA_INDEX=folder).stderr
        finally:
            os.setresuid(user, user, user)

    assert only_line(by_option) == only_line(by_variable)
    assert str(folder) in by_option


def test_documents_are_listed_by_line(qa, tmp_path, write, pretend_models):
    """`qa documents` prints id, characters, path and title of each document, parted by tabs."""
    qa("rebuild", "--corpus", write(tmp_path / "c", {"b.txt": "Zwei 😀.", "a.md": "---\ntitle: The A\n---\nOne."}))

    rows = [line.split("\t") for line in qa("documents").stdout.splitlines()]

    assert [row[1:] for row in rows] == [["4", "a.md", "The A"], ["7", "b.txt", "b"]]


@pytest.mark.model
def test_an_answer_is_a_citation_and_exits_with_0(qa, tiny_settings, tiny_index):
    """`qa ask --json` prints a reply whose spans are slices of the documents, and nothing else on stdout."""
    result = qa(
        "ask", "How high is the lighthouse?", "--json", "-k", 3, QA_INDEX=tiny_settings.index, QA_MIN_CONFIDENCE=0
    )

    reply = json.loads(result.stdout)
    assert reply["status"] == "answered"
    assert "46 metres" in reply["answer"]["text"]
    assert 1 <= len(reply["passages"]) <= 3
    for passage in reply["passages"]:
        text = tiny_index.documents[passage["document"]["id"]].text
        assert text[passage["start"] : passage["end"]] == passage["text"]
    cited = reply["passages"][reply["answer"]["passage"] - 1]["document"]["id"]
    assert (
        tiny_index.documents[cited].text[reply["answer"]["start"] : reply["answer"]["end"]] == reply["answer"]["text"]
    )


@pytest.mark.model
def test_what_the_documents_do_not_answer_exits_with_1(qa, tiny_settings):
    """`qa ask` says that the documents do not answer, and exits with 1."""
    result = qa("ask", "Who shot first?", code=1, QA_INDEX=tiny_settings.index, QA_MIN_CONFIDENCE=1)

    assert "do not answer" in result.stdout


@pytest.mark.model
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([" "], "the question is empty"),
        (["?!"], "the question holds no letter or digit"),
        (["a" * 1001], "the question has 1,001 characters; at most 1,000 are accepted"),
        (["Who?", "-k", "0"], "k is 0; it must be a whole number from 1 to 20"),
        (["Who?", "-k", "21"], "k is 21; it must be a whole number from 1 to 20"),
        (["Who?", "--document", "nobody"], "there is no document 'nobody'; passages and the list of documents name"),
    ],
)
def test_a_bad_question_is_wrong_usage(qa, tiny_settings, arguments, message):
    """A question that cannot be asked exits with 2 and one line that says why."""
    assert only_line(qa("ask", *arguments, code=2, QA_INDEX=tiny_settings.index).stderr).startswith(f"qa: {message}")


@pytest.mark.model
def test_an_index_of_another_model_is_refused(qa, tmp_path, write, pretend_models):
    """`qa ask` with an index that was made with other weights exits with 3 and one line with both."""
    qa("rebuild", "--corpus", corpus_of(write, tmp_path / "c"))

    line = only_line(qa("ask", "Who?", code=3).stderr)

    assert line.startswith("qa: the index was made with bge-small-en-v1.5 (SHA-256 ")
    assert "8 dimensions), in use is bge-small-en-v1.5 (SHA-256 " in line


@pytest.mark.model
def test_the_same_corpus_gives_the_same_bytes_in_any_process(tmp_path, tiny_settings):
    """A process with a hash seed of its own builds what this one built, prints one line, and leaves stderr empty."""
    index = tmp_path / "index"
    arguments = ["rebuild", "--corpus", tiny_settings.corpus, "--index", index]
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"

    done = subprocess.run(
        [*QA, *arguments], env=environment(PYTHONHASHSEED=seed), capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert only_line(done.stdout).startswith("3 documents, 6 passages, 0 files skipped, ")
    ours, theirs = (
        {path.relative_to(root): path.read_bytes() for path in (root / "generations").rglob("*") if path.is_file()}
        for root in (index, tiny_settings.index)
    )
    assert ours == theirs


@pytest.mark.model
def test_an_interrupted_rebuild_ends_at_once(tmp_path, write):
    """Ctrl-C ends `qa rebuild` with 130 and one line, without waiting for texts or models that are on their way."""
    corpus, index = write(tmp_path / "corpus", TINY), tmp_path / "index"
    arguments = ["rebuild", "--corpus", corpus, "--index", index]
    process = subprocess.Popen(
        [*QA, *arguments],
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # the tests may run in the background
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (index / ".lock").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)

    _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (130, "qa: interrupted\n")


@pytest.mark.model
def test_a_rebuild_that_is_killed_leaves_the_index(tmp_path, tiny_settings, write):
    """`qa rebuild` killed at any moment leaves an index that opens, and the next rebuild succeeds and cleans up."""
    corpus = write(tmp_path / "corpus", {**TINY, "more.txt": "The harbour was dug in 1904. It froze in 1929. " * 200})
    old = open_index(tiny_settings.index).manifest.id
    running = []
    for number in range(2):
        index = Path(shutil.copytree(tiny_settings.index, tmp_path / f"index{number}"))
        arguments = ["rebuild", "--corpus", corpus, "--index", index]
        running.append((index, subprocess.Popen([*QA, *arguments], env=environment())))

    for index, process in running:
        time.sleep(random.uniform(0.5, 3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        opened = open_index(index).manifest.id
        assert process.returncode in (0, -signal.SIGKILL)
        summary = rebuild(Settings(corpus=corpus, index=index), force=False, progress=lambda *_: None)
        assert opened in (old, summary.generation)  # a kill after the switch leaves the new one, whole
        assert open_index(index).manifest.id == summary.generation != old
        assert {path.name for path in (index / "generations").iterdir()} == {old, summary.generation}
