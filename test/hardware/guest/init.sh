#!/bin/busybox sh
# The guest's first process: a USB bus with both ends, and the tests. /guest.env says where the checkout is.
parameters_of() {
  [ "$1" != dummy_hcd.ko ] || echo num=4
}
. /boot.sh
mount -t configfs config /sys/kernel/config
mount -t sysfs sys /guest/sys
mount --bind /sys/kernel/config /guest/sys/kernel/config
mount --bind /dev /guest/dev
mkdir -p /guest/dev/pts /guest/dev/shm /guest/tmp /guest/results
mount -t devpts pts /guest/dev/pts
mount -t tmpfs shm /guest/dev/shm
mount -t tmpfs run /guest/run
mount -t tmpfs tmp /guest/tmp
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 results /guest/results || echo "guest: no results folder"
ip link set lo up
echo "guest: up after $(cut -d' ' -f1 /proc/uptime) s"
chroot /guest /bin/bash "$CHECKOUT/test/hardware/guest/run.sh" "$CHECKOUT" "$NODE" "$REPLUGS" "$ONLY"
echo "guest: done after $(cut -d' ' -f1 /proc/uptime) s"
poweroff -f
