import pytest

from tests.growth import check_growth


def test_work_that_grows_with_the_square_of_its_input_is_found():
    """The check that holds the parsers to their share of time lets linear work pass and no other."""
    check_growth(lambda text: [text.count("b", 0, 500) for _ in text], lambda n: "a" * n, 40_000)
    with pytest.raises(AssertionError, match=r"10,000: .* s, 40,000: "):
        check_growth(lambda text: [text.count("b") for _ in text], lambda n: "a" * n, 40_000)
