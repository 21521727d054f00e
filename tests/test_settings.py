from dataclasses import fields
from pathlib import Path

import pytest

from qa.errors import BadSetting
from qa.settings import Settings, from_environment, unknown_variables, variable


def test_without_variables_the_defaults_hold():
    """An empty environment, and empty or unknown variables, give the defaults."""
    assert from_environment({}) == Settings()
    assert from_environment({"QA_PORT": "", "QA_MODEL": "  ", "QA_NO_SUCH": "x"}) == Settings()


def test_each_setting_has_a_variable():
    """Every setting can be set by `QA_` and its name in capitals, and says what it means."""
    values = {"QA_PORT": "80", "QA_THREADS": "2", "QA_MIN_CONFIDENCE": "0.25", "QA_MAX_DOCUMENT_BYTES": "7"}
    values |= {"QA_LOG_QUESTIONS": "true", "QA_MAX_DOCUMENT_SECONDS": "9", "QA_CACHE": "9"}
    values |= {"QA_TRUSTED_PROXIES": "1", "QA_QUEUE": "3", "QA_QUEUE_SECONDS": "1.5", "QA_QUESTION_SECONDS": "2.5"}
    values |= {"QA_RATE_LIMIT": "1/day", "QA_CORS_ORIGINS": "*"}
    values |= dict.fromkeys(["QA_TOKENS_SHA256", "QA_METRICS_TOKEN_SHA256"], "a" * 64)

    for spec in fields(Settings):
        raw = values.get(variable(spec.name), "elsewhere")
        changed = from_environment({variable(spec.name): raw})
        assert getattr(changed, spec.name) == type(spec.default)(raw) != spec.default
        assert spec.metadata["about"]


def test_values_get_their_type():
    """Folders become paths, numbers numbers."""
    settings = from_environment({"QA_CORPUS": "/a b", "QA_PORT": " 80 ", "QA_MIN_CONFIDENCE": "1"})

    assert (settings.corpus, settings.port, settings.min_confidence) == (Path("/a b"), 80, 1.0)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        *((raw, True) for raw in ("true", "True", "1", "yes", " YES ")),
        *((raw, False) for raw in ("false", "False", "0", "no")),
    ],
)
def test_yes_and_no_can_be_said_in_several_ways(raw, value):
    """A setting that is on or off is read for what it says: "false" is not on."""
    assert from_environment({"QA_LOG_QUESTIONS": raw}).log_questions is value


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("QA_PORT", "http", "QA_PORT is 'http'; it must be a whole number"),
        ("QA_PORT", "1.5", "QA_PORT is '1.5'; it must be a whole number"),
        ("QA_LOG_QUESTIONS", "maybe", "QA_LOG_QUESTIONS is 'maybe'; it must be true or false"),
        ("QA_LOG_QUESTIONS", "2", "QA_LOG_QUESTIONS is '2'; it must be true or false"),
        ("QA_MIN_CONFIDENCE", "half", "QA_MIN_CONFIDENCE is 'half'; it must be a number"),
        ("QA_PORT", "65536", "QA_PORT is 65536; it must be from 0 to 65,535 (port to listen on; 0 takes a free one)"),
        ("QA_PORT", "-1", "QA_PORT is -1; it must be from 0 to 65,535 (port to listen on; 0 takes a free one)"),
        ("QA_THREADS", "0", "QA_THREADS is 0; it must be from 1 to 64 (questions answered at the same time)"),
        ("QA_MAX_DOCUMENT_BYTES", "0", "QA_MAX_DOCUMENT_BYTES is 0; it must be from 1 to 1,073,741,824 (larger files "),
        ("QA_MAX_DOCUMENT_BYTES", str(10**12), f"QA_MAX_DOCUMENT_BYTES is {10**12}; it must be from 1 to 1,073,741,"),
        ("QA_MAX_DOCUMENT_SECONDS", str(10**10), f"QA_MAX_DOCUMENT_SECONDS is {10**10}; it must be from 1 to 3,600 "),
        ("QA_MIN_CONFIDENCE", "1.01", "QA_MIN_CONFIDENCE is 1.01; it must be from 0 to 1 "),
        ("QA_MIN_CONFIDENCE", "nan", "QA_MIN_CONFIDENCE is nan; it must be from 0 to 1 "),
        ("QA_MIN_CONFIDENCE", "inf", "QA_MIN_CONFIDENCE is inf; it must be from 0 to 1 "),
    ],
)
def test_a_bad_value_is_named_with_its_limits(name, raw, message):
    """A value that cannot be read or is out of range is refused; the message names variable, value and limits."""
    with pytest.raises(BadSetting) as caught:
        from_environment({name: raw})

    assert str(caught.value).startswith(message)


def test_settings_from_the_command_line_are_checked_too():
    """A bad value fails where the settings are made, not at the first use."""
    with pytest.raises(BadSetting, match="QA_PORT is 70000"):
        Settings(port=70_000)


def test_the_index_has_a_name_that_faiss_can_open(tmp_path):
    """Any folder may hold the documents, whatever its bytes."""
    assert Settings(index=tmp_path / "ij é", corpus=Path("c\udcff")).corpus == Path("c\udcff")
    with pytest.raises(BadSetting, match=r"^QA_INDEX is 'j\\udcff'; it must be a path in UTF-8"):
        Settings(index=Path("j\udcff"))


def test_names_of_the_service_are_those_that_a_request_can_hold():
    """A scheme, a port or a path would fit no request: every one would be refused."""
    for good in ("*", "docs.example.org", "Localhost, 127.0.0.1,::1", "my_host,*"):
        assert Settings(hosts=good).hosts == good
    for bad in ("http://docs.example.org", "docs.example.org:8443", "a/b", "a b", "a,", "[::1]", "cafe:8443", "é.org"):
        with pytest.raises(BadSetting, match=r"^QA_HOSTS is '.*'; it must list names such as docs\.example\.org"):
            Settings(hosts=bad)


def test_a_variable_that_sets_nothing_is_found():
    """With the one that is most like it; variables of other programs are left alone."""
    environment = {"QA_THREAD": "3", "QA_XYZ": "", "QA_PORT": "1", "QAT": "x", "PATH": "/bin"}

    assert unknown_variables(environment) == {"QA_THREAD": "QA_THREADS", "QA_XYZ": ""}
