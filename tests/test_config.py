"""Settings: options over environment over file over default; each wrong value is one line that says what to do."""

from pathlib import Path

import pytest

from daypass.config import SettingsError, load

KEYS = {"DAYPASS_S3_BACKEND_ACCESS_KEY_ID": "gateway", "DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY": "hunter2hunter2"}


def test_the_defaults_need_a_data_directory_only(tmp_path: Path) -> None:
    settings = load({"data": str(tmp_path)}, {})
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8420, 1)
    assert settings.backends == ()
    assert settings.regions == frozenset()


def test_an_option_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "daypass.toml").write_text('listen = "127.0.0.1:1"\nworkers = 2\nregions = ["eu-west-1"]\n')
    environment = {"DAYPASS_DATA": str(tmp_path), "DAYPASS_LISTEN": "127.0.0.1:3", "DAYPASS_WORKERS": "4"}
    settings = load({"listen": "[::1]:5", "workers": None}, environment)
    assert (settings.host, settings.port) == ("::1", 5)
    assert settings.workers == 4
    assert settings.regions == {"eu-west-1"}


def test_a_named_configuration_file_is_read_and_must_exist(tmp_path: Path) -> None:
    named = tmp_path / "elsewhere.toml"
    with pytest.raises(SettingsError, match="cannot be read"):
        load({"data": str(tmp_path)}, {"DAYPASS_CONFIG": str(named)})
    named.write_text("workers = 3\n")
    assert load({"data": str(tmp_path)}, {"DAYPASS_CONFIG": str(named)}).workers == 3


def test_the_backend_comes_with_its_own_keys_which_do_not_show(tmp_path: Path) -> None:
    settings = load({"data": str(tmp_path), "s3_backend": "http://127.0.0.1:9000/"}, KEYS)
    (backend,) = settings.backends
    assert (backend.url, backend.region) == ("http://127.0.0.1:9000", "us-east-1")
    assert (backend.buckets, backend.keeps_dots) == (("*",), False)
    assert backend.secret.reveal() == "hunter2hunter2"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("options", "environment", "says"),
    [
        ({}, {}, "--data DIR"),
        ({"listen": "8420"}, {}, "HOST:PORT"),
        ({"listen": "127.0.0.1:http"}, {}, "HOST:PORT"),
        ({"listen": ":8420"}, {}, "HOST:PORT"),
        ({"listen": "127.0.0.1:65536"}, {}, "HOST:PORT"),
        ({"workers": 0}, {}, "1 to 256"),
        ({}, {"DAYPASS_WORKERS": "many"}, "1 to 256"),
        ({}, {"DAYPASS_REGIONS": "us-east-1,EU"}, "no region name"),
        ({"s3_backend": "127.0.0.1:9000"}, KEYS, "its URL"),
        ({"s3_backend": "ftp://127.0.0.1"}, KEYS, "its URL"),
        ({"s3_backend": "http://127.0.0.1/path"}, KEYS, "without a path"),
        ({"s3_backend": "http://k:s@127.0.0.1"}, KEYS, "do not go into its URL"),
        ({"s3_backend": "http://127.0.0.1"}, {}, "DAYPASS_S3_BACKEND_ACCESS_KEY_ID"),
        ({"s3_backend": "http://127.0.0.1"}, {**KEYS, "DAYPASS_S3_BACKEND_REGION": "x y"}, "no region name"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_says_what_to_do(
    tmp_path: Path, options: dict[str, object], environment: dict[str, str], says: str
) -> None:
    data = {} if says == "--data DIR" else {"data": str(tmp_path)}
    with pytest.raises(SettingsError, match=says) as caught:
        load(data | options, environment)
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_unknown_or_broken_line_of_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "daypass.toml"
    file.write_text("worker = 2\n")
    with pytest.raises(SettingsError, match="unknown setting `worker`"):
        load({"data": str(tmp_path)}, {})
    file.write_text("workers = \n")
    with pytest.raises(SettingsError, match="not TOML"):
        load({"data": str(tmp_path)}, {})
