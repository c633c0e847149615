"""Figures from the literature: a TOML file for each model of which figures are published."""

import tomllib

import pytest

import latentfit
from latentfit.declaration import _catalogue
from latentfit.errors import InputError

ENTRIES = latentfit.catalogue()
FOLDER = ENTRIES[0].path.parent / "published"
ENTRY = {"name", "value", "tolerance", "source", "data", "column", "options"}


PATHS = sorted(FOLDER.iterdir())


def test_every_file_belongs_to_a_model():
    assert PATHS
    assert {path.name for path in PATHS} <= {f"{entry.path.stem}.toml" for entry in ENTRIES}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_model_has_the_figures_of_its_file(path):
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    assert table.keys() == {"figure"}
    assert table["figure"]
    assert all(figure.keys() <= ENTRY for figure in table["figure"])
    assert latentfit.load(FOLDER.parent / f"{path.stem}.py").published == tuple(table["figure"])


def test_a_model_without_a_file_has_no_figures(tmp_path, monkeypatch):
    models = tmp_path / "models"
    models.mkdir()
    text = (FOLDER.parent / "coins.py").read_text(encoding="utf-8")
    (models / "coins.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(_catalogue, "_catalogue_folder", lambda: models)
    assert latentfit.load("coins").published == ()


def test_a_model_file_has_the_figures_by_its_path_too():
    path = FOLDER.parent / "coins.py"
    assert latentfit.load(path).published == latentfit.load("coins").published


def test_figures_of_a_users_own_file_come_first(tmp_path):
    text = (FOLDER.parent / "coins.py").read_text(encoding="utf-8")
    (tmp_path / "coins.py").write_text(text, encoding="utf-8")
    assert latentfit.load(tmp_path / "coins.py").published == ()
    own = '\npublished = ({"name": "theta[0]", "value": 0.5, "tolerance": 1, "source": "mine"},)\n'
    (tmp_path / "coins.py").write_text(text + own, encoding="utf-8")
    assert latentfit.load(tmp_path / "coins.py").published[0]["source"] == "mine"


def test_a_broken_file_is_named(tmp_path, monkeypatch):
    models = tmp_path / "models"
    (models / "published").mkdir(parents=True)
    text = (FOLDER.parent / "coins.py").read_text(encoding="utf-8")
    (models / "coins.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(_catalogue, "_catalogue_folder", lambda: models)
    for broken in ("[[figure]\n", 'title = "no figures"\n'):
        (models / "published" / "coins.toml").write_text(broken, encoding="utf-8")
        with pytest.raises(InputError, match=r"coins\.toml: not a list of \[\[figure\]\] tables"):
            latentfit.load("coins")
