"""Settings: options over environment over file over default; each wrong value is one line that says what to do."""

from pathlib import Path

import pytest

from daypass.config import SettingsError, exposed_file, load

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


def test_several_backends_come_from_the_file_and_the_one_of_the_environment_is_last(tmp_path: Path) -> None:
    (tmp_path / "daypass.toml").write_text(
        """
        [[backend]]
        url = "http://127.0.0.1:9001"
        access_key_id = "archive"
        secret_access_key = "hunter3hunter3"
        region = "eu-west-1"
        buckets = ["archive-*", "old"]
        keeps_dots = true
        """
    )
    settings = load({"data": str(tmp_path), "s3_backend": "http://127.0.0.1:9000"}, KEYS)
    archive, rest = settings.backends
    assert (archive.url, archive.region, archive.buckets) == (
        "http://127.0.0.1:9001",
        "eu-west-1",
        ("archive-*", "old"),
    )
    assert (archive.keeps_dots, archive.secret.reveal()) == (True, "hunter3hunter3")
    assert (rest.url, rest.buckets, rest.keeps_dots) == ("http://127.0.0.1:9000", ("*",), False)
    assert "hunter" not in repr(settings)


def test_lists_of_the_gateway_are_written_alike_in_the_environment_and_the_file(tmp_path: Path) -> None:
    environment = {
        "DAYPASS_S3_DOMAINS": "s3.test, bucket.S3.test.",
        "DAYPASS_S3_ADOPT": "data-*=123456789012 *=210987654321",
        "DAYPASS_TRUSTED_PROXIES": "10.0.0.0/8,2001:db8::/32",
        "DAYPASS_S3_BACKEND_KEEPS_DOTS": "true",
    }
    settings = load({"data": str(tmp_path), "s3_backend": "http://127.0.0.1"}, {**environment, **KEYS})
    (tmp_path / "daypass.toml").write_text(
        's3_domains = ["s3.test", "bucket.s3.test"]\ns3_adopt = ["data-*=123456789012", "*=210987654321"]\n'
        'trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"]\ns3_backend_keeps_dots = true\n'
    )
    of_file = load({"data": str(tmp_path), "s3_backend": "http://127.0.0.1"}, KEYS)
    for found in (settings, of_file):
        assert found.s3_domains == ("bucket.s3.test", "s3.test"), "of two that fit, the longer one is meant"
        assert [(rule.buckets, rule.account_id) for rule in found.adoptions] == [
            ("data-*", "123456789012"),
            ("*", "210987654321"),
        ]
        assert [str(network) for network in found.trusted_proxies] == ["10.0.0.0/8", "2001:db8::/32"]
        assert found.backends[0].keeps_dots


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
        ({"s3_backend_region": "eu-west-1"}, {}, "--s3-backend-region does nothing without --s3-backend"),
        ({"s3_backend_keeps_dots": True}, KEYS, "--s3-backend-keeps-dots does nothing without --s3-backend"),
        ({}, {"DAYPASS_S3_BACKEND_TAKES_TRAILERS": "yes"}, "takes-trailers does nothing without --s3-backend"),
        ({}, {"DAYPASS_S3_DOMAINS": "s3_test"}, "no domain for buckets' hosts"),
        ({}, {"DAYPASS_S3_ADOPT": "data-*"}, "no rule to adopt buckets"),
        ({}, {"DAYPASS_S3_ADOPT": "Data=123456789012"}, "no rule to adopt buckets"),
        ({}, {"DAYPASS_S3_ADOPT": "data=1"}, "no rule to adopt buckets"),
        ({}, {"DAYPASS_TRUSTED_PROXIES": "10.0.0.1/8"}, "no network of trusted proxies"),
        ({}, {"DAYPASS_TRUSTED_PROXIES": "proxy.internal"}, "no network of trusted proxies"),
        ({"s3_backend": "http://127.0.0.1"}, {**KEYS, "DAYPASS_S3_BACKEND_KEEPS_DOTS": "maybe"}, "neither true nor"),
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


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('url = "http://127.0.0.1"', r"in its \[\[backend"),
        ('url = "http://127.0.0.1"\naccess_key = "x"', "unknown setting `access_key`"),
        ('url = "127.0.0.1"\naccess_key_id = "x"\nsecret_access_key = "hunter2hunter2"', "its URL"),
        (
            'url = "http://h"\naccess_key_id = "x"\nsecret_access_key = "y"\nbuckets = ["A"]',
            "no pattern of bucket names",
        ),
        (
            'url = "http://h"\naccess_key_id = "x"\nsecret_access_key = "y"\nbuckets = []',
            "`buckets` is empty",
        ),
    ],
)
def test_a_backend_of_the_file_that_cannot_be_used_is_said_in_one_line(tmp_path: Path, table: str, says: str) -> None:
    (tmp_path / "daypass.toml").write_text(f"[[backend]]\n{table}\n")
    with pytest.raises(SettingsError, match=says) as caught:
        load({"data": str(tmp_path)}, {})
    assert "hunter2" not in str(caught.value)


IN_VAIN = {
    "two for all buckets": ((), ()),
    "one behind `*`": (("a-*", "*"), ("b",)),
    "one whose patterns are another's": (("a-*", "b"), ("b",)),
}


@pytest.mark.parametrize(("first", "second"), IN_VAIN.values(), ids=IN_VAIN.keys())
def test_a_backend_that_would_never_be_asked_is_refused(
    tmp_path: Path, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    lines = []
    for number, patterns in enumerate((first, second), 1):
        lines += ["[[backend]]", f'url = "http://store-{number}"', 'access_key_id = "x"', 'secret_access_key = "y"']
        lines += [f"buckets = {list(patterns)}"] if patterns else []
    (tmp_path / "daypass.toml").write_text("\n".join(lines))
    with pytest.raises(SettingsError, match="http://store-2 would never be asked"):
        load({"data": str(tmp_path)}, {})


def test_a_backend_of_the_environment_behind_one_for_all_buckets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "daypass.toml").write_text(
        '[[backend]]\nurl = "http://a"\naccess_key_id = "x"\nsecret_access_key = "y"\n'
    )
    with pytest.raises(SettingsError, match="http://b would never be asked"):
        load({"data": str(tmp_path), "s3_backend": "http://b"}, KEYS)


def test_backends_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "daypass.toml").write_text('backend = "http://127.0.0.1"\n')
    with pytest.raises(SettingsError, match=r"one \[\[backend\]\] each"):
        load({"data": str(tmp_path)}, {})


SECRET_LINE = (
    'authorizer_token = "a-token-of-more-than-thirty-two-characters"\nauthorizer_listen = "unix:/run/a.sock"\n'
)
BACKEND_LINES = '[[backend]]\nurl = "http://a"\naccess_key_id = "x"\nsecret_access_key = "y"\n'


@pytest.mark.parametrize("text", [SECRET_LINE, BACKEND_LINES], ids=["of a setting", "of a backend"])
def test_a_file_with_secrets_that_others_can_read_is_found(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    named = {"data": "/nowhere", "config": str(file)}
    tmp_path.chmod(0o755)
    for mode, is_found in ((0o644, True), (0o640, True), (0o604, True), (0o600, False)):
        file.chmod(mode)
        assert exposed_file(named, {}) == (file if is_found else None)
        assert exposed_file({}, {"DAYPASS_CONFIG": str(file)}) == (file if is_found else None)
    file.chmod(0o644)
    tmp_path.chmod(0o700)
    assert exposed_file(named, {}) is None, "a directory that is its owner's alone is enough"


def test_a_file_without_secrets_is_everybodys_to_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "daypass.toml").write_text("workers = 2\n")
    (tmp_path / "daypass.toml").chmod(0o644)
    assert exposed_file({"data": str(tmp_path)}, {}) is None
    assert exposed_file({"data": str(tmp_path / "elsewhere")}, {}) is None
