"""The orders of versions: each scheme's own tool, asked in bulk."""
import os
import pathlib
import subprocess

import apk
import nuget
from packaging.version import InvalidVersion, Version

HELPERS = pathlib.Path(__file__).parent / "helpers"
JARS = "/usr/share/java/maven-artifact-3.x.jar:/usr/share/java/commons-lang3.jar"

# What `db compare` takes.
SCHEMES = ["apk", "composer", "deb", "gem", "go", "maven", "nuget", "pep440", "rpm", "semver"]

# The scheme of each family of ecosystems; `Linux` has no order of its own.
FAMILIES = {
    "AlmaLinux": "rpm", "Alpine": "apk", "Azure Linux": "rpm", "Bitnami": "bitnami", "Debian": "deb", "Go": "go",
    "Julia": "semver", "Maven": "maven", "Mageia": "rpm", "NuGet": "nuget", "Packagist": "composer",
    "Photon OS": "rpm", "PyPI": "pep440", "Red Hat": "rpm", "Rocky Linux": "rpm", "RubyGems": "gem",
    "SUSE": "rpm", "SwiftURL": "semver", "Ubuntu": "deb", "Wolfi": "apk", "Chainguard": "apk",
    "crates" + ".io": "semver", "npm": "npm", "openEuler": "rpm", "openSUSE": "rpm",
}


def scheme_of(ecosystem):
    """The scheme of `Debian:12`, or None. `Root:Debian:12` is as `Debian:12`."""
    return FAMILIES.get(ecosystem.removeprefix("Root:").split(":")[0])


class Orders:
    """Remembers what the tools said. `tools` is the folder that `install` made."""

    def __init__(self, tools):
        self.tools = pathlib.Path(tools).resolve()
        self.known = {}

    def ask(self, scheme, pairs):
        """Asks the scheme's tool about every pair that is not known yet."""
        known = self.known.setdefault(scheme, {})
        new = [pair for pair in dict.fromkeys(pairs) if pair not in known]
        if new:
            known.update(zip(new, self.answers(scheme, new), strict=True))

    def order(self, scheme, a, b):
        """`<`, `=`, `>`, or None where the tool refuses one of the two. Only of what was asked before."""
        found = self.known[scheme][a, b]
        return None if found == "!" else found

    def takes(self, scheme, text):
        return self.order(scheme, text, text) is not None

    def answers(self, scheme, pairs):
        direct = {"apk": apk.compare, "nuget": nuget.compare, "pep440": pep440}.get(scheme)
        if direct:
            return ["!" if (sign := direct(a, b)) is None else "=><"[sign] for a, b in pairs]
        command = {
            "bitnami": ["node", HELPERS / "order.js", "bitnami"],
            "composer": ["php", HELPERS / "order.php"],
            "deb": ["/usr/bin/python3", HELPERS / "order_deb_rpm.py", "deb"],
            "gem": ["ruby", HELPERS / "order.rb"],
            "go": [self.tools / "go" / "order"],
            "maven": ["java", "-cp", f"{self.tools}/java:{JARS}", "Order"],
            "npm": ["node", HELPERS / "order.js", "npm"],
            "rpm": ["/usr/bin/python3", HELPERS / "order_deb_rpm.py", "rpm"],
            "semver": ["node", HELPERS / "order.js", "semver"],
        }[scheme]
        text = "".join(f"{a}\t{b}\n" for a, b in pairs)
        environment = os.environ | {"NODE_PATH": str(self.tools / "node_modules")}
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, env=environment)
        answers = done.stdout.split()
        assert len(answers) == len(pairs), (scheme, len(answers), len(pairs), done.stderr[:500])
        return answers


def pep440(a, b):
    try:
        left, right = Version(a), Version(b)
    except InvalidVersion:
        return None
    return (left > right) - (left < right)
