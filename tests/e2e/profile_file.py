"""The bytes of a profile (docs/profile.md), for tests that need one that nobody recorded."""
import struct
import zlib

HEADER = struct.Struct("<8sIIIIQ")
SECTION = struct.Struct("<4sIQQII")
OBJECT = struct.Struct("<IIIIQQ")
COUNT = struct.Struct("<IIIIII5Q")
SITE = struct.Struct("<IIIIQ")


def sections_of(content):
    _, _, _, count, _, _ = HEADER.unpack_from(content)
    for number in range(count):
        tag, record, offset, size, _, _ = SECTION.unpack_from(content, HEADER.size + number * SECTION.size)
        yield tag, record, content[offset:offset + size]


def container(magic, schema, sections):
    table, body = b"", b""
    start = HEADER.size + len(sections) * SECTION.size
    for tag, record, data in sections:
        offset = start + len(body)
        table += SECTION.pack(tag, record, offset, len(data), len(data) // record, zlib.crc32(data))
        body += data + bytes(-len(data) % 8)
    return HEADER.pack(magic, schema, 0, len(sections), zlib.crc32(table), start + len(body)) + table + body


def unpacked(content):
    """(magic, schema, {tag: (record size, bytearray)})."""
    magic, schema = HEADER.unpack_from(content)[:2]
    return magic, schema, {tag: (record, bytearray(data)) for tag, record, data in sections_of(content)}


def packed(magic, schema, sections):
    return container(magic, schema, [(tag, record, bytes(data)) for tag, (record, data) in sections.items()])


def text_id(sections, text):
    table = sections[b"TEXT"][1]
    table.extend(text.encode() + b"\0")
    return len(table) - len(text.encode()) - 1


def add_site(sections, function):
    """One more place in machine code, in that C function."""
    record, sites = sections[b"SITE"]
    number = text_id(sections, function)
    sites.extend(SITE.pack(number, number, 0, 0, 0x1000).ljust(record, b"\0"))
    return len(sites) // record - 1


def add_contended(sections, name, *, type_name=None, field=None, function=None):
    """One more object, named so, that two threads use; what is not given is as in the first count."""
    objects, counts = sections[b"OBJS"], sections[b"CNTS"]
    target, first_type = OBJECT.unpack_from(objects[1], objects[0])[:2]
    _, site, _, first_field, source, threads = COUNT.unpack_from(counts[1], counts[0])[:6]
    number = len(objects[1]) // objects[0]
    type_id = first_type if type_name is None else text_id(sections, type_name)
    field_id = first_field if field is None else text_id(sections, field)
    site = site if function is None else add_site(sections, function)
    objects[1].extend(OBJECT.pack(target, type_id, text_id(sections, name), 0, 0x7f0000000000 + 64 * number, 0)
                      .ljust(objects[0], b"\0"))
    for thread in 1, 2:
        counts[1].extend(COUNT.pack(number, site, thread, field_id, source, threads, 1 + number % 1000, 0, 0, 0, 0)
                         .ljust(counts[0], b"\0"))


def set_version(sections, version):
    """Of CPython, in all targets."""
    record, targets = sections[b"TARG"]
    number = text_id(sections, version)
    for start in range(record, len(targets), record):
        struct.pack_into("<I", targets, start + 16, number)
