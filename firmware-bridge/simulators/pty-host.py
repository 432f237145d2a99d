#!/usr/bin/python3
"""Pseudo-terminals that can be plugged and unplugged, for tests.

Reads one JSON object a line: {"do": "plug"|"unplug"|"send"|"echo", "link": PATH, "hex": BYTES}.
Writes one JSON object a line: {"plugged": PATH}, {"unplugged": PATH}, {"from": PATH, "hex": BYTES}, {"echo": LINK}.
A plug makes a pty and a symbolic link to it; an unplug hangs it up and removes the link, as the kernel does with a
USB serial adapter.
"""
import json
import os
import select
import sys
import tty

masters = {}


def say(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def plug(link):
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(os.ttyname(slave), link)
    masters[link] = (master, slave)
    say(plugged=link)


def unplug(link):
    master, slave = masters.pop(link)
    os.unlink(link)
    os.close(slave)
    os.close(master)
    say(unplugged=link)


def obey(order):
    link = order["link"]
    if order["do"] == "plug":
        plug(link)
    elif order["do"] == "unplug":
        unplug(link)
    elif order["do"] == "echo":
        say(echo=link)
    elif link in masters:
        send(link, bytes.fromhex(order["hex"]))


def send(link, data):
    """As much as fits: nobody holds a device back, so what its reader does not take in time is lost."""
    try:
        os.write(masters[link][0], data)
    except BlockingIOError:
        pass


def relay(link):
    try:
        data = os.read(masters[link][0], 4096)
    except OSError:
        return
    if data:
        say(**{"from": link, "hex": data.hex()})


pending = b""
while True:
    ready, _, _ = select.select([0, *[master for master, _ in masters.values()]], [], [])
    if 0 in ready:
        chunk = os.read(0, 65536)
        if not chunk:
            break
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            obey(json.loads(line))
    for link in [name for name, (master, _) in list(masters.items()) if master in ready]:
        relay(link)
for link in list(masters):
    os.unlink(link)
