"""Others' readers of what hotref exports, each at its strictest."""
import json
import subprocess
import zlib

import jsonschema
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from recording import ROOT


def speedscope(name):
    """A file of speedscope's. A browser that is sent to a page that is not there waits for long."""
    path = ROOT / "build/consumers/node_modules/speedscope/dist/release" / name
    assert path.exists(), "speedscope is missing: make consumers"
    return path


def exported(hotref, profile, format, *options):
    """What `report -f FORMAT` prints, as bytes: no reader gets line ends that Python has changed."""
    path = profile.with_suffix(f".{format}")
    status, stdout, stderr = hotref("report", "-i", profile, "-f", format, "-o", path, *options)
    assert (status, stdout, stderr) == (0, "", "")
    return path.read_bytes()


class Speedscope:
    """As its own schema says."""

    def __init__(self, content):
        self.json = json.loads(content)
        jsonschema.validate(self.json, json.loads(speedscope("file-format-schema.json").read_text()))
        self.frames = self.json["shared"]["frames"]
        self.profiles = {profile["name"]: profile for profile in self.json["profiles"]}

    def stacks(self, name):
        """[([frame, from the root], weight)]"""
        profile = self.profiles[name]
        assert len(profile["samples"]) == len(profile["weights"])
        return [([self.frames[number] for number in stack], weight)
                for stack, weight in zip(profile["samples"], profile["weights"])]


def unescaped(text):
    """A string of protobuf's text format, in quotes."""
    escapes = {"n": b"\n", "r": b"\r", "t": b"\t", '"': b'"', "'": b"'", "\\": b"\\"}
    found, at = b"", 1
    while at < len(text) - 1:
        if text[at] != "\\":
            found += text[at].encode()
            at += 1
        elif text[at + 1] in escapes:
            found += escapes[text[at + 1]]
            at += 2
        else:
            found += bytes([int(text[at + 1:at + 4], 8)])
            at += 4
    return found.decode()


def parsed(lines):
    """{name: [value or message]} of protobuf's text format, up to the closing brace."""
    message = {}
    for line in lines:
        line = line.strip()
        if line == "}":
            break
        if line.endswith(" {"):
            message.setdefault(line[:-2], []).append(parsed(lines))
            continue
        name, _, value = line.partition(": ")
        message.setdefault(name, []).append(unescaped(value) if value.startswith('"') else value)
    return message


class Pprof:
    """As protoc decodes it, by hotref's own description of the format."""

    def __init__(self, content):
        bytes_ = zlib.decompress(content, wbits=31)
        decoded = subprocess.run(["protoc", f"--proto_path={ROOT / 'user/emit'}", "--decode=pprof.Profile", "profile.proto"],
                                 input=bytes_, capture_output=True, check=True)
        assert decoded.stderr == b""
        self.message = parsed(iter(decoded.stdout.decode().split("\n")[:-1]))
        self.texts = self.message["string_table"]
        assert self.texts[0] == "" and len(set(self.texts)) == len(self.texts)
        self.types = [(self._text(found, "type"), self._text(found, "unit")) for found in self.message["sample_type"]]
        self._functions = self._by_id("function")
        self._locations = self._by_id("location")
        self._mappings = self._by_id("mapping")

    def _text(self, message, name):
        return self.texts[int(message.get(name, ["0"])[0])]

    def _by_id(self, name):
        found = {int(message["id"][0]): message for message in self.message.get(name, [])}
        assert len(found) == len(self.message.get(name, [])) and 0 not in found
        return found

    def _frame(self, number):
        """(name, file, line, the file that is mapped)."""
        location = self._locations[int(number)]
        line, = location["line"]
        function = self._functions[int(line["function_id"][0])]
        mapping = self._mappings.get(int(location.get("mapping_id", ["0"])[0]), {})
        return (self._text(function, "name"), self._text(function, "filename"), int(line.get("line", ["0"])[0]),
                self._text(mapping, "filename"))

    def _labels(self, sample):
        labels = {}
        for label in sample.get("label", []):
            number = label.get("num")
            labels[self._text(label, "key")] = int(number[0]) if number else self._text(label, "str")
        return labels

    def samples(self):
        """[([frame, from the leaf], {type: value}, labels)]"""
        for sample in self.message.get("sample", []):
            assert len(sample["value"]) == len(self.types)
            values = {type_: int(value) for (type_, _), value in zip(self.types, sample["value"])}
            yield [self._frame(number) for number in sample["location_id"]], values, self._labels(sample)

    @property
    def default(self):
        return self._text(self.message, "default_sample_type")


def openmetrics(content):
    """{name of the sample: [(labels, value)]}; the reader takes nothing that is twice there, or not as it is described."""
    return by_sample(read_openmetrics(content.decode()))


def prometheus(content):
    return by_sample(read_prometheus(content.decode()))


def by_sample(families):
    found = {}
    for family in families:
        assert family.type != "unknown" and family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    for samples in found.values():
        assert len({tuple(sorted(labels.items())) for labels, _ in samples}) == len(samples)
    return found
