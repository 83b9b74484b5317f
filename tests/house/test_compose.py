"""Compose, .env.example, settings and README say the same about every setting."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
# Read by docker compose itself.
COMPOSE_ONLY = {"POSTGRES_PASSWORD", "WEB_PORT"}
# Of the probe, set by compose for its own containers.
PROBE_ONLY = {"PROBE_HOST"}
REQUIRED = {"SECRET_KEY", "SITE_URL", "DATABASE_URL", "REDIS_URL"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def of_settings():
    return set(re.findall(r"""(?:env(?:\.\w+)?|required)\(\s*"([A-Z][A-Z_]+)\"""", read("shopdesk/settings.py")))


def of_readme():
    return dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", read("README.md"), re.MULTILINE))


def of_example():
    return set(re.findall(r"^#? ?([A-Z_]+)=", read(".env.example"), re.MULTILINE))


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(read("docker-compose.yml"))


def test_every_setting_is_described():
    assert of_readme().keys() == of_settings()
    assert of_example() == of_settings() | COMPOSE_ONLY
    for name in COMPOSE_ONLY:
        assert f"`{name}`" in read("README.md")


def test_readme_says_what_must_be_set():
    assert {name for name, default in of_readme().items() if default == "must be set"} == REQUIRED


def test_compose_sets_only_what_is_read(compose):
    for name in ("web", "worker", "beat", "migrate"):
        given = compose["services"][name]["environment"].keys()
        assert given - PROBE_ONLY <= of_settings()
        assert given >= REQUIRED


def test_compose_refuses_with_the_sentence(compose):
    text = read("docker-compose.yml")
    used = dict(re.findall(r"\$\{([A-Z_]+)(:[?-])", text))
    assert used.keys() <= of_settings() | COMPOSE_ONLY
    for name in ("SECRET_KEY", "SITE_URL", "POSTGRES_PASSWORD", "EMAIL_URL", "DEFAULT_FROM_EMAIL"):
        assert used[name] == ":?"
        assert re.search(rf"\$\{{{name}:\?{name} is not set\. [A-Z][^}}]*\.env", text)


def test_the_image_is_safe(compose):
    for name, service in compose["services"].items():
        if name != "db":  # PostgreSQL's own image steps down from root by itself
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
            assert "no-new-privileges:true" in service["security_opt"], name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        if name != "migrate":
            assert "healthcheck" in service, name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    dockerfile = read("Dockerfile")
    assert dockerfile.index("USER shopdesk") < dockerfile.index("CMD [")
    assert "--require-hashes" in dockerfile
    assert compose["services"]["db"]["image"] == "postgres:18"
    assert compose["services"]["db"]["volumes"] == ["database:/var/lib/postgresql"]  # since 18 the parent of the data


def test_no_secret_gets_into_the_image():
    ignored = read(".dockerignore").splitlines()
    assert {".env", "var", ".git", "tests"} <= set(ignored)


def test_commands_of_compose_exist(compose):
    for name in ("worker", "beat"):
        command = compose["services"][name]["command"]
        assert command[:3] == ["celery", "-A", "shopdesk.celery"]
    assert compose["services"]["migrate"]["command"][:3] == ["python", "manage.py", "migrate"]


def test_readme_names_what_exists():
    readme = read("README.md")
    targets = set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", readme)) - {"and"} <= targets
    for path in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (ROOT / path).exists(), path
