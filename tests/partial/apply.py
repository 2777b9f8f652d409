#!/usr/bin/python3
"""apply.py - applies pidf-diffs with lxml's XPath, sharing nothing with the server.

    apply.py <TRIPLES       each "FROM_LENGTH DIFF_LENGTH TO_LENGTH" and a line feed, then the octets
    apply.py FROM DIFF      prints what DIFF makes of FROM

RFC 5261 as its text says, as far as a notifier's diffs need it. Compares Canonical XML, with
comments and all declarations. The last line is in the form of `check`, for tests/support/count.sh.
"""
import copy
import re
import sys

from lxml import etree

PATCH = '{urn:ietf:params:xml:ns:pidf-diff}'
PARSER = etree.XMLParser(strip_cdata=True, resolve_entities=False, remove_blank_text=False)


def locate(root, patch):
    """Section 4.2.1: a name without prefix is in the default namespace of the diff."""
    spaces = {prefix: uri for prefix, uri in patch.nsmap.items() if prefix}
    spaces['default-namespace'] = patch.nsmap.get(None) or 'urn:none'

    def qualify(part):
        if part[0] in '\'"' or None not in patch.nsmap:
            return part
        return re.sub(r'(?<![@\w.:-])([A-Za-z_][\w.-]*)(?![\w.-]*(?:::?|\())', r'default-namespace:\1', part)

    selector = ''.join(qualify(part) for part in re.findall(r"'[^']*'|\"[^\"]*\"|[^'\"]+", patch.get('sel')))
    found = root.getroottree().xpath('/' + selector.lstrip('/'), namespaces=spaces)
    if len(found) != 1:
        raise ValueError('%d nodes at %s' % (len(found), selector))
    return found[0]


def put_text(parent, index, text):
    """Puts text before the child at `index`."""
    if not text:
        return
    if index == 0:
        parent.text = (parent.text or '') + text
    else:
        parent[index - 1].tail = (parent[index - 1].tail or '') + text


def remove(node):
    parent, index = node.getparent(), node.getparent().index(node)
    tail, node.tail = node.tail, None
    parent.remove(node)
    put_text(parent, index, tail)


def insert(parent, index, patch):
    put_text(parent, index, patch.text)
    for child in patch:
        child = copy.deepcopy(child)
        parent.insert(index, child)
        index += 1


def redeclare(root, change):
    """The declarations of an lxml element cannot change, so it is made anew."""
    spaces = dict(root.nsmap)
    change(spaces)
    made = etree.Element(root.tag, nsmap=spaces)
    made.text = root.text
    for name, value in root.attrib.items():
        made.set(name, value)
    made.extend(list(root))
    return made


def attribute_name(patch, name):
    prefix, colon, local = name.rpartition(':')
    if prefix == 'xml':
        return '{http://www.w3.org/XML/1998/namespace}' + local
    return '{%s}%s' % (patch.nsmap[prefix], local) if colon else local


def apply_add(root, patch):
    target, kind, pos = locate(root, patch), patch.get('type'), patch.get('pos')
    if kind and kind.startswith('namespace::'):
        assert target is root
        return redeclare(root, lambda spaces: spaces.update({kind[11:]: patch.text}))
    if kind:
        name = attribute_name(patch, kind[1:])
        assert name not in target.attrib
        target.set(name, patch.text or '')
    elif pos is None:
        insert(target, len(target), patch)
    elif pos == 'prepend':
        text, target.text = target.text, None
        insert(target, 0, patch)
        put_text(target, len(patch), text)
    else:
        parent = target.getparent()
        tail, target.tail = target.tail, None if pos == 'after' else target.tail
        index = parent.index(target) + (pos == 'after')
        insert(parent, index, patch)
        if pos == 'after':
            put_text(parent, index + len(patch), tail)
    return root


def apply_replace(root, patch):
    target = locate(root, patch)
    if isinstance(target, etree._Element):
        [child] = patch
        child = copy.deepcopy(child)
        child.tail = target.tail
        target.getparent().replace(target, child)
    elif target.is_attribute:
        target.getparent().set(target.attrname, patch.text or '')
    elif target.is_text:
        target.getparent().text = patch.text
    else:
        target.getparent().tail = patch.text
    return root


def apply_remove(root, patch):
    if '/namespace::' in patch.get('sel'):
        parent, prefix = patch.get('sel').split('/namespace::')
        assert parent == '*' and root.nsmap[prefix]
        return redeclare(root, lambda spaces: spaces.pop(prefix))
    target = locate(root, patch)
    if isinstance(target, etree._Element):
        ws = patch.get('ws')
        if ws in ('after', 'both'):
            assert target.tail and not target.tail.strip()
            target.tail = None
        if ws in ('before', 'both'):
            before, parent = target.getprevious(), target.getparent()
            assert not (parent.text if before is None else before.tail).strip()
            if before is None:
                parent.text = None
            else:
                before.tail = None
        remove(target)
    elif target.is_attribute:
        del target.getparent().attrib[target.attrname]
    elif target.is_text:
        target.getparent().text = None
    else:
        target.getparent().tail = None
    return root


OPERATIONS = {PATCH + 'add': apply_add, PATCH + 'replace': apply_replace, PATCH + 'remove': apply_remove}


def apply(document, diff):
    root, diff = etree.fromstring(document, PARSER), etree.fromstring(diff, PARSER)
    assert diff.tag == PATCH + 'pidf-diff'
    for patch in diff.iterchildren('*'):
        root = OPERATIONS[patch.tag](root, patch)
    return root


def canonical(root):
    return etree.tostring(root, method='c14n')


def read_triples(stream):
    while header := stream.readline():
        yield tuple(stream.read(int(length)) for length in header.split())


def main():
    if len(sys.argv) == 3:
        documents = [open(path, 'rb').read() for path in sys.argv[1:]]
        sys.stdout.buffer.write(canonical(apply(*documents)) + b'\n')
        return 0
    checks = failures = 0
    for before, diff, after in read_triples(sys.stdin.buffer):
        checks += 1
        try:
            made, wanted = canonical(apply(before, diff)), canonical(etree.fromstring(after, PARSER))
            why = None if made == wanted else made.decode()
        except (AssertionError, ValueError, KeyError, etree.Error) as error:
            why = repr(error)
        if why is not None:
            failures += 1
            print('FAILED', why, before.decode(), diff.decode(), after.decode(), sep='\n')
    print('%d%%: Checks: %d, Failures: %d, Errors: 0'
          % ((checks - failures) * 100 // max(checks, 1), checks, failures))
    return 0 if checks > 0 and failures == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
