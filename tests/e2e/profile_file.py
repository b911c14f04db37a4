"""The bytes of a profile (docs/profile.md), for tests that need one that nobody recorded."""
import struct
import zlib

HEADER = struct.Struct("<8sIIIIQ")
SECTION = struct.Struct("<4sIQQII")
OBJECT = struct.Struct("<IIIIQQ")
COUNT = struct.Struct("<IIIIII5Q")


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


def add_contended(sections, name):
    """One more object, named so, that two threads use like the first count's."""
    objects, counts, text = sections[b"OBJS"], sections[b"CNTS"], sections[b"TEXT"]
    target, type_name = OBJECT.unpack_from(objects[1], objects[0])[:2]
    first = COUNT.unpack_from(counts[1], counts[0])
    number = len(objects[1]) // objects[0]
    objects[1].extend(OBJECT.pack(target, type_name, len(text[1]), 0, 0x7f0000000000 + 64 * number, 0)
                      .ljust(objects[0], b"\0"))
    text[1].extend(name.encode() + b"\0")
    for thread in 1, 2:
        counts[1].extend(COUNT.pack(number, first[1], thread, *first[3:6], 1 + number % 1000, 0, 0, 0, 0)
                         .ljust(counts[0], b"\0"))
