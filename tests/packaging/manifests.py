"""Renders the chart, checks each object against Kubernetes' own schema, and prints them as JSON.

    manifests.py CHART VALUES...      the objects of the chart with these --set-json arguments
    manifests.py --yaml FILE          a YAML file as it is

Helm's complaint about values is printed as it is, with exit status 3; what Kubernetes would not take
ends with 4.
"""

import json
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import yaml

HELM = Path(sys.executable).parent / "helm"
# The oldest that the chart is for, and the newest there are schemas of.
VERSIONS = ["1.30", "1.37"]


def render(chart: str, values: list[str]) -> list[dict]:
    command = [str(HELM), "template", "it", chart, "--namespace", "auth", "--kube-version", "v1.30.0"]
    for value in values:
        command += ["--set-json", value]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr, end="")
        sys.exit(3)
    return [it for it in yaml.safe_load_all(done.stdout) if it is not None]


def check(manifest: dict) -> None:
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            name = f"{manifest.get('kind')} {manifest.get('metadata', {}).get('name')}"
            print(f"{name}, Kubernetes {version}: {error}", file=sys.stderr)
            sys.exit(4)


def main() -> None:
    first, *rest = sys.argv[1:]
    if first == "--yaml":
        print(json.dumps(yaml.safe_load(Path(rest[0]).read_text(encoding="utf-8"))))
        return
    manifests = render(first, rest)
    for manifest in manifests:
        check(manifest)
    print(json.dumps(manifests))


if __name__ == "__main__":
    main()
