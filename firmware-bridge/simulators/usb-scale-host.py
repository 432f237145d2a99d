#!/usr/bin/python3
"""An emulated USB HID scale (0922:8003) on umockdev, for one program.

Usage: umockdev-wrapper python3 usb-scale-host.py PROGRAM ARGUMENT...
Orders on standard input, one a line: `weight TENTHS-OF-A-GRAM`, `unplug`, `remove`, `plug`. After `unplug` transfers fail
as they do when the cable is pulled; `remove` takes the device off the bus and says {"host": "removed"} on standard
output, where the rest is the program's, and {"host": "written"} when the program sends anything to the device. It may come only when the program has let go of the device: umockdev aborts a
program whose request is under way.
Answers the few usbfs requests that libusb makes: submit, reap and discard of transfers, claim and release.
"""
import errno
import json
import os
import struct
import subprocess
import sys
import threading
import time

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import GLib, UMockdev  # noqa: E402

NODE = "/dev/bus/usb/001/002"
SYS = "/devices/pci0000:00/0000:00:14.0/usb1/1-2"
DESCRIPTORS = (
    "1201000200000008220903800001010203010902220001010080320904000001030000000921110100012245000705820308000A"
)
DESCRIPTION = f"""P: {SYS}
N: bus/usb/001/002={DESCRIPTORS}
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
E: BUSNUM=001
E: DEVNUM=002
E: DEVNAME={NODE}
E: MAJOR=189
E: MINOR=1
E: PRODUCT=922/8003/100
E: TYPE=0/0/0
A: busnum=1\\n
A: devnum=2\\n
A: bConfigurationValue=1\\n
A: bNumConfigurations=1\\n
A: bNumInterfaces= 1\\n
A: bDeviceClass=00\\n
A: bcdDevice=0100\\n
A: speed=12\\n
A: idVendor=0922\\n
A: idProduct=8003\\n
A: serial=0071234567890\\n
A: version= 2.00\\n
H: descriptors={DESCRIPTORS}
"""

GET_CAPABILITIES = 0x8004551A
SUBMIT_URB = 0x8038550A
DISCARD_URB = 0x550B
REAP_URBS = (0x4008550C, 0x4008550D)
GET_DRIVER = 0x41045508
HARMLESS = (0x8004550F, 0x80045510, 0x8108551B, 0x80045505, 0x80085504)
URB_BYTES, URB_STATUS_AT, URB_BUFFER_AT, URB_LENGTH_AT, URB_ACTUAL_AT = 56, 4, 16, 24, 28
INPUT_ENDPOINT = 0x82
REPORT_EVERY_S = 0.02


class Scale:
    """What is on the pan, and whether the cable is in. `generation` tells old file descriptors from new ones."""

    def __init__(self):
        self.tenths = 1000
        self.plugged = False
        self.generation = 0
        self.next_report = 0.0
        self.reports = 0

    def report(self):
        """Every third report is another one, with bytes inside that read as 999.9 g to a program that lost its start."""
        self.reports += 1
        if self.reports % 3 == 0:
            return bytes((4,)) + struct.pack("<BBBbH", 3, 4, 2, -1, 9999)
        return struct.pack("<BBBbH", 3, 4, 2, -1, self.tenths)


class Client:
    def __init__(self, generation):
        self.generation = generation
        self.flying = []
        self.discarded = []


testbed = UMockdev.Testbed.new()
scale = Scale()
clients = {}


def say(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def finish(argument, urb, status, data=b""):
    if data:
        urb.resolve(URB_BUFFER_AT, len(data)).update(0, data)
    urb.update(URB_STATUS_AT, struct.pack("<i", status))
    urb.update(URB_ACTUAL_AT, struct.pack("<i", len(data)))
    argument.resolve(0, 8).set_ptr(0, urb)
    return 0, 0


def reap(client, argument, gone):
    if gone and client.flying:
        return finish(argument, client.flying.pop(0)[0], -errno.ESHUTDOWN)
    if gone:
        return -1, errno.ENODEV
    if client.discarded:
        return finish(argument, client.discarded.pop(0)[0], -errno.ENOENT)
    if client.flying and time.monotonic() >= scale.next_report:
        urb, endpoint, length = client.flying.pop(0)
        scale.next_report = time.monotonic() + REPORT_EVERY_S
        return finish(argument, urb, 0, scale.report()[:length] if endpoint == INPUT_ENDPOINT else b"")
    time.sleep(0.002)
    return -1, errno.EAGAIN


def answer(client, request, argument):
    gone = not scale.plugged or client.generation != scale.generation
    if request in REAP_URBS:
        return reap(client, argument, gone)
    if gone:
        return -1, errno.ENODEV
    if request == GET_CAPABILITIES:
        argument.resolve(0, 4).update(0, struct.pack("<I", 0x1 | 0x4 | 0x8 | 0x20))
        return 0, 0
    if request in HARMLESS:
        return 0, 0
    if request == GET_DRIVER:
        return -1, errno.ENODATA
    if request == SUBMIT_URB:
        urb = argument.resolve(0, URB_BYTES)
        raw = bytes(urb.retrieve())
        client.flying.append((urb, raw[1], struct.unpack_from("<i", raw, URB_LENGTH_AT)[0]))
        if raw[1] != INPUT_ENDPOINT:
            say(host="written", endpoint=raw[1])
        return 0, 0
    if request == DISCARD_URB and client.flying:
        client.discarded.append(client.flying.pop(0))
        return 0, 0
    return -1, errno.EINVAL if request == DISCARD_URB else errno.ENOTTY


def on_ioctl(_base, handle):
    request = handle.props.request & 0xFFFFFFFF if hasattr(handle.props, "request") else handle.get_request()
    # libusb asks for the capabilities first of all: a new open, though the handle's address may be an old one's.
    if request == GET_CAPABILITIES:
        clients[hash(handle)] = Client(scale.generation)
    client = clients.setdefault(hash(handle), Client(scale.generation))
    argument = handle.get_arg() if hasattr(handle, "get_arg") else handle.props.arg
    result, error = answer(client, request, argument)
    handle.complete(result, error)
    return True


base = UMockdev.IoctlBase()
base.connect("handle-ioctl", on_ioctl)


def plug():
    scale.generation += 1
    testbed.add_from_string(DESCRIPTION)
    testbed.attach_ioctl(NODE, base)
    scale.plugged = True
    testbed.uevent("/sys" + SYS, "add")


def unplug():
    scale.plugged = False


def remove():
    testbed.uevent("/sys" + SYS, "remove")
    testbed.detach_ioctl(NODE)
    testbed.remove_device("/sys" + SYS)
    try:
        os.unlink(os.path.join(testbed.get_root_dir(), NODE.lstrip("/")))
    except FileNotFoundError:
        pass
    say(host="removed")


def obey(order, *arguments):
    if order == "weight":
        scale.tenths = int(arguments[0])
    elif order == "plug":
        plug()
    elif order == "unplug":
        unplug()
    elif order == "remove":
        remove()
    return False


def read_orders():
    for line in sys.stdin:
        GLib.idle_add(obey, *line.split())


plug()
environment = dict(os.environ, LD_PRELOAD="libumockdev-preload.so.0", UMOCKDEV_DIR=testbed.get_root_dir())
loop = GLib.MainLoop()
child = subprocess.Popen(sys.argv[1:], env=environment, stdin=subprocess.DEVNULL)
threading.Thread(target=read_orders, daemon=True).start()
threading.Thread(target=lambda: (child.wait(), loop.quit()), daemon=True).start()
loop.run()
sys.exit(child.returncode)
