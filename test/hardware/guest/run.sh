#!/bin/bash
# Runs inside the guest: udev, which names the ports and tells libusb of plugs, then the tests.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp CI=true CANTEEN_REPLUGS="$3"
# udevadm would refuse to work in a changed root, which this is.
export SYSTEMD_IGNORE_CHROOT=1
cd "$1" || exit 1
/lib/systemd/systemd-udevd --daemon
udevadm trigger
udevadm settle
"$2" node_modules/vitest/vitest.mjs run --config test/hardware/vitest.config.ts ${4:+-t "$4"}
