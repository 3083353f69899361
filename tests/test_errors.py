from __future__ import annotations

import pickle

import pytest

from gamma_flow import errors

KINDS = [getattr(errors, name) for name in errors.__all__]
ERRORS = [kind for kind in KINDS if not issubclass(kind, Warning)]


@pytest.mark.parametrize("kind", ERRORS)
def test_a_message_is_made_of_its_parts(kind: type[errors.GammaFlowError]) -> None:
    problem = kind("too few channels", where="a.spe", expected="1024", found="386", cure="export it again")
    assert str(problem) == "a.spe: too few channels; expected 1024, found 386; export it again"
    assert str(kind("bad")) == "bad"
    assert str(kind("bad", found="x")) == "bad; found x"
    assert problem.as_dict()["cure"] == "export it again"


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_travel_between_processes(kind: type[errors.GammaFlowError]) -> None:
    problem = kind("bad", where="here", cure="mend it")
    again = pickle.loads(pickle.dumps(problem))
    assert type(again) is kind
    assert str(again) == str(problem)


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_one_tree(kind: type[BaseException]) -> None:
    root = errors.GammaFlowWarning if issubclass(kind, Warning) else errors.GammaFlowError
    assert issubclass(kind, root)
    assert kind.__name__ in (errors.__doc__ or "")


def test_errors_are_also_what_python_would_raise() -> None:
    assert issubclass(errors.DataError, ValueError)
    assert issubclass(errors.ReadError, OSError)
    assert issubclass(errors.WriteError, OSError)
    assert issubclass(errors.MissingDependencyError, ImportError)
