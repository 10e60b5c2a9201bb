import pytest

from myna.commands import main


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["bench", "rate", "--rate", "0"], "argument --rate: 0: above 0"),
        (["bench", "rate", "--rate", "-5"], "argument --rate: -5: above 0"),
        (["bench", "pairs", "--seconds", "nan"], "argument --seconds: nan: not a number"),
        (["bench", "pairs", "--seconds", "soon"], "argument --seconds: soon: not a number"),
        (["bench", "pairs", "--warm-up", "-1"], "argument --warm-up: -1: 0 or more"),
        (["sub", "-t", "x", "-W", "0"], "argument -W/--timeout: 0: above 0"),
        (["sub", "-t", "x", "--connect-timeout", "-1"], "argument --connect-timeout: -1: above 0"),
        (["pub", "-t", "x", "-n", "--repeat-delay", "inf"], "argument --repeat-delay: inf: not a number"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    command: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 1
    assert complaint in capsys.readouterr().err
