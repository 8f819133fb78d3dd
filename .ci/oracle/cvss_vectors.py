"""Severity vectors, valid and broken, with what an independent library makes of them."""
import random as _random

from cvss import CVSS2, CVSS3, CVSS4
from cvss.exceptions import CVSSError

V2 = {"AV": "LAN", "AC": "HML", "Au": "MSN", "C": "NPC", "I": "NPC", "A": "NPC"}
V2_MORE = {"E": ["U", "POC", "F", "H", "ND"], "RL": ["OF", "TF", "W", "U", "ND"], "RC": ["UC", "UR", "C", "ND"],
           "CDP": ["N", "L", "LM", "MH", "H", "ND"], "TD": ["N", "L", "M", "H", "ND"], "CR": ["L", "M", "H", "ND"]}
V3 = {"AV": "NALP", "AC": "LH", "PR": "NLH", "UI": "NR", "S": "UC", "C": "HLN", "I": "HLN", "A": "HLN"}
V3_MORE = {"E": "XUPFH", "RL": "XOTWU", "RC": "XURC", "CR": "XLMH", "IR": "XLMH", "AR": "XLMH", "MAV": "XNALP", "MS": "XUC", "MC": "XNLH"}
V4 = {"AV": "NALP", "AC": "LH", "AT": "NP", "PR": "NLH", "UI": "NPA", "VC": "HLN", "VI": "HLN", "VA": "HLN", "SC": "HLN", "SI": "HLN", "SA": "HLN"}
V4_THREAT = {"E": "XAPU"}
V4_MORE = {"CR": "XHML", "IR": "XHML", "AR": "XHML", "MAV": "XNALP", "MVC": "XHLN", "MSI": "XSHLN", "MSA": "XSHLN"}
V4_SUPPLEMENT = {"S": "XNP", "AU": "XNY", "R": "XAUI", "V": "XDC", "RE": "XLMH", "U": ["X", "Clear", "Green", "Amber", "Red"]}
FORMS = [("v2", "", V2, CVSS2), ("v3.0", "CVSS:3.0/", V3, CVSS3), ("v3.1", "CVSS:3.1/", V3, CVSS3), ("v4", "CVSS:4.0/", V4, CVSS4)]
BROKEN = ["", "CVSS:3.1", "CVSS:3.1/", "CVSS:5.0/AV:N", "AV:N", "low", "9.8", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
          "CVSS:3.2/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"]


def judge(vector):
    """`base_score` and `severity`, or `error`."""
    parser = CVSS4 if vector.startswith("CVSS:4") else CVSS3 if vector.startswith("CVSS:3") else CVSS2
    try:
        judged = parser(vector)
    except (CVSSError, ValueError, KeyError, IndexError):
        return {"error": True}
    return {"base_score": float(judged.base_score), "severity": judged.severities()[0].lower()}


def lines(vectors, seed, each):
    random = _random.Random(seed)
    seen = set()

    def line(vector, kind):
        if vector not in seen:
            seen.add(vector)
            yield {"vector": vector, "kind": kind} | judge(vector)

    def some(metrics):
        return [f"{name}:{random.choice(values)}" for name, values in metrics.items() if random.random() < 0.5]

    for vector in vectors:
        yield from line(vector, "data")
    for vector in BROKEN:
        yield from line(vector, "broken")
    for version, prefix, metrics, _ in FORMS:
        for _ in range(each):
            base = [f"{name}:{random.choice(values)}" for name, values in metrics.items()]
            yield from line(prefix + "/".join(base), version)
            if version == "v4":
                # In 4.0 there is one score, which threat and environment change; what supplements does not.
                yield from line(prefix + "/".join(base + some(V4_SUPPLEMENT)), "v4 with supplements")
                yield from line(prefix + "/".join(base + some(V4_THREAT) + some(V4_MORE)), "v4 with threat and environment")
            else:
                yield from line(prefix + "/".join(base + some(V2_MORE if version == "v2" else V3_MORE)), f"{version} with more")
        for _ in range(each // 4):
            base = [f"{name}:{random.choice(values)}" for name, values in metrics.items()]
            at = random.randrange(len(base))
            name = base[at].split(":")[0]
            yield from line(prefix + "/".join(base[:at] + base[at + 1 :]), f"{version} without a metric")
            yield from line(prefix + "/".join(base[:at] + [f"{name}:Q"] + base[at + 1 :]), f"{version} with an unknown value")
            yield from line(prefix + "/".join(base + ["ZZ:Q"]), f"{version} with an unknown metric")
            yield from line(prefix + "/".join(base + [base[at]]), f"{version} with a metric twice")
            yield from line((prefix + "/".join(base)).lower(), f"{version} in lower case")
            yield from line(prefix + "/".join(base) + "/", f"{version} with a slash at the end")
            yield from line(prefix + "/".join(random.sample(base, len(base))), f"{version} in another order")
